// The controller behind `deadline`: how much best-effort work may leak into the bursts of a
// latency-critical workload, by its measured p99 against its target. Additive increase,
// multiplicative decrease, judged over at least 100 bursts or 2 s.
#pragma once

#include "engine/policy/policy.h"

namespace corun::policy {

inline constexpr double kLeakStep = 0.02;
inline constexpr double kCalmBelow = 0.8;  ///< of the target: room for more
inline constexpr size_t kBurstsJudged = 100;
inline constexpr Nanos kJudgedAfter = std::chrono::seconds(2);
/// After a miss the leak rests for this long before it grows again.
inline constexpr Nanos kRestAfterMiss = std::chrono::seconds(2);

/// Takes in the new bursts of a tick and moves State::leak where there is enough to judge by.
void adjust_leaks(State& state, const Tick& tick, Instant now);

}  // namespace corun::policy
