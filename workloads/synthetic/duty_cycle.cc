#include "workloads/synthetic/duty_cycle.h"

#include <algorithm>
#include <cmath>

#include "core/check.h"

namespace corun::synthetic {

namespace {
/// Long against a time slice of the driver, short against a window.
constexpr Nanos kPeriod = std::chrono::milliseconds(20);
constexpr double kFull = 0.999;
}  // namespace

DutyCycle::DutyCycle(double intensity, Nanos piece) : continuous_(intensity >= kFull) {
  CORUN_CHECK(intensity > 0 && intensity <= 1, "intensity is a share of time");
  const double piece_s = std::max(to_seconds(piece), 1e-9);
  pieces_ = std::max<uint64_t>(
      1, static_cast<uint64_t>(std::llround(intensity * to_seconds(kPeriod) / piece_s)));
  period_ = from_seconds(static_cast<double>(pieces_) * piece_s / intensity);
}

Instant DutyCycle::next(Instant began, Instant now) const { return std::max(began + period_, now); }

}  // namespace corun::synthetic
