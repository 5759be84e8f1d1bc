#include "workloads/tenant/waiting.h"

#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "core/abi/cuda.h"
#include "core/cpus.h"

namespace corun::tenant {

namespace {

/// struct sched_attr of linux/sched/types.h, which cannot be included beside the C library's.
struct SchedulingAttributes {
  uint32_t size = sizeof(SchedulingAttributes);
  uint32_t policy = 0;
  uint64_t flags = 0;
  int32_t nice = 0;
  uint32_t priority = 0;
  uint64_t runtime_ns = 0;
  uint64_t deadline_ns = 0;
  uint64_t period_ns = 0;
};
static_assert(sizeof(SchedulingAttributes) == 48, "SCHED_ATTR_SIZE_VER0");

}  // namespace

Result<Processors> this_process_processors() {
  CORUN_ASSIGN(const CpuBudget budget, available_cpus());
  Processors processors;
  processors.online = static_cast<int>(std::max(1L, sysconf(_SC_NPROCESSORS_ONLN)));
  processors.usable = budget.cpu_count();
  if (budget.quota) {
    processors.usable = std::min(processors.usable, static_cast<int>(std::floor(*budget.quota)));
  }
  return processors;
}

unsigned gpu_wait_flag(WaitChoice choice, const Processors& processors) {
  switch (choice) {
    case WaitChoice::kSpin:
      return cuda::kContextScheduleSpin;
    case WaitChoice::kBlock:
      return cuda::kContextScheduleBlockingSync;
    case WaitChoice::kAuto:
      return processors.usable < processors.online ? cuda::kContextScheduleYield
                                                   : cuda::kContextScheduleBlockingSync;
  }
  return cuda::kContextScheduleBlockingSync;
}

void use_finest_timers() { prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL); }

std::optional<Nanos> slice_of_this_thread() {
  SchedulingAttributes attributes;
  if (syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0) != 0) return std::nullopt;
  if (attributes.policy != SCHED_OTHER || attributes.runtime_ns == 0) return std::nullopt;
  return Nanos(static_cast<int64_t>(attributes.runtime_ns));
}

void ask_to_run_soon() {
  SchedulingAttributes attributes;
  if (syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0) != 0) return;
  if (attributes.policy != SCHED_OTHER || attributes.runtime_ns == 0) return;
  attributes.runtime_ns = static_cast<uint64_t>(kShortestSlice.count());
  syscall(SYS_sched_setattr, 0, &attributes, 0);
}

Waiter::Waiter(bool spin)
    : margin_(spin_margin(spin, static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN)))) {
  use_finest_timers();
  ask_to_run_soon();
}

Instant Waiter::until(Instant due) const {
  sleep_until(due - margin_);
  Instant now = monotonic_now();
  while (now < due) now = monotonic_now();
  return now;
}

}  // namespace corun::tenant
