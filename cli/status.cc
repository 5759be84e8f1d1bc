// corun status: the daemons of this node and their workloads, once.
#include <nlohmann/json.hpp>

#include "cli/arguments.h"
#include "cli/daemons.h"
#include "cli/session_containers.h"
#include "cli/status_text.h"
#include "cli/verb.h"
#include "monitoring/container_names.h"

namespace corun::cli {

namespace {

constexpr char kStatusHelp[] =
    "Usage: corun status [--why] [--json] [--run-dir DIR]\n"
    "\n"
    "Shows each GPU that a corund governs, and its workloads. GPU is the driver's figure for the\n"
    "last second; SLICE is what corund ordered, GATE what the workload closes or waits for; P99 "
    "is\n"
    "of the latest bursts, first launch to drained. Workloads in containers are in a second "
    "table.\n"
    "More figures, each labelled, are in --json.\n"
    "\n"
    "  --why          also the last decision of each kind about each workload, and its reason\n"
    "  --json         one JSON object: {schema, daemons: [status]} (docs/verbs/status.md)\n"
    "  --run-dir DIR  the daemon of this folder; default: all that are found (docs/managed.md)\n"
    "\n"
    "Exit code: 0; 3 when no corund runs.\n"
    "\n"
    "Example: corun status --why\n";

constexpr int kStatusSchema = 1;
/// Of the container engines, all together: a name is not worth more waiting.
constexpr Nanos kEnginesPatience = std::chrono::milliseconds(500);

std::vector<SessionContainers> named_containers(std::span<const client::DaemonStatus> daemons) {
  auto containers = find_session_containers(daemons, "/proc");
  const auto engines = monitoring::with_user_engines(monitoring::default_engine_sockets());
  name_session_containers(containers, engines, kEnginesPatience);
  return containers;
}

Result<ExitCode> run_status(std::span<const std::string> arguments, Console& console) {
  bool why = false;
  bool json = false;
  std::string run_dir;
  CLI::App app;
  app.add_flag("--why", why);
  app.add_flag("--json", json);
  app.add_option("--run-dir", run_dir);
  CORUN_TRY(parse_arguments(app, "status", arguments));
  CORUN_ASSIGN(const auto daemons, require_daemons(run_dir));
  std::vector<client::DaemonStatus> all;
  all.reserve(daemons.size());
  for (const auto& daemon : daemons) all.push_back(daemon.status);
  auto containers = named_containers(all);
  if (json) {
    Json list = Json::array();
    for (size_t i = 0; i < all.size(); ++i) list.push_back(status_json(all[i], containers[i]));
    console.out << to_line({{"schema", kStatusSchema}, {"daemons", std::move(list)}}) << "\n";
    return ExitCode::kOk;
  }
  for (size_t i = 0; i < all.size(); ++i) {
    if (i > 0) console.out << "\n";
    console.out << status_text(
        all[i],
        {.why = why, .color = console.out_is_terminal, .containers = std::move(containers[i])});
  }
  return ExitCode::kOk;
}

}  // namespace

const Verb kStatusVerb{"status", "the workloads that corund manages now", kStatusHelp, run_status};

}  // namespace corun::cli
