#include "cli/daemons.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "core/nearest.h"

namespace corun::cli {

namespace {

constexpr char kHowToStart[] =
    "start a workload with 'corun run -- COMMAND', or the daemon itself with 'corund'";

}  // namespace

bool is_named(const client::WorkloadStatus& workload, const std::string& name) {
  if (name == fmt::format("{}/{}", workload.user, workload.name)) return true;
  return workload.name == name && workload.user == geteuid();
}

Result<std::vector<modes::RunningDaemon>> require_daemons(const std::string& run_dir) {
  std::vector<modes::RunningDaemon> daemons;
  if (run_dir.empty()) {
    daemons = modes::running_daemons();
    if (daemons.empty()) return unsupported("no corund runs here", kHowToStart);
    return daemons;
  }
  for (const std::string& uuid : client::gpus_with_daemon(run_dir)) {
    auto daemon = client::Client::connect(run_dir, uuid);
    if (!daemon) continue;
    CORUN_ASSIGN(auto status, daemon->status());
    daemons.push_back({run_dir, std::move(status)});
  }
  if (daemons.empty()) {
    return unsupported(fmt::format("no corund runs in {}", run_dir), kHowToStart);
  }
  return daemons;
}

Result<modes::RunningDaemon> daemon_of(const std::string& workload, const std::string& run_dir) {
  CORUN_ASSIGN(std::vector<modes::RunningDaemon> daemons, require_daemons(run_dir));
  std::vector<std::string> names;
  for (modes::RunningDaemon& daemon : daemons) {
    for (const client::WorkloadStatus& there : daemon.status.workloads) {
      if (is_named(there, workload)) return std::move(daemon);
      names.push_back(there.user == geteuid() ? there.name
                                              : fmt::format("{}/{}", there.user, there.name));
    }
  }
  if (names.empty()) {
    return usage_error(fmt::format("no workload '{}': corund knows none", workload),
                       "start it with 'corun run --name " + workload + " -- COMMAND'");
  }
  const std::vector<std::string_view> views(names.begin(), names.end());
  const auto near = nearest(workload, views);
  return usage_error(fmt::format("no workload '{}'", workload),
                     near ? fmt::format("did you mean '{}'?", *near)
                          : fmt::format("there are {}", fmt::join(names, ", ")));
}

Result<modes::RunningDaemon> only_daemon(const std::string& run_dir) {
  CORUN_ASSIGN(std::vector<modes::RunningDaemon> daemons, require_daemons(run_dir));
  if (daemons.size() == 1) return std::move(daemons.front());
  std::vector<std::string> dirs;
  dirs.reserve(daemons.size());
  for (const auto& daemon : daemons) dirs.push_back(daemon.run_dir.string());
  return usage_error(
      fmt::format("{} daemons run here", daemons.size()),
      fmt::format("name a workload, or one of {} with --run-dir", fmt::join(dirs, ", ")));
}

Result<client::Client> connect_to(const modes::RunningDaemon& daemon) {
  return client::Client::connect(daemon.run_dir, daemon.status.gpu.uuid);
}

}  // namespace corun::cli
