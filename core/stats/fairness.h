// How a mix shares a GPU: system throughput, turnaround, fairness. `x` is normalised progress: a
// workload's rate in the mix over its rate alone.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace corun::stats {

/// System throughput: sum of x. Above 1, sharing pays. (Eyerman & Eeckhout, IEEE Micro 2008)
double stp(std::span<const double> x);
/// Average normalised turnaround time: mean of 1/x; nothing when a workload made no progress.
std::optional<double> antt(std::span<const double> x);
/// min x. Precondition: not empty.
double worst_progress(std::span<const double> x);
/// Jain's index (sum x)^2 / (n sum x^2): 1 = all equal, 1/n = one has all; nothing when no
/// workload made progress or there is none.
std::optional<double> jain(std::span<const double> x);
/// Jain's index of x_i / w_i. Precondition: equal sizes, weights > 0.
std::optional<double> weighted_jain(std::span<const double> x, std::span<const double> weights);

/// Cumulative completed items of one workload over time.
struct ProgressSeries {
  std::vector<double> t_s;    ///< ascending
  std::vector<double> items;  ///< cumulative, same size
  double solo_rate = 0;       ///< items/s alone, > 0
  double weight = 1;
};
/// Items done at time t: linear between points, 0 items at the first point's left.
double items_at(const ProgressSeries& series, double t_s);

struct WindowedJain {
  double mean = 0;
  double worst = 0;
  size_t windows = 0;
};
/// Weighted Jain's index of the progress inside consecutive windows of `window_s` seconds between
/// from_s and to_s (an incomplete last window is left out); nothing for no complete window.
/// Windows in which nobody made progress do not count.
std::optional<WindowedJain> jain_over_windows(std::span<const ProgressSeries> workloads,
                                              double from_s, double to_s, double window_s);

}  // namespace corun::stats
