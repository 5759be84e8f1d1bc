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

/// How to wait for the GPU, as a cuda::kContextSchedule... value. A sleeping thread learns of the
/// end of a kernel tens of microseconds late; a polling one takes a processor. kAuto polls, giving
/// way to other threads, when somebody has given this process its place (fewer processors than the
/// machine has), and sleeps otherwise. It does not look at how many there are: a workload must wait
/// in the same way alone and beside others, or the comparison would be of ways of waiting.
unsigned gpu_wait_flag(WaitChoice choice, const Processors& processors);

/// Waits until a moment: asleep, and for the last kSpinMargin awake when `spin` is set. At some
/// hundred requests a second that is a few percent of a processor.
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
