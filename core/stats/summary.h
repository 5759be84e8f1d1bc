// From raw samples to the figures of a result row.
#pragma once

#include <cstdint>
#include <span>

#include "core/row.h"

namespace corun::stats {

/// Percentiles of latencies (ms) in order of scheduled time. A percentile that n cannot support is
/// nothing. Intervals: the wider of exact order statistics and the moving-block bootstrap with
/// `block` samples a block (one second's worth and more; shortened so that ten blocks fit).
LatencySummary summarise_latency(std::span<const double> ms, size_t block, uint64_t seed);

/// A rate with its interval, from items completed in consecutive equal sub-windows of the
/// measured window (block bootstrap over neighbours). `seconds` is one sub-window's length.
Estimate summarise_rate(std::span<const double> items_per_subwindow, double seconds, uint64_t seed);

}  // namespace corun::stats
