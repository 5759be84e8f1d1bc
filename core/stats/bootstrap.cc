#include "core/stats/bootstrap.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/check.h"
#include "core/stats/distributions.h"
#include "core/stats/quantile.h"
#include "core/stats/random.h"
#include "core/stats/rank_tree.h"

namespace corun::stats {

namespace {

constexpr size_t kMinBlocks = 5;  // fewer blocks say too little about their spread
constexpr size_t kMinLaunchesForBootstrap = 10;
constexpr double kRankBudget = 2e8;  // rank draws per call: about half a second
constexpr size_t kLongBlock = 64;    // from here on a tree is faster than counting every draw

size_t block_count(size_t n, size_t block) { return (n + block - 1) / block; }

/// Calls visit(begin, end) for blocks of neighbours that start at random places, n indices in all.
template <typename Visit>
void draw_blocks(size_t n, size_t block, Random& random, Visit visit) {
  const size_t starts = n - block + 1;
  size_t left = n;
  while (left > 0) {
    const size_t start = random.below(starts);
    const size_t take = std::min(block, left);
    visit(start, start + take);
    left -= take;
  }
}

/// The same, index by index.
template <typename Visit>
void visit_blocks(size_t n, size_t block, Random& random, Visit visit) {
  draw_blocks(n, block, random, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) visit(i);
  });
}

struct Ranked {
  std::vector<double> sorted;
  std::vector<uint32_t> rank_of;  ///< of each place of the series, from 0; ties by place
};

Ranked rank(std::span<const double> series) {
  std::vector<uint32_t> order(series.size());
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(order.begin(), order.end(),
                   [&](uint32_t a, uint32_t b) { return series[a] < series[b]; });
  Ranked ranked{std::vector<double>(series.size()), std::vector<uint32_t>(series.size())};
  for (size_t rank = 0; rank < order.size(); ++rank) {
    ranked.rank_of[order[rank]] = static_cast<uint32_t>(rank);
    ranked.sorted[rank] = series[order[rank]];
  }
  return ranked;
}

/// Calls keep(k, rank) for each resample and each of the `wanted` 1-based ranks: counts how often
/// each rank was drawn. Time per resample: n, whatever the blocks.
template <typename Keep>
void resample_by_counting(const Ranked& ranked, std::span<const size_t> wanted, size_t block,
                          int resamples, Random& random, Keep keep) {
  const size_t n = ranked.sorted.size();
  std::vector<size_t> order(wanted.size());  // ascending, so that one pass finds all
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return wanted[a] < wanted[b]; });
  std::vector<uint32_t> hits(n);
  for (int i = 0; i < resamples; ++i) {
    std::fill(hits.begin(), hits.end(), 0U);
    visit_blocks(n, block, random, [&](size_t index) { ++hits[ranked.rank_of[index]]; });
    uint32_t rank = 0;
    size_t reached = hits[0];
    for (const size_t k : order) {
      while (reached < wanted[k]) reached += hits[++rank];
      keep(k, rank);
    }
  }
}

/// The same by a tree over the ranks. Time per resample: the number of blocks, whatever n.
template <typename Keep>
void resample_by_tree(const Ranked& ranked, std::span<const size_t> wanted, size_t block,
                      int resamples, Random& random, Keep keep) {
  const RankTree tree(ranked.rank_of);
  std::vector<RankTree::Range> blocks;
  std::vector<RankTree::Range> scratch;
  for (int i = 0; i < resamples; ++i) {
    blocks.clear();
    draw_blocks(ranked.sorted.size(), block, random, [&](size_t begin, size_t end) {
      blocks.push_back({static_cast<uint32_t>(begin), static_cast<uint32_t>(end)});
    });
    for (size_t k = 0; k < wanted.size(); ++k) {
      scratch.assign(blocks.begin(), blocks.end());
      keep(k, tree.kth_smallest(wanted[k], scratch));
    }
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
  const Ranked ranked = rank(series);
  std::vector<Estimate> estimates;
  std::vector<size_t> wanted;  // 1-based rank of each quantile
  for (const double p : probabilities) {
    estimates.push_back({quantile_of_sorted(ranked.sorted, p), {}, {}});
    wanted.push_back(quantile_rank(n, p));
  }
  if (block_count(n, options.block) < kMinBlocks) return estimates;

  const int affordable = static_cast<int>(kRankBudget / static_cast<double>(n));
  const int resamples = std::min(options.resamples, std::max(1000, affordable));
  Random random(options.seed);
  std::vector<std::vector<double>> draws(probabilities.size());
  const auto keep = [&](size_t k, uint32_t rank) { draws[k].push_back(ranked.sorted[rank]); };
  if (options.block < kLongBlock) {
    resample_by_counting(ranked, wanted, options.block, resamples, random, keep);
  } else {
    resample_by_tree(ranked, wanted, options.block, resamples, random, keep);
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
