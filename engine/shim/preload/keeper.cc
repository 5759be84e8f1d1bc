#include "engine/shim/preload/keeper.h"

#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "engine/shim/log.h"
#include "engine/shim/older_glibc.h"
#include "engine/shim/preload/join.h"
#include "engine/shim/preload/orders.h"
#include "engine/shim/preload/process.h"
#include "engine/shim/preload/waiting.h"

namespace corun::shim {

namespace {

constinit std::atomic<uint32_t> wake_word{0};
constinit std::atomic<uint32_t> sleeping{0};
constinit std::atomic<uint64_t> sleeps_until{0};
constinit std::atomic<bool> running{false};
constinit std::atomic<bool> leaving{false};
constinit Lock keeper_lock;
constinit bool many_futexes = true;  ///< the kernel has futex_waitv; of the thread

constexpr long kFutexWaitv = 449;  // SYS_futex_waitv, Linux 5.16
/// Without futex_waitv the daemon's orders are looked for this often.
constexpr uint64_t kPollNs = 5'000'000;

struct FutexWait {
  uint64_t value;
  uint64_t address;
  uint32_t flags;
  uint32_t reserved;
};
constexpr uint32_t kFutex32 = 2;
constexpr uint32_t kFutexPrivate = 128;

timespec to_timespec(uint64_t ns) {
  return {.tv_sec = static_cast<time_t>(ns / 1'000'000'000),
          .tv_nsec = static_cast<long>(ns % 1'000'000'000)};
}

/// Sleeps until `until_ns`, a kick after `word` was read, or new orders.
void sleep_until(uint64_t until_ns, uint32_t word) {
  FutexWait waits[1 + kMaxDevices];
  unsigned count = 0;
  waits[count++] = {.value = word,
                    .address = reinterpret_cast<uint64_t>(&wake_word),
                    .flags = kFutex32 | kFutexPrivate,
                    .reserved = 0};
  for (int ordinal = 0; ordinal < kMaxDevices; ++ordinal) {
    const DeviceState* device = machine.of_device(ordinal);
    if (device != nullptr && device->joined != nullptr) {
      waits[count++] = {
          .value = device->sequence_seen,
          .address = reinterpret_cast<uint64_t>(&device->joined->session->orders.sequence),
          .flags = kFutex32,
          .reserved = 0};
    }
  }
  if (many_futexes || count == 1) {
    const timespec until = to_timespec(until_ns);
    if (syscall(kFutexWaitv, waits, count, 0, &until, CLOCK_MONOTONIC) >= 0 || errno != ENOSYS) {
      return;
    }
    many_futexes = false;
  }
  const uint64_t now = now_ns();
  const timespec left = to_timespec(std::min(until_ns > now ? until_ns - now : 0, kPollNs));
  syscall(SYS_futex, &wake_word, FUTEX_WAIT_PRIVATE, word, &left, nullptr, 0);
}

/// Waits for the next thing to do. A linger is awaited finely, its end spun through.
void rest(uint64_t until_ns, bool fine, uint32_t word) {
  static constinit bool fine_before = false;
  if (fine != fine_before) {
    prctl(PR_SET_TIMERSLACK, fine ? kFineSlackNs : kCoarseSlackNs, 0, 0, 0);
    fine_before = fine;
  }
  sleeps_until.store(until_ns, std::memory_order_seq_cst);
  sleeping.store(1, std::memory_order_seq_cst);
  sleep_until(fine ? until_ns - kSpinNs : until_ns, word);
  sleeping.store(0, std::memory_order_seq_cst);
  while (fine && now_ns() < until_ns && wake_word.load(std::memory_order_relaxed) == word) {
    __builtin_ia32_pause();
  }
}

void* run(void*) {
  prctl(PR_SET_NAME, "corun", 0, 0, 0);
  ++thread_state.depth;  // what this thread calls is nobody's work
  while (!leaving.load(std::memory_order_acquire)) {
    const uint32_t word = wake_word.load(std::memory_order_seq_cst);
    uint64_t next = now_ns() + kHeartbeatNs;
    bool fine = false;
    for (int ordinal = 0; ordinal < kMaxDevices; ++ordinal) {
      DeviceState* device = machine.of_device(ordinal);
      if (device == nullptr) {
        continue;
      }
      next = std::min(next, serve(*device, now_ns()));
      const uint64_t due = device->burst.due_ns();
      if (due != 0 && due <= next) {
        next = due;
        fine = true;
      }
    }
    if (next > now_ns()) {
      rest(next, fine, word);
    }
  }
  return nullptr;
}

/// At exit the driver goes away under the thread: it must not be asked any more. Nor does it bear
/// to end while parked; but where nobody brings the process back, it ends all the same.
void at_exit() {
  const uint64_t until_ns = now_ns() + kLongestAtExitNs;
  for (int ordinal = 0; ordinal < kMaxDevices; ++ordinal) {
    DeviceState* device = machine.of_device(ordinal);
    if (device != nullptr) {
      await_return(*device, until_ns);
    }
  }
  leaving.store(true, std::memory_order_release);
  machine.retire();
  kick_keeper(0);
}

}  // namespace

bool start_keeper() {
  const Held held(keeper_lock);
  if (running.load(std::memory_order_relaxed)) {
    return true;
  }
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &before);
  pthread_t thread;
  if (pthread_create(&thread, nullptr, run, nullptr) == 0) {
    pthread_detach(thread);
    running.store(true, std::memory_order_relaxed);
    static constinit bool registered = false;  // survives a fork, as the registration does
    if (!registered) {
      registered = atexit(at_exit) == 0;
    }
  }
  sigprocmask(SIG_SETMASK, &before, nullptr);
  return running.load(std::memory_order_relaxed);
}

void kick_keeper(uint64_t due_ns) {
  if (!running.load(std::memory_order_relaxed)) {
    return;
  }
  wake_word.fetch_add(1, std::memory_order_seq_cst);
  if (sleeping.load(std::memory_order_seq_cst) != 0 &&
      (due_ns == 0 || due_ns < sleeps_until.load(std::memory_order_seq_cst))) {
    syscall(SYS_futex, &wake_word, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
  }
}

void reset_keeper() {
  keeper_lock.reset();
  running.store(false, std::memory_order_relaxed);
  sleeping.store(0, std::memory_order_relaxed);
}

}  // namespace corun::shim
