#include "core/stats/quantile.h"

#include <algorithm>
#include <cmath>

#include "core/check.h"
#include "core/stats/distributions.h"

namespace corun::stats {

std::optional<RankInterval> quantile_ranks(uint64_t n, double p, double confidence) {
  const double tail = (1 - confidence) / 2;
  const auto count = static_cast<int64_t>(n);
  // Values at or below the quantile number Bin(n, p). The rank-l value lies above the quantile when
  // that number is below l; the rank-u value lies at or below it when the number is at least u.
  int64_t below = 0;  // largest k with P[Bin <= k - 1] <= tail
  int64_t reach = count;
  while (below < reach) {
    const int64_t middle = below + (reach - below + 1) / 2;
    if (binomial_cdf(middle - 1, count, p) <= tail) {
      below = middle;
    } else {
      reach = middle - 1;
    }
  }
  int64_t above = count + 1;  // smallest k with P[Bin >= k] <= tail
  reach = 0;
  while (reach + 1 < above) {
    const int64_t middle = reach + (above - reach) / 2;
    if (1 - binomial_cdf(middle - 1, count, p) <= tail) {
      above = middle;
    } else {
      reach = middle;
    }
  }
  if (below < 1 || above > count) return std::nullopt;
  return RankInterval{static_cast<uint64_t>(below), static_cast<uint64_t>(above)};
}

uint64_t min_samples(double p, uint64_t late, double confidence) {
  CORUN_CHECK(p > 0 && p < 1, "percentile out of range");
  const double limit = 1 - confidence;
  const auto passes = [&](uint64_t n) {
    return binomial_cdf(static_cast<int64_t>(late), static_cast<int64_t>(n), 1 - p) <= limit;
  };
  uint64_t high = late + 1;
  while (!passes(high)) high *= 2;
  uint64_t low = high / 2;
  while (low + 1 < high) {
    const uint64_t middle = low + (high - low) / 2;
    (passes(middle) ? high : low) = middle;
  }
  return high;
}

bool supports_percentile(uint64_t n, double p) {
  // P[Bin(n, 1-p) <= 0] = p^n; the same rule as min_samples(p) without the search.
  return n > 0 && std::pow(p, static_cast<double>(n)) <= 0.01;
}

size_t quantile_rank(size_t n, double p) {
  // n*p in floating point may land a hair above a whole number: 0.95 * 100 is one.
  const double exact = static_cast<double>(n) * p;
  const auto rank = static_cast<size_t>(std::max(1.0, std::ceil(exact - 1e-9)));
  return std::min(rank, n);
}

double quantile_of_sorted(std::span<const double> sorted, double p) {
  CORUN_CHECK(!sorted.empty(), "quantile of nothing");
  return sorted[quantile_rank(sorted.size(), p) - 1];
}

std::optional<Estimate> quantile_estimate(std::span<const double> sorted, double p) {
  if (!supports_percentile(sorted.size(), p)) return std::nullopt;
  Estimate estimate{quantile_of_sorted(sorted, p), {}, {}};
  if (const auto ranks = quantile_ranks(sorted.size(), p)) {
    estimate.low = sorted[ranks->low - 1];
    estimate.high = sorted[ranks->high - 1];
  }
  return estimate;
}

}  // namespace corun::stats
