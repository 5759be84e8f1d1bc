#include "workloads/inference/server/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "core/units.h"

namespace corun::inference {

const char kServerVersion[] = CORUN_VERSION;

namespace {

constexpr char kHelp[] =
    R"({0}: models behind the Open Inference Protocol v2 over HTTP.

usage: {0} --model NAME=KIND[,SETTING=VALUE]... [options]

  --model SPEC            a model; may be given several times. Kinds are below
  --address IP            where to listen (default 127.0.0.1)
  --port N                default 8000; 0: any free one, told on standard error
  --io-threads N          threads for the connections (default 2)
  --max-connections N     default 20000
  --max-body SIZE         largest body of a request (default 64MiB)
  --deadline TIME         for requests without a "timeout" (default: none)
  --request-timeout TIME  for a request to arrive whole (default 30s)
  --idle-timeout TIME     for a connection between two requests (default 10m)
  --drain TIME            after SIGTERM, for requests that were taken (default 30s)
)";
constexpr char kMeasureHelp[] =
    R"(  --measure TIME          serve nothing: run each model for so long, print a row of figures
)";

constexpr char kHelpEnd[] =
    R"(settings of every kind:
  max-batch=N (8; 0: no batches; text: sequences at once), delay=TIME (0s) to wait for a larger
  batch, preferred=N:N (none) batch sizes that do not wait, queue=N (256) requests that may wait

With CORUN_ROWS set it speaks the row protocol: rows of the first model.

example: {0} --model simple=add --model m=echo,max-batch=8,delay=1ms --port 8000
exit codes: 0 ok, 1 failed, 2 usage, 3 not supported here
)";

void print_help(const ServerProgram& program) {
  fmt::print(kHelp, program.name);
  for (const DefaultSetting& setting : program.defaults) {
    const std::string_view value = setting.value.empty() ? " WORD" : "";
    fmt::print("  {:<23} setting {}={} for all models that take it\n",
               setting.option + value.data(), setting.key,
               setting.value.empty() ? "WORD" : setting.value);
  }
  if (program.measure) fmt::print(kMeasureHelp);
  fmt::print("\nkinds and their settings:\n");
  for (const ModelKind& kind : program.kinds) {
    fmt::print("  {:<15} {}\n", kind.name, kind.about);
    if (!kind.settings.empty()) fmt::print("  {:<15} {}\n", "", kind.settings);
  }
  fmt::print(kHelpEnd, program.name);
}

/// The texts of options that are read further.
struct Texts {
  std::vector<std::string> models;
  std::string max_body, deadline, request_timeout, idle_timeout, drain, measure;
  std::vector<std::string> defaults;  ///< one for each of the program's
};

Status read_duration(const char* option, const std::string& text, Nanos& out) {
  if (text.empty()) return {};
  CORUN_ASSIGN(out, parse_duration(text));
  if (out > Nanos(0) && out <= std::chrono::hours(24)) return {};
  return usage_error(fmt::format("{} {} is out of range", option, text), "use up to 24h");
}

Status read_texts(const Texts& texts, ServerOptions& options) {
  for (const std::string& text : texts.models) {
    CORUN_ASSIGN(ModelSpec spec, parse_model_spec(text));
    options.models.push_back(std::move(spec));
  }
  if (!texts.max_body.empty()) {
    CORUN_ASSIGN(options.http.limits.body_bytes, parse_bytes(texts.max_body));
  }
  Nanos deadline{0};
  CORUN_TRY(read_duration("--deadline", texts.deadline, deadline));
  if (deadline > Nanos(0)) options.deadline = deadline;
  CORUN_TRY(
      read_duration("--request-timeout", texts.request_timeout, options.http.request_timeout));
  CORUN_TRY(read_duration("--idle-timeout", texts.idle_timeout, options.http.idle_timeout));
  CORUN_TRY(read_duration("--measure", texts.measure, options.measure));
  return read_duration("--drain", texts.drain, options.drain);
}

/// Models get the settings that were given for all.
void apply_defaults(const ServerProgram& program, const Texts& texts, ServerOptions& options) {
  for (ModelSpec& spec : options.models) {
    const ModelKind* const kind = find_kind(spec, program.kinds);
    if (kind == nullptr || !kind->takes_defaults) continue;
    for (size_t i = 0; i < program.defaults.size(); ++i) {
      if (!texts.defaults[i].empty())
        spec.settings.emplace(program.defaults[i].key, texts.defaults[i]);
    }
  }
}

void add_defaults(CLI::App& app, const ServerProgram& program, Texts& texts) {
  texts.defaults.resize(program.defaults.size());
  for (size_t i = 0; i < program.defaults.size(); ++i) {
    const DefaultSetting& setting = program.defaults[i];
    std::string& text = texts.defaults[i];
    if (setting.value.empty()) {
      app.add_option(setting.option, text);
    } else {
      app.add_flag_callback(setting.option, [&] { text = setting.value; });
    }
  }
}

}  // namespace

Result<std::optional<ServerOptions>> parse_server_options(const ServerProgram& program, int argc,
                                                          const char* const* argv) {
  ServerOptions options;
  Texts texts;
  bool help = false;
  CLI::App app("", program.name);
  app.set_help_flag();
  app.add_flag("-h,--help", help);
  app.set_version_flag("--version", program.name + " " + kServerVersion);
  app.add_option("--model", texts.models);
  app.add_option("--address", options.http.address);
  app.add_option("--port", options.http.port);
  app.add_option("--io-threads", options.http.threads)->check(CLI::Range(1, 64));
  app.add_option("--max-connections", options.http.max_connections)
      ->check(CLI::Range(1, 1'000'000));
  app.add_option("--max-body", texts.max_body);
  app.add_option("--deadline", texts.deadline);
  app.add_option("--request-timeout", texts.request_timeout);
  app.add_option("--idle-timeout", texts.idle_timeout);
  app.add_option("--drain", texts.drain);
  if (program.measure) app.add_option("--measure", texts.measure);
  add_defaults(app, program, texts);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& asked) {
    app.exit(asked);
    return std::optional<ServerOptions>();
  } catch (const CLI::ParseError& error) {
    return usage_error(error.what(), "see " + program.name + " --help");
  }
  if (help) {
    print_help(program);
    return std::optional<ServerOptions>();
  }
  CORUN_TRY(read_texts(texts, options));
  apply_defaults(program, texts, options);
  if (options.models.empty()) {
    return usage_error("no model is given", "for example --model m=echo");
  }
  return std::optional<ServerOptions>(options);
}

}  // namespace corun::inference
