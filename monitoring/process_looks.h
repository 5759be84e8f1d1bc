// Which processes are to be looked up now: a process is looked at as the list that names it comes,
// and not with each list of another GPU. Pure.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "monitoring/readings.h"

namespace corun::monitoring {

class ProcessLooks {
 public:
  /// Takes a cycle's readings. The PIDs to be looked up now: those of GPUs whose driver listed them
  /// anew (once a second), and those of sessions, when they are new and once a second. Nothing when
  /// none is due, and none has left.
  std::optional<std::vector<int>> due(const Readings& readings);
  /// All PIDs that a GPU's last list or a daemon's session names.
  std::set<int> wanted() const;

 private:
  std::map<std::string, std::vector<int>> lists_;  ///< by GPU, the last
  std::set<int> sessions_;
  Instant sessions_due_;
};

}  // namespace corun::monitoring
