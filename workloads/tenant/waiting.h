// How a workload waits without taking processor time that other workloads need.
#pragma once

#include <optional>

#include "core/clock.h"
#include "core/result.h"

namespace corun::tenant {

enum class WaitChoice { kAuto, kSpin, kBlock };

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

/// Asks the kernel for the finest timers for this thread: its default of 50 us of slack would be
/// added to each timed wait. See prctl(2), PR_SET_TIMERSLACK.
void use_finest_timers();

/// Asks the kernel to let this thread run soon after it wakes, also where others compute: by the
/// shortest slice there is. For threads that keep moments, not for those that work. Linux 6.12 and
/// later take notice of it (sched_setattr(2), sched_runtime of a normal thread); no rights needed.
void ask_to_run_soon();
inline constexpr Nanos kShortestSlice = std::chrono::microseconds(100);  ///< the kernel's bound
/// Nothing where the kernel has no slices of single threads, or this is no normal thread.
std::optional<Nanos> slice_of_this_thread();

/// Waits until a moment: asleep, and awake for the last part when `spin` is set. Waking an idle
/// processor takes long on virtual machines: with 80 us awake, one request in a hundred was sent
/// 63 to 130 us late on a 16-processor one. Few processors are not spent on waiting.
class Waiter {
 public:
  /// To be made on the thread that waits (use_finest_timers, ask_to_run_soon).
  explicit Waiter(bool spin);
  /// Returns the time at which it came back, never before `due`.
  Instant until(Instant due) const;

 private:
  Nanos margin_;
};
inline constexpr Nanos kShortSpin = std::chrono::microseconds(80);
inline constexpr Nanos kLongSpin = std::chrono::milliseconds(1);
inline constexpr int kProcessorsForLongSpin = 8;  ///< of the machine

/// How long before the moment a Waiter is awake.
constexpr Nanos spin_margin(bool spin, int online_processors) {
  if (!spin) return Nanos(0);
  return online_processors >= kProcessorsForLongSpin ? kLongSpin : kShortSpin;
}

}  // namespace corun::tenant
