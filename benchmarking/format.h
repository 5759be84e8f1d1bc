// Figures as people read them: three significant digits, "-" for what is not known.
#pragma once

#include <optional>
#include <string>

#include "benchmarking/figures.h"
#include "core/row.h"

namespace corun::benchmarking {

/// 1.23, 45.6, 789, 12346, 0.0123, 0; "-" for nothing.
std::string number(std::optional<double> value);
/// "2.1 [2.01, 2.31]", without brackets where there is no interval; "-" for nothing.
std::string with_interval(const std::optional<Estimate>& estimate);
/// "0.951 [0.946, 0.955]": always three decimals, for ratios near 1.
std::string ratio_with_interval(const Estimate& ratio);
/// 0.981 -> "98 %", 0.0123 -> "1.2 %"; "-" for nothing.
std::string percent(std::optional<double> ratio);
/// "9.1 % [8.8, 9.4]".
std::string percent_with_interval(const std::optional<Estimate>& ratio);
/// The value alone, or nothing.
std::optional<double> value_of(const std::optional<Estimate>& estimate);

/// "5 repetitions of 10 s", "1 repetition".
std::string repetitions(const ModeFigures& mode);
/// What a reader must know beside the percentiles: "saturated", "CPU bound", "CHECKSUM WRONG".
std::string remarks(const WorkloadFigures& workload);

}  // namespace corun::benchmarking
