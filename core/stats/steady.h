// When a warm-up is over.
#pragma once

#include <cstddef>
#include <vector>

namespace corun::stats {

/// Steady: `windows` consecutive figures (rates, median service times) within `tolerance`
/// (largest minus smallest, over their mean).
class SteadyState {
 public:
  explicit SteadyState(size_t windows = 3, double tolerance = 0.02)
      : windows_(windows), tolerance_(tolerance) {}
  /// Adds a window's figure; returns steady().
  bool add(double figure);
  bool steady() const;
  /// All figures so far, for the message that says why a workload did not settle.
  const std::vector<double>& figures() const { return figures_; }

 private:
  size_t windows_;
  double tolerance_;
  std::vector<double> figures_;
};

}  // namespace corun::stats
