// Processes of this machine as /proc shows them.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace corun {

/// What identifies a process beyond its PID, which may be recycled.
struct ProcessIdentity {
  pid_t pid = 0;
  uint64_t start_ticks = 0;  ///< clock ticks after boot (field 22 of /proc/PID/stat)
  bool operator==(const ProcessIdentity&) const = default;
};

/// Living descendants of `root`, without itself and without zombies; parents before children.
std::vector<pid_t> descendants_of(pid_t root);
/// Nothing when there is no such process (or only its zombie).
std::optional<ProcessIdentity> identify(pid_t pid);
/// Whether exactly this process still lives.
bool is_alive(const ProcessIdentity& process);
/// Whether the process is in a PID namespace below this process's, as those of a container are.
/// True as well when it is gone.
bool is_contained(pid_t pid);
/// All living processes whose name (/proc/PID/comm, at most 15 characters) begins with `name` and
/// whose environment holds `variable`=`value`. Processes of other users are not seen.
std::vector<pid_t> processes_with(const std::string& name, const std::string& variable,
                                  const std::string& value);

}  // namespace corun
