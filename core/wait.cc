#include "core/wait.h"

#include <poll.h>

#include <algorithm>
#include <limits>

namespace corun {

std::vector<bool> wait_readable(std::span<const int> fds, Instant deadline) {
  std::vector<pollfd> entries;
  entries.reserve(fds.size());
  for (int fd : fds) entries.push_back({fd, POLLIN, 0});
  const int64_t left_ns = std::max<int64_t>(0, deadline.ns - monotonic_now().ns);
  // Rounded up, so that a caller that loops until the deadline does not spin in its last moments.
  const int64_t left_ms = left_ns / 1'000'000 + (left_ns % 1'000'000 != 0 ? 1 : 0);
  const int timeout_ms =
      static_cast<int>(std::min<int64_t>(left_ms, std::numeric_limits<int>::max()));
  const int count = ::poll(entries.data(), entries.size(), timeout_ms);
  std::vector<bool> readable(fds.size(), false);
  if (count <= 0) return readable;
  for (size_t i = 0; i < entries.size(); ++i) {
    readable[i] = entries[i].fd >= 0 && entries[i].revents != 0;
  }
  return readable;
}

}  // namespace corun
