#include "engine/daemon/lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/text.h"

namespace corun::daemon {

namespace {

/// "pid 12, user 1000", as the holder wrote it.
std::string holder_text(int fd) {
  char text[128] = {};
  const ssize_t n = pread(fd, text, sizeof text - 1, 0);
  std::string holder(text, n > 0 ? static_cast<size_t>(n) : 0);
  holder = one_line(holder.substr(0, holder.find('\n')));
  return holder.empty() ? "another process" : holder;
}

}  // namespace

Result<Fd> take_lock(const std::filesystem::path& path, const std::string& gpu_uuid) {
  Fd fd(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (!fd) return failed("cannot open " + path.string() + ": " + std::strerror(errno));
  if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) {
      return failed("cannot lock " + path.string() + ": " + std::strerror(errno));
    }
    return failed(fmt::format("GPU {} is governed by {} already", gpu_uuid, holder_text(fd.get())),
                  "use that daemon, or end it first");
  }
  const std::string text = fmt::format("corund pid {}, user {}\n", getpid(), geteuid());
  if (ftruncate(fd.get(), 0) != 0 ||
      pwrite(fd.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
    return failed("cannot write " + path.string() + ": " + std::strerror(errno));
  }
  return fd;
}

}  // namespace corun::daemon
