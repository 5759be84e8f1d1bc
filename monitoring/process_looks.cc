#include "monitoring/process_looks.h"

#include <utility>

namespace corun::monitoring {

namespace {

constexpr Nanos kSessionsEvery = std::chrono::seconds(1);

/// The newest list among a GPU's readings; null where none came.
const std::vector<GpuProcess>* newest_list(const GpuReading& gpu) {
  const std::vector<GpuProcess>* list = nullptr;
  for (const GpuSnapshot& snapshot : gpu.telemetry) {
    if (snapshot.processes_read) list = &snapshot.processes;
  }
  return list;
}

std::set<int> pids_of_sessions(const std::vector<DaemonReading>& daemons) {
  std::set<int> pids;
  for (const DaemonReading& daemon : daemons) {
    for (const auto& workload : daemon.status.workloads) {
      for (const auto& session : workload.sessions) pids.insert(session.pid);
    }
  }
  return pids;
}

}  // namespace

std::optional<std::vector<int>> ProcessLooks::due(const Readings& readings) {
  std::vector<int> due;
  bool news = false;
  for (const GpuReading& gpu : readings.gpus) {
    const std::vector<GpuProcess>* const list = newest_list(gpu);
    if (list == nullptr) continue;
    news = true;
    std::vector<int>& pids = lists_[gpu.info.uuid];
    pids.clear();
    for (const GpuProcess& process : *list) pids.push_back(process.pid);
    due.insert(due.end(), pids.begin(), pids.end());
  }
  const std::set<int> before = std::exchange(sessions_, pids_of_sessions(readings.daemons));
  const bool all = readings.now >= sessions_due_;
  news |= all || sessions_ != before;
  if (all) sessions_due_ = readings.now + kSessionsEvery;
  for (const int pid : sessions_) {
    if (all || !before.contains(pid)) due.push_back(pid);
  }
  return news ? std::optional(std::move(due)) : std::nullopt;
}

std::set<int> ProcessLooks::wanted() const {
  std::set<int> pids = sessions_;
  for (const auto& [gpu, list] : lists_) pids.insert(list.begin(), list.end());
  return pids;
}

}  // namespace corun::monitoring
