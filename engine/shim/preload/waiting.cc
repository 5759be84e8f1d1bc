#include "engine/shim/preload/waiting.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <climits>

#include "engine/shim/log.h"
#include "engine/shim/preload/keeper.h"
#include "engine/shim/preload/process.h"

namespace corun::shim {

namespace {

constexpr uint64_t kMsOfWaitNs = 1'000'000;

/// One allocation of a process waits at a time: the page has one word for what is wanted.
constinit Lock memory_lock;

/// Waits for a change of a word that the daemon writes, but not for long: the daemon may be gone.
void wait_for_change(const std::atomic<uint32_t>& word, uint32_t seen,
                     uint64_t most_ns = kLookAgainNs) {
  const timespec limit{.tv_sec = 0, .tv_nsec = static_cast<long>(most_ns)};
  syscall(SYS_futex, &word, FUTEX_WAIT, seen, &limit, nullptr, 0);
}

bool wait_for_answer(DeviceState& device, const Pages* pages, uint32_t ask, uint64_t until_ns) {
  const std::atomic<uint32_t>& word = pages->session->orders.memory_answer;
  while (true) {
    const uint32_t answer = word.load(std::memory_order_acquire);
    if (answer >> 1 == (ask & (UINT32_MAX >> 1))) {
      return (answer & 1) != 0;
    }
    if (device.pages.load(std::memory_order_acquire) != pages) {
      return true;  // nobody bounds it any more: what the driver says counts
    }
    if (until_ns != 0 && now_ns() >= until_ns) {
      return false;
    }
    wait_for_change(word, answer);
  }
}

}  // namespace

void hold_call(DeviceState& device) {
  log_debug("a call is held: parked");
  while (true) {
    const wire::SessionPage& page = *device.pages.load(std::memory_order_acquire)->session;
    const uint32_t armed = page.hot.armed.load(std::memory_order_acquire);
    if ((armed & wire::kArmedParked) == 0) {
      return;
    }
    wait_for_change(page.hot.armed, armed);
  }
}

void await_return(DeviceState& device, uint64_t until_ns) {
  if (!machine.parked(device)) {
    return;
  }
  machine.ask_back(device);
  while (machine.parked(device) && now_ns() < until_ns) {
    const wire::SessionPage& page = *device.pages.load(std::memory_order_acquire)->session;
    const uint32_t armed = page.hot.armed.load(std::memory_order_acquire);
    if ((armed & wire::kArmedParked) != 0) {
      wait_for_change(page.hot.armed, armed);
    }
  }
}

bool await_memory(DeviceState& device, uint64_t bytes) {
  const Held held(memory_lock);
  Pages* pages = device.pages.load(std::memory_order_acquire);
  wire::SessionPage& page = *pages->session;
  const uint64_t wait_ms = page.orders.memory_wait_ms.load(std::memory_order_relaxed);
  if (wait_ms == 0) {
    return false;
  }
  page.waits.wanted_bytes.store(bytes, std::memory_order_relaxed);
  const uint32_t ask = page.waits.memory_asks.fetch_add(1, std::memory_order_release) + 1;
  kick_keeper(0);
  const bool for_ever = wait_ms == UINT32_MAX;
  const uint64_t until = for_ever ? 0 : now_ns() + wait_ms * kMsOfWaitNs + kAnswerSlackNs;
  const bool again = wait_for_answer(device, pages, ask, until);
  page.waits.wanted_bytes.store(0, std::memory_order_relaxed);
  log_debug("%llu bytes were waited for: %s", static_cast<unsigned long long>(bytes),
            again ? "to be tried again" : "refused");
  return again;
}

bool await_release(DeviceState& device, uint64_t until_ns) {
  if (now_ns() >= until_ns) {
    return false;
  }
  const wire::SessionPage& page = *device.pages.load(std::memory_order_acquire)->session;
  const uint32_t seen = page.orders.memory_answer.load(std::memory_order_relaxed);
  wait_for_change(page.orders.memory_answer, seen, kReleaseLookNs);
  return true;
}

void wake_held(std::atomic<uint32_t>& armed) {
  syscall(SYS_futex, &armed, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

void reset_waiting() { memory_lock.reset(); }

}  // namespace corun::shim
