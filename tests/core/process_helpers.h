// Waiting for real processes in tests: always with a deadline, never by sleeping.
#pragma once

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <charconv>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/fd.h"
#include "core/process_tree.h"
#include "core/wait.h"

namespace corun {

/// Long enough for any step on a busy machine; a test that needs it has failed.
inline constexpr Nanos kPatience = std::chrono::seconds(20);

/// Whether the process ends within kPatience (at once when there is none).
inline bool ends(pid_t pid) {
  Fd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd) return true;
  const int fd = pidfd.get();
  return wait_readable({&fd, 1}, monotonic_now() + kPatience)[0];
}

/// One line from a descriptor, without its line feed; what there is at the end or after kPatience.
inline std::string read_line(int fd) {
  const Instant deadline = monotonic_now() + kPatience;
  std::string line;
  while (monotonic_now() < deadline) {
    wait_readable({&fd, 1}, deadline);
    char c = 0;
    const ssize_t n = read(fd, &c, 1);
    if (n == 0 || c == '\n') return line;
    if (n == 1) line += c;
  }
  ADD_FAILURE() << "no line came; so far: " << line;
  return line;
}

inline pid_t read_pid(int fd) {
  const std::string line = read_line(fd);
  pid_t pid = 0;
  std::from_chars(line.data(), line.data() + line.size(), pid);
  EXPECT_GT(pid, 0) << "not a PID: " << line;
  return pid;
}

}  // namespace corun
