// CLOCK_MONOTONIC, which daemons and drivers count in, to unix time, which people read.
#pragma once

#include <cmath>

#include "core/clock.h"

namespace corun::monitoring {

class ClockMap {
 public:
  /// Takes both clocks, read together; true when the wall clock was set to another time since the
  /// last call. Smaller differences (noise of the reading, slewing) are followed in small steps, so
  /// that blocks of time keep their order.
  bool update(Instant now, double unix_now) {
    const double offset = unix_now - to_seconds(Nanos(now.ns));
    const double change = std::abs(offset - offset_);
    const bool first = !known_;
    if (first || change > kFollow) offset_ = offset;
    known_ = true;
    return !first && change > kSet;
  }
  double to_unix(int64_t monotonic_ns) const { return to_seconds(Nanos(monotonic_ns)) + offset_; }
  double to_unix(Instant t) const { return to_unix(t.ns); }

 private:
  static constexpr double kFollow = 1e-3;
  static constexpr double kSet = 0.2;
  double offset_ = 0;
  bool known_ = false;
};

}  // namespace corun::monitoring
