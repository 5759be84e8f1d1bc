// Quantiles of independent samples, with exact intervals from order statistics, and the rule for
// which percentiles a sample is large enough for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "core/row.h"

namespace corun::stats {

/// 1-based ranks of the order statistics that enclose a quantile.
struct RankInterval {
  uint64_t low = 0;
  uint64_t high = 0;
  bool operator==(const RankInterval&) const = default;
};

/// Ranks with P[rank `low` value > quantile] and P[rank `high` value <= quantile] both at most
/// (1 - confidence) / 2, from the binomial distribution; nothing when n is too small for both
/// sides. Assumes independent samples.
std::optional<RankInterval> quantile_ranks(uint64_t n, double p, double confidence = 0.95);

/// The smallest n for which P[Bin(n, 1-p) <= late] <= 1 - confidence: fewer samples cannot tell
/// the percentile p from a worse one (MLPerf's early-stopping rule).
uint64_t min_samples(double p, uint64_t late = 0, double confidence = 0.99);
/// n >= min_samples(p). p99 needs 459, p99.9 needs 4603.
bool supports_percentile(uint64_t n, double p);

/// ceil(n*p), at least 1: the nearest rank of the quantile p among n values.
size_t quantile_rank(size_t n, double p);
/// The ceil(n*p)-th smallest value (nearest rank, never interpolated). Precondition: not empty.
double quantile_of_sorted(std::span<const double> sorted, double p);
/// Value and exact 95 % interval; nothing when n cannot support the percentile.
std::optional<Estimate> quantile_estimate(std::span<const double> sorted, double p);

}  // namespace corun::stats
