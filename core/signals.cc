#include "core/signals.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include "core/check.h"

namespace corun {

namespace {

constexpr std::array<int, 3> kCaught{SIGINT, SIGTERM, SIGHUP};

// What the handler touches: lock-free atomics only.
std::atomic<int> g_first{0};
std::atomic<int> g_count{0};
std::atomic<int> g_fd{-1};
static_assert(std::atomic<int>::is_always_lock_free);

void on_signal(int number) {
  const int saved = errno;
  int none = 0;
  g_first.compare_exchange_strong(none, number);
  g_count.fetch_add(1);
  const uint64_t one = 1;
  // The counter of an eventfd cannot realistically be full, and then it is readable anyway.
  [[maybe_unused]] const ssize_t written = write(g_fd.load(), &one, sizeof one);
  errno = saved;
}

}  // namespace

InterruptGuard::InterruptGuard() {
  CORUN_CHECK(g_fd.load() < 0, "two InterruptGuards");
  fd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  CORUN_CHECK(fd_ >= 0, std::strerror(errno));
  g_first = 0;
  g_count = 0;
  g_fd = fd_;
  struct sigaction action = {};
  sigemptyset(&action.sa_mask);
  action.sa_handler = on_signal;
  for (size_t i = 0; i < kCaught.size(); ++i) sigaction(kCaught[i], &action, &old_[i]);
  action.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &action, &old_[kCaught.size()]);
}

InterruptGuard::~InterruptGuard() {
  for (size_t i = 0; i < kCaught.size(); ++i) sigaction(kCaught[i], &old_[i], nullptr);
  sigaction(SIGPIPE, &old_[kCaught.size()], nullptr);
  g_fd = -1;
  close(fd_);
}

bool InterruptGuard::requested() const { return g_count.load() > 0; }
int InterruptGuard::signal() const { return g_first.load(); }
int InterruptGuard::count() const { return g_count.load(); }

std::string signal_name(int signal_number) {
  const char* name = sigabbrev_np(signal_number);
  return name != nullptr ? std::string("SIG") + name : "signal " + std::to_string(signal_number);
}

}  // namespace corun
