#include "engine/daemon/lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>

#include "core/files.h"
#include "core/log.h"
#include "core/text.h"
#include "core/wait.h"
#include "engine/client/client.h"

namespace corun::daemon {

namespace {

constexpr std::string_view kPidPrefix = "corund pid ";
/// A daemon that was asked to end resumes what is parked first.
constexpr Nanos kEndPatience = std::chrono::seconds(150);
constexpr Nanos kKillPatience = std::chrono::seconds(10);
constexpr Nanos kBetweenLooks = std::chrono::milliseconds(5);

/// "corund pid 12, user 1000", as the holder wrote it; "" if nothing is written.
std::string holder_text(int fd) {
  char text[128] = {};
  const ssize_t n = pread(fd, text, sizeof text - 1, 0);
  const std::string holder(text, n > 0 ? static_cast<size_t>(n) : 0);
  return one_line(holder.substr(0, holder.find('\n')));
}

/// Of a corund that lives, or 0.
pid_t pid_in(const std::string& holder) {
  pid_t pid = 0;
  if (!holder.starts_with(kPidPrefix)) return 0;
  std::from_chars(holder.data() + kPidPrefix.size(), holder.data() + holder.size(), pid);
  const auto name = read_file(fmt::format("/proc/{}/comm", pid));
  return name && name->starts_with("corund") ? pid : 0;
}

/// Waits until nobody holds the lock; true then.
bool wait_until_free(int fd, Instant deadline) {
  while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (monotonic_now() >= deadline) return false;
    sleep_until(monotonic_now() + kBetweenLooks);
  }
  flock(fd, LOCK_UN);
  return true;
}

Result<Fd> open_lock(const std::filesystem::path& path) {
  Fd fd(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (!fd) return failed("cannot open " + path.string() + ": " + std::strerror(errno));
  return fd;
}

}  // namespace

Result<DaemonLock> DaemonLock::take(const std::filesystem::path& path,
                                    const std::string& gpu_uuid) {
  CORUN_ASSIGN(Fd fd, open_lock(path));
  if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) {
      return failed("cannot lock " + path.string() + ": " + std::strerror(errno));
    }
    const std::string holder = holder_text(fd.get());
    return failed(fmt::format("GPU {} is governed by {} already", gpu_uuid,
                              holder.empty() ? "another process" : holder),
                  "use that daemon, end it first, or take its place with --replace");
  }
  std::string former = holder_text(fd.get());
  DaemonLock lock(std::move(fd), std::move(former));
  const std::string text = fmt::format("{}{}, user {}\n", kPidPrefix, getpid(), geteuid());
  if (ftruncate(lock.fd_.get(), 0) != 0 ||
      pwrite(lock.fd_.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
    return failed("cannot write " + path.string() + ": " + std::strerror(errno));
  }
  return lock;
}

DaemonLock::~DaemonLock() {
  if (fd_ && ftruncate(fd_.get(), 0) != 0) log::debug("lock: {}", std::strerror(errno));
}

Status end_lock_holder(const std::filesystem::path& run_dir, const std::string& gpu_uuid) {
  const auto path = client::daemon_files(run_dir, gpu_uuid).lock();
  CORUN_ASSIGN(const Fd fd, open_lock(path));
  if (wait_until_free(fd.get(), monotonic_now())) return {};
  const std::string holder = holder_text(fd.get());
  auto daemon = client::Client::connect(run_dir, gpu_uuid);
  const Status asked = daemon ? daemon->shutdown() : Status(daemon.error());
  if (asked) {
    if (wait_until_free(fd.get(), monotonic_now() + kEndPatience)) return {};
    return failed(holder + " was asked to end and does not");
  }
  // It holds the lock, so this is still its PID.
  const pid_t pid = pid_in(holder);
  if (pid == 0) return failed(asked.error().what, "end " + holder + " by hand");
  log::warn("{} does not answer and is killed", holder);
  if (kill(pid, SIGKILL) != 0) {
    return failed(fmt::format("cannot kill {}: {}", holder, std::strerror(errno)));
  }
  if (wait_until_free(fd.get(), monotonic_now() + kKillPatience)) return {};
  return failed(holder + " was killed and still holds " + path.string());
}

}  // namespace corun::daemon
