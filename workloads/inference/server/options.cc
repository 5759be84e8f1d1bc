#include "workloads/inference/server/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "core/units.h"
#include "workloads/inference/models/kinds.h"

namespace corun::inference {

const char kServerVersion[] = CORUN_VERSION;

namespace {

constexpr char kHelp[] =
    R"(corun-inference: models behind the Open Inference Protocol v2 over HTTP.

usage: corun-inference --model NAME=KIND[,SETTING=VALUE]... [options]

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

kinds and their settings:
)";

constexpr char kHelpEnd[] =
    R"(settings of every kind:
  max-batch=N (8; 0: no batches; text: sequences at once), delay=TIME (0s) to wait for a larger
  batch, preferred=N:N (none) batch sizes that do not wait, queue=N (256) requests that may wait

With CORUN_ROWS set it speaks the row protocol: rows of the first model.

example: corun-inference --model simple=add --model m=echo,max-batch=8,delay=1ms --port 8000
exit codes: 0 ok, 1 failed, 2 usage, 3 not supported here
)";

void print_help() {
  fmt::print("{}", kHelp);
  for (const ModelKind& kind : model_kinds()) {
    fmt::print("  {:<15} {}\n", kind.name, kind.about);
    if (!kind.settings.empty()) fmt::print("  {:<15} {}\n", "", kind.settings);
  }
  fmt::print("{}", kHelpEnd);
}

/// The texts of options that are read further.
struct Texts {
  std::vector<std::string> models;
  std::string max_body, deadline, request_timeout, idle_timeout, drain;
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
  return read_duration("--drain", texts.drain, options.drain);
}

}  // namespace

Result<std::optional<ServerOptions>> parse_server_options(int argc, const char* const* argv) {
  ServerOptions options;
  Texts texts;
  bool help = false;
  CLI::App app("", "corun-inference");
  app.set_help_flag();
  app.add_flag("-h,--help", help);
  app.set_version_flag("--version", std::string("corun-inference ") + kServerVersion);
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
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& asked) {
    app.exit(asked);
    return std::optional<ServerOptions>();
  } catch (const CLI::ParseError& error) {
    return usage_error(error.what(), "see corun-inference --help");
  }
  if (help) {
    print_help();
    return std::optional<ServerOptions>();
  }
  CORUN_TRY(read_texts(texts, options));
  if (options.models.empty()) {
    return usage_error("no model is given", "for example --model m=echo");
  }
  return std::optional<ServerOptions>(options);
}

}  // namespace corun::inference
