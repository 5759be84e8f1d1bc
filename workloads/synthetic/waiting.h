// How a workload waits without taking processor time that other workloads need.
#pragma once

#include "core/clock.h"
#include "core/result.h"
#include "workloads/synthetic/options.h"

namespace corun::synthetic {

/// The processors that a workload's process has.
struct Processors {
  int usable = 1;  ///< it may run on so many
  int online = 1;  ///< the machine has so many
};
/// Of this process, by affinity and cgroup quota.
Result<Processors> this_process_processors();

/// Spin only where nobody else can need the processor: always with kSpin; with kAuto when this
/// process has been given processors of its own (fewer than the machine has), at least two of them.
bool may_spin(WaitChoice choice, const Processors& processors);

/// Waits until a moment: asleep, and for the last kSpinMargin awake when `spin` is set, since a
/// sleeping thread comes back tens of microseconds late.
class Waiter {
 public:
  /// Asks the kernel for the finest timers for this thread.
  explicit Waiter(bool spin);
  /// Returns the time at which it came back, never before `due`.
  Instant until(Instant due) const;

 private:
  bool spin_;
};
inline constexpr Nanos kSpinMargin = std::chrono::microseconds(80);

}  // namespace corun::synthetic
