// Ctrl-C and its kin as a flag and a descriptor, so that a long job can undo everything at any
// moment, on its own thread and in its own order.
#pragma once

#include <csignal>
#include <string>

#include "core/result.h"

namespace corun {

/// While it lives, SIGINT, SIGTERM and SIGHUP only set a flag, and SIGPIPE is ignored (a write to a
/// closed pipe returns EPIPE). At most one in a process. The destructor restores what was there.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  /// Whether a signal has come.
  bool requested() const;
  /// The first signal that came, or 0.
  int signal() const;
  /// How many came: a user who presses Ctrl-C twice is in a hurry.
  int count() const;
  /// Readable (poll, epoll) once a signal has come, and from then on.
  int fd() const { return fd_; }

 private:
  int fd_ = -1;
  struct sigaction old_[4] = {};
};

/// "SIGKILL", or "signal 77" for one without a name.
std::string signal_name(int signal_number);

}  // namespace corun
