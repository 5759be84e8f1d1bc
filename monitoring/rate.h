// How fast a counter rises.
#pragma once

#include <deque>
#include <optional>

#include "core/clock.h"

namespace corun::monitoring {

/// The rise of one counter a second, over about the last second. A counter that goes back (its
/// program began anew) begins anew.
class Rate {
 public:
  void add(Instant at, std::optional<double> value) {
    if (!value || (!samples_.empty() && *value < samples_.back().value)) samples_.clear();
    if (!value || (!samples_.empty() && at <= samples_.back().at)) return;
    samples_.push_back({at, *value});
    // The oldest one kept is the newest that is at least a window old.
    while (samples_.size() > 2 && at - samples_[1].at >= kWindow) samples_.pop_front();
  }
  /// Nothing before there are two values a tenth of a window apart.
  std::optional<double> per_second() const {
    if (samples_.size() < 2) return std::nullopt;
    const Nanos span = samples_.back().at - samples_.front().at;
    if (span < kWindow / 10) return std::nullopt;
    return (samples_.back().value - samples_.front().value) / to_seconds(span);
  }
  void clear() { samples_.clear(); }

 private:
  static constexpr Nanos kWindow = std::chrono::seconds(1);
  struct Sample {
    Instant at;
    double value;
  };
  std::deque<Sample> samples_;
};

}  // namespace corun::monitoring
