// How many iterations make a kernel last as long as the user asked, on this GPU at its clocks.
#pragma once

#include <cstdint>
#include <functional>

#include "core/result.h"

namespace corun::synthetic {

struct Calibration {
  uint32_t iterations = 1;
  double duration_us = 0;  ///< measured with these iterations
};

/// Time in microseconds that one piece of work takes with this many iterations.
using Measure = std::function<Result<double>(uint32_t iterations)>;

/// Finds the iterations that take `target_us` within 0.5 %, by the secant through the last two
/// measurements (time grows nearly linearly with the iterations); gives the nearest measured ones
/// when the clock's noise allows no better. Errors: those of `measure`; (usage) the work takes
/// more than 1.5 x target_us even with one iteration. `first_guess` is tried first.
Result<Calibration> calibrate(double target_us, const Measure& measure, uint32_t first_guess = 1);

}  // namespace corun::synthetic
