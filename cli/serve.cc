// corun serve: what the node does, for browsers and for Prometheus.
#include "monitoring/serve.h"

#include <fmt/format.h>

#include "cli/arguments.h"
#include "cli/node.h"
#include "cli/verb.h"
#include "cli/version.h"
#include "cli/watched_node.h"
#include "core/log.h"
#include "core/signals.h"
#include "core/wait.h"
#include "modes/daemon.h"

namespace corun::cli {

namespace {

constexpr char kServeHelp[] =
    "Usage: corun serve [--listen ADDRESS:PORT] [options]\n"
    "\n"
    "Serves a web page, its live API and /metrics for Prometheus: GPUs, their processes and\n"
    "containers, and the workloads of every corund. It changes nothing without a token.\n"
    "\n"
    "  --listen A:P      where; default 127.0.0.1:9797 (a port of 0: any free one)\n"
    "  --gpu NODE        auto, real or simulated[:PROFILE]; default auto\n"
    "  --hz N            cycles a second, 1 to 50; default 10\n"
    "  --history FILE    keeps the past in this file; default: in memory\n"
    "  --results DIR     benchmark reports that the page shows\n"
    "  --record FILE     writes everything to a file (.gz: compressed) for --replay\n"
    "  --replay FILE     serves a recording instead of this node\n"
    "  --token-file F    who sends this token may change workloads\n"
    "  --engine SOCKET   also asks this container engine (docker's or podman's) for names\n"
    "  --host-name NAME  a name, besides addresses and localhost, that it answers to\n"
    "  --no-dcgm-aliases leaves the names of dcgm-exporter out of /metrics\n"
    "\n"
    "Exit code: 0 after Ctrl-C, 3 when this node has no GPU.\n"
    "\n"
    "Example: corun serve --history /var/lib/corun/history.db\n";

struct ServeWords {
  std::string listen = "127.0.0.1:9797";
  std::string node = "auto";
  std::string history;
  std::string results;
  std::string record;
  std::string replay;
  std::string token_file;
  std::vector<std::string> engines;
  bool no_aliases = false;
};

Result<monitoring::ServeOptions> serve_options(std::span<const std::string> arguments,
                                               ServeWords* words) {
  monitoring::ServeOptions options;
  CLI::App app;
  app.add_option("--listen", words->listen);
  app.add_option("--gpu", words->node);
  app.add_option("--hz", options.hz)->check(CLI::Range(1.0, 50.0));
  app.add_option("--history", words->history);
  app.add_option("--results", words->results);
  app.add_option("--record", words->record);
  app.add_option("--replay", words->replay);
  app.add_option("--token-file", words->token_file);
  app.add_option("--host-name", options.host_names);
  app.add_option("--engine", words->engines);
  app.add_flag("--no-dcgm-aliases", words->no_aliases);
  CORUN_TRY(parse_arguments(app, "serve", arguments));
  CORUN_TRY(monitoring::parse_listen(words->listen, &options));
  options.version = kVersion;
  options.history = words->history;
  options.dcgm_aliases = !words->no_aliases;
  for (const std::string& engine : words->engines) {
    std::error_code error;
    if (!std::filesystem::is_socket(engine, error)) {
      return usage_error(fmt::format("--engine {} is not a socket", engine),
                         "give that of 'podman system service' or of dockerd");
    }
    options.engine_sockets.emplace_back(engine);
  }
  if (!words->results.empty()) options.results = words->results;
  if (!words->record.empty()) options.record = words->record;
  if (!words->replay.empty()) options.replay = words->replay;
  if (options.replay && (options.record || !words->history.empty())) {
    return usage_error("--replay plays what was; --record and --history are for a live node",
                       "leave them out");
  }
  if (!words->token_file.empty()) {
    CORUN_ASSIGN(options.token, monitoring::read_token(words->token_file));
  }
  options.find_daemon = [](const GpuInfo& gpu) -> std::optional<std::filesystem::path> {
    const auto daemon = modes::find_daemon(gpu);
    if (!daemon) return std::nullopt;
    return daemon->run_dir;
  };
  return options;
}

Result<ExitCode> run_serve(std::span<const std::string> arguments, Console& console) {
  ServeWords words;
  CORUN_ASSIGN(const monitoring::ServeOptions options, serve_options(arguments, &words));
  std::optional<Node> node;
  std::shared_ptr<const gpu::Nvml> nvml;
  if (!options.replay) {
    CORUN_ASSIGN(const NodeChoice choice, parse_node_choice(words.node));
    CORUN_ASSIGN(node, open_watched_node(choice, console));
    CORUN_ASSIGN(nvml, gpu::Nvml::load());
  }
  const InterruptGuard guard;
  CORUN_ASSIGN(auto serving, monitoring::Serving::start(
                                 options, nvml, node ? node->gpus() : std::vector<GpuInfo>{}));
  const bool v6 = options.address.find(':') != std::string::npos;
  console.out << fmt::format("corun serves http://{}{}{}:{}/ (Ctrl-C ends it)\n", v6 ? "[" : "",
                             options.address, v6 ? "]" : "", serving->port())
              << std::flush;
  monitoring::notify_systemd("READY=1");
  const int fd = guard.fd();
  while (!guard.requested()) {
    wait_readable({&fd, 1}, monotonic_now() + std::chrono::hours(1));
  }
  monitoring::notify_systemd("STOPPING=1");
  return ExitCode::kOk;
}

}  // namespace

const Verb kServeVerb{"serve", "web page, live API and /metrics of this node", kServeHelp,
                      run_serve};

}  // namespace corun::cli
