#include "core/stats/summary.h"

#include <algorithm>
#include <array>
#include <vector>

#include "core/stats/bootstrap.h"
#include "core/stats/quantile.h"

namespace corun::stats {

namespace {

constexpr size_t kBlocksWanted = 10;
constexpr std::array<double, 5> kPercentiles{0.50, 0.90, 0.95, 0.99, 0.999};

/// The wider of the two intervals on each side.
void widen(Estimate& estimate, const Estimate& other) {
  if (other.low && estimate.low) estimate.low = std::min(*estimate.low, *other.low);
  if (other.high && estimate.high) estimate.high = std::max(*estimate.high, *other.high);
}

}  // namespace

LatencySummary summarise_latency(std::span<const double> ms, size_t block, uint64_t seed) {
  LatencySummary summary;
  summary.n = ms.size();
  if (ms.empty()) return summary;
  std::vector<double> sorted(ms.begin(), ms.end());
  std::sort(sorted.begin(), sorted.end());
  BootstrapOptions options;
  options.block = std::clamp<size_t>(block, 1, std::max<size_t>(1, ms.size() / kBlocksWanted));
  options.seed = seed;
  const std::vector<Estimate> resampled = block_bootstrap_quantiles(ms, kPercentiles, options);
  std::optional<Estimate>* const targets[] = {&summary.p50, &summary.p90, &summary.p95,
                                              &summary.p99, &summary.p999};
  for (size_t i = 0; i < kPercentiles.size(); ++i) {
    *targets[i] = quantile_estimate(sorted, kPercentiles[i]);
    if (*targets[i]) widen(**targets[i], resampled[i]);
  }
  return summary;
}

Estimate summarise_rate(std::span<const double> items_per_subwindow, double seconds,
                        uint64_t seed) {
  std::vector<double> rates;
  for (const double items : items_per_subwindow) rates.push_back(items / seconds);
  BootstrapOptions options;
  options.seed = seed;
  // Neighbours share a long kernel or a slice that crosses their border.
  options.block = std::max<size_t>(1, std::min<size_t>(5, rates.size() / kBlocksWanted));
  return block_bootstrap(rates, mean, options);
}

}  // namespace corun::stats
