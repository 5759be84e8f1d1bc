#include "cli/session_containers.h"

#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "containers/process_container.h"
#include "core/files.h"
#include "monitoring/container_names.h"
#include "monitoring/snapshot.h"

namespace corun::cli {

namespace {

/// Whether the daemon's PIDs are those of `proc`: then its own is a corund there.
bool sees_same_pids(const client::DaemonStatus& daemon, const std::filesystem::path& proc) {
  return read_file(proc / std::to_string(daemon.pid) / "comm").value_or("") == "corund\n";
}

SessionContainers find_of(const client::DaemonStatus& daemon, const std::filesystem::path& proc) {
  SessionContainers found;
  if (!sees_same_pids(daemon, proc)) return found;
  for (const client::WorkloadStatus& workload : daemon.workloads) {
    for (const client::SessionStatus& session : workload.sessions) {
      if (session.pid == 0) continue;
      auto container = containers::container_of_process(proc, session.pid);
      if (container) found.emplace(session.pid, std::move(*container));
    }
  }
  return found;
}

}  // namespace

std::vector<SessionContainers> find_session_containers(
    std::span<const client::DaemonStatus> daemons, const std::filesystem::path& proc) {
  std::vector<SessionContainers> all;
  for (const client::DaemonStatus& daemon : daemons) all.push_back(find_of(daemon, proc));
  return all;
}

void name_session_containers(std::span<SessionContainers> all,
                             std::span<const std::filesystem::path> engines, Nanos patience) {
  std::set<std::string> ids;
  for (const SessionContainers& some : all) {
    for (const auto& [pid, container] : some) ids.insert(container.id);
  }
  if (ids.empty()) return;
  const auto names = monitoring::ask_engines(engines, ids, patience);
  for (SessionContainers& some : all) {
    for (auto& [pid, container] : some) monitoring::give_name(container, names);
  }
}

Json status_json(const client::DaemonStatus& status, const SessionContainers& containers) {
  Json json = client::to_json(status);
  for (Json& workload : json["workloads"]) {
    for (Json& session : workload["sessions"]) {
      const auto found = containers.find(session["pid"].get<int>());
      session["container"] =
          found == containers.end() ? Json() : monitoring::json_of(found->second);
    }
  }
  return json;
}

}  // namespace corun::cli
