// Intervals for autocorrelated series and for repeated launches. All take a seed; the same input
// gives the same interval.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "core/row.h"

namespace corun::stats {

struct BootstrapOptions {
  size_t block = 1;        ///< samples per block; neighbours in time stay together
  int resamples = 10'000;  ///< upper bound; quantiles of very long series use fewer (>= 1000)
  uint64_t seed = 1;
  double confidence = 0.95;
};

using Statistic = std::function<double(std::span<const double>)>;

double mean(std::span<const double> values);
/// Unbiased variance; 0 for fewer than two values.
double variance(std::span<const double> values);

/// Moving-block bootstrap of any statistic of a time-ordered series; percentile interval.
/// `low`/`high` are nothing for fewer than five blocks. Precondition: not empty.
Estimate block_bootstrap(std::span<const double> series, const Statistic& statistic,
                         const BootstrapOptions& options);
/// The same for several quantiles at once, far faster: resamples ranks, not values.
std::vector<Estimate> block_bootstrap_quantiles(std::span<const double> series,
                                                std::span<const double> probabilities,
                                                const BootstrapOptions& options);
/// How many independent samples the series is worth: n * variance / long-run variance (from
/// block means of length `block`), at most n.
double effective_sample_size(std::span<const double> series, size_t block);

/// One series per launch: launches are resampled first, then blocks inside each; the statistic is
/// computed per launch and averaged. Precondition: every launch has samples.
Estimate hierarchical_bootstrap(std::span<const std::vector<double>> launches,
                                const Statistic& statistic, const BootstrapOptions& options);
/// Geometric mean of per-launch figures (> 0), Student's t interval on their logarithms;
/// no interval for fewer than two launches.
Estimate log_t_interval(std::span<const double> per_launch, double confidence = 0.95);
/// Mean of per-launch figures of any sign, Student's t interval; none for fewer than two launches.
Estimate t_interval(std::span<const double> per_launch, double confidence = 0.95);
/// The rule for repeated launches: hierarchical bootstrap; with fewer than ten launches the wider
/// of it and the log-t interval.
Estimate launches_estimate(std::span<const std::vector<double>> launches,
                           const Statistic& statistic, const BootstrapOptions& options);
/// The same when only one figure per launch is known (each launch is one block).
Estimate launches_estimate(std::span<const double> per_launch, const BootstrapOptions& options);

}  // namespace corun::stats
