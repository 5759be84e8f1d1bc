#include "workloads/tenant/waiting.h"

#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "core/abi/cuda.h"
#include "core/cpus.h"

namespace corun::tenant {

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

Waiter::Waiter(bool spin)
    : margin_(spin_margin(spin, static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN)))) {
  use_finest_timers();
}

Instant Waiter::until(Instant due) const {
  sleep_until(due - margin_);
  Instant now = monotonic_now();
  while (now < due) now = monotonic_now();
  return now;
}

}  // namespace corun::tenant
