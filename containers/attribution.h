// Which container, pod and user a process belongs to, from the texts of /proc/PID/. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "containers/container.h"

namespace corun::containers {

/// The container that a /proc/PID/cgroup tells of, of cgroup v1, v2 or both, under systemd or
/// cgroupfs; nothing for a process of none. Name and image stay empty. Paths may begin with
/// "/../.." (seen from another cgroup namespace). Of containers inside a container the innermost is
/// told.
std::optional<Container> container_of(std::string_view cgroup_file);

/// The container that a process with this /proc/PID/cmdline keeps: conmon (podman, cri-o) or a shim
/// of containerd (docker). All processes of the container are its descendants. For containers
/// without a cgroup of their own, such as those of users without privileges under cgroup v1.
std::optional<Container> container_kept_by(std::string_view cmdline_file);

/// What /proc/PID/stat tells.
struct ProcStat {
  std::string name;
  char state = '?';
  int parent = 0;            ///< PID; 0: none in this PID namespace
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

}  // namespace corun::containers
