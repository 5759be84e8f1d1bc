// The processes on a node's GPUs: who they are, read once each from /proc.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "containers/attribution.h"

namespace corun::monitoring {

struct ProcessFacts {
  uint64_t start_ticks = 0;
  std::string name{};
  std::string command{};
  std::string user{};
  uint32_t uid = 0;
  double started = 0;  ///< unix seconds
  std::optional<containers::Container> container{};
};

using ProcessMap = std::map<int, ProcessFacts>;  ///< by PID

class ProcTable {
 public:
  /// `proc`: /proc, or a test's folder. `trust_pids`: the driver tells PIDs of this PID namespace;
  /// else a PID is taken for ours only where that process has the driver's library mapped.
  ProcTable(std::filesystem::path proc, bool trust_pids);

  /// Facts of a process, or null when there is none here. A PID that was given to another process
  /// since the last call is read again; one that has ended is told until keep_only() forgets it, as
  /// the driver's list, which is older, still has it. The pointer is good until then.
  const ProcessFacts* find(int pid);
  /// Forgets all others.
  void keep_only(const std::set<int>& pids);
  /// All that find() has told and keep_only() kept: the same object until something changes, as
  /// cycles are many and changes few. Never null.
  std::shared_ptr<const ProcessMap> known();

 private:
  std::optional<ProcessFacts> read(int pid, const containers::ProcStat& stat) const;
  bool has_driver(int pid) const;

  std::filesystem::path proc_;
  bool trust_pids_;
  double boot_time_ = 0;
  double ticks_per_second_ = 100;
  ProcessMap known_;
  std::shared_ptr<const ProcessMap> shared_;  ///< a copy of known_; null after a change
};

/// "alice", or the number where there is no such user.
std::string user_name(uint32_t user);

}  // namespace corun::monitoring
