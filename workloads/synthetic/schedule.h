// When requests arrive and how long a user thinks: drawn before a window from its seed, never from
// how the server fares. A late server thus delays no arrival (open loop).
#pragma once

#include <cstdint>
#include <vector>

#include "core/clock.h"
#include "core/stats/random.h"

namespace corun::synthetic {

enum class ArrivalProcess { kPoisson, kConstant };

/// Arrival times after the window's start, ascending, inside [0, length). `rate`: requests/s, > 0.
std::vector<Nanos> draw_arrivals(ArrivalProcess process, double rate, Nanos length, uint64_t seed);

/// A log-normal duration: half of the draws are below `median`; `sigma` is the standard deviation
/// of the logarithm (0: always the median).
struct LogNormal {
  Nanos median{0};
  double sigma = 0;
};
Nanos draw(const LogNormal& distribution, stats::Random& random);

}  // namespace corun::synthetic
