#include "engine/daemon/watchdog.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <string>
#include <utility>

namespace corun::daemon {

namespace {

constexpr int kLookMs = 100;  // between two looks at the heartbeat
constexpr int kLookAfterDeathMs = 20;
constexpr int64_t kStayNs = 2'000'000'000;  // the longest lease (1 s), and as long again
constexpr size_t kHeartbeatBytes = 4096;

using GateArray = std::array<wire::GatePage*, wire::kMaxGates>;

Error system_error(const char* what) {
  return failed(std::string("watchdog: ") + what + ": " + std::strerror(errno));
}

// --- in the watchdog: system calls and its own memory only ---------------------------------------

int64_t now_ns() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

void open_all(const GateArray& gates) {
  for (wire::GatePage* gate : gates) gate->word.store(wire::kOpen, std::memory_order_release);
}

/// Keeps `lifeline` (as descriptor 3) only; standard streams lead nowhere.
void drop_descriptors(int lifeline) {
  const int nothing = open("/dev/null", O_RDWR);
  for (int fd = 0; fd < 3; ++fd) dup2(nothing, fd);
  dup2(lifeline, 3);
  if (syscall(SYS_close_range, 4U, ~0U, 0U) == 0) return;
  for (int fd = 4; fd < 65536; ++fd) close(fd);  // before Linux 5.9
}

/// Whether the daemon has ended: the pipe has no writer any more.
bool ended(int lifeline, int wait_ms) {
  pollfd item{lifeline, POLLIN, 0};
  const int ready = poll(&item, 1, wait_ms);
  return ready > 0 && (item.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0;
}

[[noreturn]] void watch(const GateArray& gates, const Rescue* rescue,
                        const std::atomic<uint64_t>& heartbeat_ns, int lifeline) {
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, nullptr);  // it ends when the daemon does, not with a Ctrl-C
  setsid();
  prctl(PR_SET_NAME, "corund-watchdog");
  drop_descriptors(lifeline);
  while (!ended(3, kLookMs)) {
    const auto beat = static_cast<int64_t>(heartbeat_ns.load(std::memory_order_relaxed));
    if (now_ns() - beat > kHeartbeatPatience.count()) open_all(gates);
  }
  open_all(gates);
  if (rescue != nullptr) rescue->start_helper();
  const int64_t until = now_ns() + kStayNs;
  while (now_ns() < until) {
    open_all(gates);
    poll(nullptr, 0, kLookAfterDeathMs);
  }
  open_all(gates);
  _exit(0);
}

}  // namespace

Result<Watchdog> Watchdog::start(const GateArray& gates, const Rescue* rescue) {
  Watchdog dog;
  void* memory =
      mmap(nullptr, kHeartbeatBytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return system_error("cannot map its page");
  dog.heartbeat_ns_ = new (memory) std::atomic<uint64_t>(0);
  dog.beat(monotonic_now());
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return system_error("cannot make a pipe");
  const Fd read_end(ends[0]);
  dog.lifeline_ = Fd(ends[1]);
  dog.pid_ = fork();
  if (dog.pid_ < 0) return system_error("cannot fork");
  if (dog.pid_ == 0) watch(gates, rescue, *dog.heartbeat_ns_, read_end.get());
  dog.handle_ = Fd(static_cast<int>(syscall(SYS_pidfd_open, dog.pid_, 0)));
  if (!dog.handle_) return system_error("cannot watch it");
  return dog;
}

Watchdog::Watchdog(Watchdog&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      handle_(std::move(other.handle_)),
      lifeline_(std::move(other.lifeline_)),
      heartbeat_ns_(std::exchange(other.heartbeat_ns_, nullptr)) {}

Watchdog& Watchdog::operator=(Watchdog&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(handle_, other.handle_);
  std::swap(lifeline_, other.lifeline_);
  std::swap(heartbeat_ns_, other.heartbeat_ns_);
  return *this;
}

Watchdog::~Watchdog() {
  if (heartbeat_ns_ != nullptr) munmap(heartbeat_ns_, kHeartbeatBytes);
}

void Watchdog::beat(Instant now) {
  heartbeat_ns_->store(static_cast<uint64_t>(now.ns), std::memory_order_relaxed);
}

void Watchdog::reap() { waitpid(pid_, nullptr, WNOHANG); }

}  // namespace corun::daemon
