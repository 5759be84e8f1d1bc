// The keeper of core/process.h: what runs in the forked process between a Process and its command.
// It only makes system calls (no heap, no locks, no stdio), because it may have been forked from a
// program with many threads.
#pragma once

#include <sched.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>

namespace corun::keeper {

/// The command, prepared before the fork; pointers into the parent's memory, copied by fork.
struct Launch {
  const char* path = nullptr;
  char* const* argv = nullptr;
  char* const* environment = nullptr;
  const char* directory = nullptr;   ///< null: unchanged
  const cpu_set_t* cpus = nullptr;   ///< null: unchanged
  size_t cpus_size = 0;              ///< bytes
  int streams[3] = {-1, -1, -1};     ///< become 0, 1, 2; -1: inherited
  const int* inherit_fds = nullptr;  ///< > 2
  size_t inherit_count = 0;
  int32_t orphan_grace_ms = 0;  ///< from SIGTERM to SIGKILL when the parent dies; 0: SIGKILL
};

/// The step at which a launch failed.
enum class Step : int32_t { kNone, kFork, kDirectory, kCpus, kStreams, kProgram };

/// Keeper to parent, one packet each.
struct Report {
  enum class Kind : int32_t { kStarted, kFailed, kExited };
  Kind kind = Kind::kStarted;
  int32_t value = 0;  ///< kStarted: PID; kFailed: errno; kExited: status as waitpid gives it
  Step step = Step::kNone;
};

/// Parent to keeper, one packet each.
struct Order {
  enum class Kind : int32_t { kSignal, kTerminate };
  Kind kind = Kind::kSignal;
  int32_t value = 0;  ///< kSignal: number; kTerminate: milliseconds from SIGTERM to SIGKILL
};

/// The keeper's whole life, in the child of fork() with all signals blocked.
[[noreturn]] void run(int channel, const Launch& launch);

}  // namespace corun::keeper
