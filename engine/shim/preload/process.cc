#include "engine/shim/preload/process.h"

#include <pthread.h>
#include <time.h>

#include <cstring>

#include "core/wire/join.h"
#include "engine/shim/environment.h"
#include "engine/shim/log.h"
#include "engine/shim/preload/join.h"
#include "engine/shim/preload/keeper.h"
#include "engine/shim/preload/waiting.h"

namespace corun::shim {

constinit Machine machine;

namespace {

constinit std::atomic<int> enabled_state{-1};
constinit Driver driver;
constinit Lock start_lock;

void after_fork_in_child() {
  start_lock.reset();
  leave_after_fork(machine);
  reset_waiting();
  machine.reset();
  reset_keeper();
}

}  // namespace

uint64_t now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

bool enabled() {
  int state = enabled_state.load(std::memory_order_relaxed);
  if (state < 0) {
    const bool wanted = environment(wire::kEnvRunDir)[0] != '\0' &&
                        strcmp(environment(wire::kEnvDisable), "1") != 0;
    state = wanted ? 1 : 0;
    enabled_state.store(state, std::memory_order_relaxed);
  }
  return state == 1;
}

bool ready() {
  if (!enabled() || exported_at("cuInit") == nullptr) {
    return false;
  }
  const Held held(start_lock);
  if (!machine.started()) {
    const Inside inside;
    find_driver(&driver);
    pthread_atfork(nullptr, nullptr, after_fork_in_child);
    const bool latency_critical = own_class() == wire::WorkloadClass::kLatencyCritical;
    machine.start(driver,
                  {.now_ns = now_ns,
                   .join = join_at_once,
                   .kick = kick_keeper,
                   .hold = hold_call,
                   .await_memory = await_memory},
                  latency_critical);
    log_debug("managed: run dir %s", environment(wire::kEnvRunDir));
  }
  return true;
}

DeviceState* before_other_call() {
  if (!outermost()) {
    return nullptr;
  }
  const Inside inside;
  DeviceState* device = machine.current();
  if (device != nullptr) {
    device->pages.load(std::memory_order_acquire)
        ->session->waits.other_calls.fetch_add(1, std::memory_order_relaxed);
    machine.before_call(device);
  }
  return device;
}

extern "C" {

__attribute__((visibility("default"))) void corun_burst_begin() {
  if (machine.started()) {
    const Inside inside;
    machine.on_burst_hint(true);
  }
}

__attribute__((visibility("default"))) void corun_burst_end() {
  if (machine.started()) {
    const Inside inside;
    machine.on_burst_hint(false);
  }
}

__attribute__((visibility("default"))) int corun_present() {
  for (int ordinal = 0; machine.started() && ordinal < kMaxDevices; ++ordinal) {
    const DeviceState* device = machine.of_device(ordinal);
    if (device != nullptr && device->pages.load(std::memory_order_acquire) != &device->neutral) {
      return 1;
    }
  }
  return 0;
}

}  // extern "C"

}  // namespace corun::shim
