#include "workloads/synthetic/calibration.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "core/check.h"

namespace corun::synthetic {

namespace {

constexpr double kTolerance = 0.005;
constexpr int kMaxRounds = 24;
constexpr double kMaxGrowth = 8.0;  // per round, while the slope is only guessed
constexpr double kMaxIterations = 4.0e9;

/// The iterations to try next, from the last measurement and the one before it.
uint32_t next_iterations(double target_us, const Calibration& last,
                         const std::optional<Calibration>& before) {
  const double n = last.iterations;
  double wanted = n * target_us / std::max(last.duration_us, 1e-3);
  if (before && before->iterations != last.iterations) {
    const double slope = (last.duration_us - before->duration_us) / (n - before->iterations);
    if (slope > 0) wanted = n + (target_us - last.duration_us) / slope;
  }
  wanted = std::clamp(wanted, n / kMaxGrowth, n * kMaxGrowth);
  return static_cast<uint32_t>(std::lround(std::clamp(wanted, 1.0, kMaxIterations)));
}

}  // namespace

Result<Calibration> calibrate(double target_us, const Measure& measure, uint32_t first_guess) {
  CORUN_CHECK(target_us > 0, "a calibration needs a positive duration");
  Calibration best{1, std::numeric_limits<double>::infinity()};
  std::optional<Calibration> before;
  uint32_t iterations = first_guess;
  for (int round = 0; round < kMaxRounds; ++round) {
    CORUN_ASSIGN(const double duration_us, measure(iterations));
    const Calibration last{iterations, duration_us};
    if (std::abs(duration_us - target_us) < std::abs(best.duration_us - target_us)) best = last;
    if (std::abs(duration_us - target_us) <= kTolerance * target_us) return last;
    if (iterations == 1 && duration_us > 1.5 * target_us) {
      return usage_error(
          fmt::format("the shortest possible work takes {:.1f} us, asked for {:.1f} us",
                      duration_us, target_us),
          "ask for a longer duration");
    }
    const uint32_t next = next_iterations(target_us, last, before);
    if (next == iterations) return best;  // one iteration more or less is the resolution
    before = last;
    iterations = next;
  }
  return best;
}

}  // namespace corun::synthetic
