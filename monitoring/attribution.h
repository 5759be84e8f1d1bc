// Which container, pod and user a process belongs to, from the texts of /proc/PID/. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "monitoring/snapshot.h"

namespace corun::monitoring {

/// The container that a /proc/PID/cgroup tells of, of cgroup v1, v2 or both, under systemd or
/// cgroupfs; nothing for a process of none. Name and image stay empty. Paths may begin with
/// "/../.." (seen from another cgroup namespace). Of containers inside a container the innermost is
/// told.
std::optional<Container> container_of(std::string_view cgroup_file);

/// What /proc/PID/stat tells.
struct ProcStat {
  std::string name;
  char state = '?';
  uint64_t start_ticks = 0;  ///< clock ticks after boot
  bool operator==(const ProcStat&) const = default;
};
/// Nothing for a text that is none: no name in parentheses, or too few fields behind it.
std::optional<ProcStat> parse_proc_stat(std::string_view text);

/// What /proc/PID/status tells.
struct ProcStatus {
  uint32_t user = 0;            ///< real UID
  std::vector<int> namespaced;  ///< NSpid: its PID in each PID namespace, outermost first
  bool operator==(const ProcStatus&) const = default;
};
std::optional<ProcStatus> parse_proc_status(std::string_view text);

inline constexpr size_t kMaxCommandBytes = 256;
/// /proc/PID/cmdline as one line: arguments separated by blanks, control characters as '?', cut to
/// kMaxCommandBytes at a whole UTF-8 character.
std::string command_of(std::string_view cmdline_file);

}  // namespace corun::monitoring
