#include "core/stats/bootstrap.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/check.h"
#include "core/stats/distributions.h"
#include "core/stats/quantile.h"
#include "core/stats/random.h"

namespace corun::stats {

namespace {

constexpr size_t kMinBlocks = 5;  // fewer blocks say too little about their spread
constexpr size_t kMinLaunchesForBootstrap = 10;
constexpr double kRankBudget = 2e8;  // rank draws per call: about half a second

size_t block_count(size_t n, size_t block) { return (n + block - 1) / block; }

/// Calls visit(index) for n indices: blocks of neighbours that start at random places.
template <typename Visit>
void visit_blocks(size_t n, size_t block, Random& random, Visit visit) {
  const size_t starts = n - block + 1;
  size_t left = n;
  while (left > 0) {
    const size_t start = random.below(starts);
    const size_t take = std::min(block, left);
    for (size_t i = 0; i < take; ++i) visit(start + i);
    left -= take;
  }
}

void set_interval(Estimate& estimate, std::vector<double>& draws, double confidence) {
  std::sort(draws.begin(), draws.end());
  const double tail = (1 - confidence) / 2;
  // A percentile interval that leaves out the estimate itself would only confuse.
  estimate.low = std::min(estimate.value, quantile_of_sorted(draws, tail));
  estimate.high = std::max(estimate.value, quantile_of_sorted(draws, 1 - tail));
}

double mean_of_statistic(std::span<const std::vector<double>> launches,
                         const Statistic& statistic) {
  double sum = 0;
  for (const auto& launch : launches) sum += statistic(launch);
  return sum / static_cast<double>(launches.size());
}

Estimate wider(const Estimate& a, const Estimate& b) {
  Estimate hull = a;
  if (b.low && (!hull.low || *b.low < *hull.low)) hull.low = b.low;
  if (b.high && (!hull.high || *b.high > *hull.high)) hull.high = b.high;
  return hull;
}

}  // namespace

double mean(std::span<const double> values) {
  CORUN_CHECK(!values.empty(), "mean of nothing");
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double variance(std::span<const double> values) {
  if (values.size() < 2) return 0;
  const double centre = mean(values);
  double sum = 0;
  for (const double value : values) sum += (value - centre) * (value - centre);
  return sum / static_cast<double>(values.size() - 1);
}

Estimate block_bootstrap(std::span<const double> series, const Statistic& statistic,
                         const BootstrapOptions& options) {
  CORUN_CHECK(!series.empty() && options.block > 0, "bootstrap of nothing");
  Estimate estimate{statistic(series), {}, {}};
  if (block_count(series.size(), options.block) < kMinBlocks) return estimate;
  Random random(options.seed);
  std::vector<double> draws;
  std::vector<double> sample;
  for (int i = 0; i < options.resamples; ++i) {
    sample.clear();
    visit_blocks(series.size(), options.block, random,
                 [&](size_t index) { sample.push_back(series[index]); });
    draws.push_back(statistic(sample));
  }
  set_interval(estimate, draws, options.confidence);
  return estimate;
}

std::vector<Estimate> block_bootstrap_quantiles(std::span<const double> series,
                                                std::span<const double> probabilities,
                                                const BootstrapOptions& options) {
  CORUN_CHECK(!series.empty() && options.block > 0, "bootstrap of nothing");
  const size_t n = series.size();
  std::vector<size_t> order(n);
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return series[a] < series[b]; });
  std::vector<uint32_t> rank_of(n);
  std::vector<double> sorted(n);
  for (size_t rank = 0; rank < n; ++rank) {
    rank_of[order[rank]] = static_cast<uint32_t>(rank);
    sorted[rank] = series[order[rank]];
  }
  std::vector<Estimate> estimates;
  for (const double p : probabilities) estimates.push_back({quantile_of_sorted(sorted, p), {}, {}});
  if (block_count(n, options.block) < kMinBlocks) return estimates;

  const int affordable = static_cast<int>(kRankBudget / static_cast<double>(n));
  const int resamples = std::min(options.resamples, std::max(1000, affordable));
  Random random(options.seed);
  std::vector<uint32_t> hits(n);
  std::vector<std::vector<double>> draws(probabilities.size());
  std::vector<double> resampled(n);
  for (int i = 0; i < resamples; ++i) {
    std::fill(hits.begin(), hits.end(), 0U);
    visit_blocks(n, options.block, random, [&](size_t index) { ++hits[rank_of[index]]; });
    auto out = resampled.begin();
    for (size_t rank = 0; rank < n; ++rank) out = std::fill_n(out, hits[rank], sorted[rank]);
    for (size_t k = 0; k < probabilities.size(); ++k) {
      draws[k].push_back(quantile_of_sorted(resampled, probabilities[k]));
    }
  }
  for (size_t k = 0; k < estimates.size(); ++k) {
    set_interval(estimates[k], draws[k], options.confidence);
  }
  return estimates;
}

double effective_sample_size(std::span<const double> series, size_t block) {
  const double n = static_cast<double>(series.size());
  const double spread = variance(series);
  if (block == 0 || series.size() < 2 * block || spread <= 0) return n;
  std::vector<double> block_means;
  for (size_t start = 0; start + block <= series.size(); start += block) {
    block_means.push_back(mean(series.subspan(start, block)));
  }
  const double long_run = variance(block_means) * static_cast<double>(block);
  return long_run <= spread ? n : n * spread / long_run;
}

Estimate hierarchical_bootstrap(std::span<const std::vector<double>> launches,
                                const Statistic& statistic, const BootstrapOptions& options) {
  CORUN_CHECK(!launches.empty(), "bootstrap of nothing");
  Estimate estimate{mean_of_statistic(launches, statistic), {}, {}};
  if (launches.size() < 2) return estimate;
  Random random(options.seed);
  std::vector<double> draws;
  std::vector<double> sample;
  for (int i = 0; i < options.resamples; ++i) {
    double sum = 0;
    for (size_t k = 0; k < launches.size(); ++k) {
      const std::vector<double>& launch = launches[random.below(launches.size())];
      CORUN_CHECK(!launch.empty(), "a launch without samples");
      sample.clear();
      visit_blocks(launch.size(), std::min(options.block, launch.size()), random,
                   [&](size_t index) { sample.push_back(launch[index]); });
      sum += statistic(sample);
    }
    draws.push_back(sum / static_cast<double>(launches.size()));
  }
  set_interval(estimate, draws, options.confidence);
  return estimate;
}

Estimate t_interval(std::span<const double> per_launch, double confidence) {
  Estimate estimate{mean(per_launch), {}, {}};
  if (per_launch.size() < 2) return estimate;
  const double n = static_cast<double>(per_launch.size());
  const double reach =
      student_t_quantile(1 - (1 - confidence) / 2, n - 1) * std::sqrt(variance(per_launch) / n);
  estimate.low = estimate.value - reach;
  estimate.high = estimate.value + reach;
  return estimate;
}

Estimate log_t_interval(std::span<const double> per_launch, double confidence) {
  CORUN_CHECK(!per_launch.empty(), "interval of nothing");
  std::vector<double> logs;
  for (const double value : per_launch) {
    if (value <= 0) return {mean(per_launch), {}, {}};  // no logarithm, so no interval
    logs.push_back(std::log(value));
  }
  Estimate estimate = t_interval(logs, confidence);
  estimate.value = std::exp(estimate.value);
  if (estimate.low) estimate.low = std::exp(*estimate.low);
  if (estimate.high) estimate.high = std::exp(*estimate.high);
  return estimate;
}

Estimate launches_estimate(std::span<const std::vector<double>> launches,
                           const Statistic& statistic, const BootstrapOptions& options) {
  const Estimate resampled = hierarchical_bootstrap(launches, statistic, options);
  if (launches.size() >= kMinLaunchesForBootstrap) return resampled;
  std::vector<double> per_launch;
  for (const auto& launch : launches) per_launch.push_back(statistic(launch));
  return wider(resampled, log_t_interval(per_launch, options.confidence));
}

Estimate launches_estimate(std::span<const double> per_launch, const BootstrapOptions& options) {
  std::vector<std::vector<double>> launches;
  for (const double value : per_launch) launches.push_back({value});
  return launches_estimate(
      launches, [](std::span<const double> one) { return one.front(); }, options);
}

}  // namespace corun::stats
