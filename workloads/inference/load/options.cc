#include "workloads/inference/load/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string_view>

#include "core/files.h"
#include "core/units.h"

namespace corun::inference {

namespace {

constexpr char kHelp[] =
    R"(corun-load: requests that arrive on their own (open loop) at a server that speaks the Open
Inference Protocol v2 over HTTP. Latency counts from the scheduled arrival.

usage: corun-load --model M --url http://HOST:PORT [options]
       corun-load --model M [options] -- SERVER COMMAND with {port}

  --model M             the model to ask
  --text                ask for text, token by token (generate_stream), instead of tensors
  --arrivals PROCESS    poisson (default), constant, bursty, diurnal
  --rate HZ             mean arrivals per second (default 100)
  --load FRACTION       instead: of the rate that the warm-up reaches with all connections
  --burst-ratio X       bursty: rate in a burst over the mean (default 4)
  --burst-share X       bursty: share of the time in bursts (default 0.1)
  --burst-length TIME   bursty: mean length of a burst (default 1s)
  --day TIME            diurnal: from night to noon and back (default 1m)
  --night FRACTION      diurnal: the least rate over the largest (default 0.1)
  --trace FILE          replay arrivals, and token counts if it has them, from a CSV file
  --trace-offset TIME   begin so far after its first row (default 0s)
  --trace-speed X       divide all its gaps by X (default 1)
  --prompt-tokens N     text: bytes of a prompt, a token each here (default 128)
  --answer-tokens N     text: tokens to ask for (default 32)
  --connections N       kept alive (default 64); a request waits where none is free
  --rows N              batch size of a request (default 1)
  --shape INPUT=2x3     where the model leaves sizes free (default 1 each)
  --json                send tensors as JSON instead of binary data
  --same-answers        every answer must be equal to the first one
  --slo, --ttft-slo, --tpot-slo TIME   limits that goodput counts: whole answer, first token,
                        time per further token
  --ready-within TIME   for the server to be ready (default 2m)
  --duration TIME       window of a stand-alone run (default 10s)
  --seed N              of its arrivals, and of the tensors' content (default 1)

With CORUN_ROWS set it speaks the row protocol; without it runs for --duration and prints a summary.

example: corun-load --model m --rate 300 --slo 20ms -- corun-inference --port {port} --model m=echo
exit codes: 0 ok, 1 failed, 2 usage, 3 not supported here
)";

const std::map<std::string, Arrivals> kArrivals = {{"poisson", Arrivals::kPoisson},
                                                   {"constant", Arrivals::kConstant},
                                                   {"bursty", Arrivals::kBursty},
                                                   {"diurnal", Arrivals::kDiurnal}};

/// The texts of options that are read further.
struct Texts {
  std::string arrivals = "poisson";
  std::string burst_length, day, trace, trace_offset, slo, ttft_slo, tpot_slo, ready_within,
      duration;
  std::vector<std::string> shapes;
};

Status read_duration(const char* option, const std::string& text, Nanos least, Nanos& out) {
  if (text.empty()) return {};
  CORUN_ASSIGN(out, parse_duration(text));
  if (out >= least && out <= std::chrono::hours(1000)) return {};
  return usage_error(fmt::format("{} {} is out of range", option, text));
}

Status read_limit(const char* option, const std::string& text, std::optional<Nanos>& out) {
  if (text.empty()) return {};
  CORUN_TRY(read_duration(option, text, Nanos(1), out.emplace()));
  return {};
}

Status read_arrivals(const Texts& texts, LoadOptions& options) {
  const auto process = kArrivals.find(texts.arrivals);
  if (process == kArrivals.end()) {
    return usage_error("there are no arrivals '" + texts.arrivals + "'",
                       "use poisson, constant, bursty or diurnal");
  }
  options.arrivals.process = process->second;
  stats::Bursts& bursts = options.arrivals.bursts;
  CORUN_TRY(read_duration("--burst-length", texts.burst_length, Nanos(1), bursts.length));
  if (bursts.ratio * bursts.share > 1) {
    return usage_error("--burst-ratio times --burst-share is above 1",
                       "bursts cannot hold more than all arrivals");
  }
  CORUN_TRY(read_duration("--day", texts.day, Nanos(1), options.arrivals.day.length));
  CORUN_TRY(read_duration("--trace-offset", texts.trace_offset, Nanos(0), options.arrivals.offset));
  if (texts.trace.empty()) return {};
  CORUN_ASSIGN(const std::string content, read_file(texts.trace));
  CORUN_ASSIGN(options.trace, parse_trace(content, texts.trace));
  options.arrivals.process = Arrivals::kTrace;
  return {};
}

Status read_texts(const Texts& texts, LoadOptions& options) {
  CORUN_TRY(read_arrivals(texts, options));
  CORUN_TRY(read_limit("--slo", texts.slo, options.slo.latency));
  CORUN_TRY(read_limit("--ttft-slo", texts.ttft_slo, options.slo.ttft));
  CORUN_TRY(read_limit("--tpot-slo", texts.tpot_slo, options.slo.tpot));
  CORUN_TRY(read_duration("--ready-within", texts.ready_within, Nanos(1), options.ready_within));
  CORUN_TRY(read_duration("--duration", texts.duration, Nanos(1), options.duration));
  for (const std::string& text : texts.shapes) {
    CORUN_ASSIGN(auto shape, parse_input_shape(text));
    options.target.shapes.insert(std::move(shape));
  }
  options.target.seed = options.seed;
  const bool asks_port =
      std::any_of(options.server.begin(), options.server.end(),
                  [](const std::string& word) { return word.find("{port}") != std::string::npos; });
  if (options.target.model.empty()) return usage_error("no --model is given");
  if (options.url.empty() && !asks_port) {
    return usage_error("neither --url nor a server with {port} is given",
                       "for example -- corun-inference --port {port} --model m=echo");
  }
  return {};
}

void add_options(CLI::App& app, LoadOptions& options, Texts& texts) {
  const CLI::Range count(1, 1'000'000);
  app.add_option("--model", options.target.model);
  app.add_option("--url", options.url);
  app.add_flag("--text", options.target.text);
  app.add_option("--arrivals", texts.arrivals);
  auto* rate = app.add_option("--rate", options.rate)->check(CLI::Range(0.01, 1e6));
  app.add_option("--load", options.load)->check(CLI::Range(0.001, 2.0))->excludes(rate);
  app.add_option("--burst-ratio", options.arrivals.bursts.ratio)->check(CLI::Range(1.0, 1000.0));
  app.add_option("--burst-share", options.arrivals.bursts.share)->check(CLI::Range(0.001, 0.999));
  app.add_option("--burst-length", texts.burst_length);
  app.add_option("--day", texts.day);
  app.add_option("--night", options.arrivals.day.night)->check(CLI::Range(0.0, 1.0));
  app.add_option("--trace", texts.trace);
  app.add_option("--trace-offset", texts.trace_offset);
  app.add_option("--trace-speed", options.arrivals.speed)->check(CLI::Range(0.001, 1000.0));
  app.add_option("--prompt-tokens", options.arrivals.prompt_tokens)->check(count);
  app.add_option("--answer-tokens", options.arrivals.answer_tokens)->check(count);
  app.add_option("--connections", options.connections)->check(CLI::Range(1, 50'000));
  app.add_option("--rows", options.target.rows)->check(count);
  app.add_option("--shape", texts.shapes);
  app.add_flag("--json", options.target.json);
  app.add_flag("--same-answers", options.same_answers);
  app.add_option("--slo", texts.slo);
  app.add_option("--ttft-slo", texts.ttft_slo);
  app.add_option("--tpot-slo", texts.tpot_slo);
  app.add_option("--ready-within", texts.ready_within);
  app.add_option("--duration", texts.duration);
  app.add_option("--seed", options.seed);
}

}  // namespace

Result<std::optional<LoadOptions>> parse_load_options(int argc, const char* const* argv) {
  LoadOptions options;
  Texts texts;
  // The server's words are not this program's options.
  const char* const* const end = argv + argc;
  const char* const* const dashes =
      std::find_if(argv, end, [](const char* word) { return std::string_view(word) == "--"; });
  if (dashes != end) options.server.assign(dashes + 1, end);
  CLI::App app("", "corun-load");
  app.set_help_flag();
  bool help = false;
  app.add_flag("-h,--help", help);
  app.set_version_flag("--version", std::string("corun-load ") + CORUN_VERSION);
  add_options(app, options, texts);
  try {
    app.parse(static_cast<int>(dashes - argv), argv);
  } catch (const CLI::Success& asked) {
    app.exit(asked);
    return std::optional<LoadOptions>();
  } catch (const CLI::ParseError& error) {
    return usage_error(error.what(), "see corun-load --help");
  }
  if (help) {
    fmt::print("{}", kHelp);
    return std::optional<LoadOptions>();
  }
  CORUN_TRY(read_texts(texts, options));
  return std::optional<LoadOptions>(std::move(options));
}

}  // namespace corun::inference
