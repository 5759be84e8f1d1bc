// Ratios with intervals and the four-valued verdict: is B the same as A, better, worse, or can
// these data not tell?
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "core/row.h"

namespace corun::stats {

inline constexpr double kRateBand = 0.01;  ///< rates within 1 % are the same
inline constexpr double kTailBand = 0.05;  ///< p99 within 5 % are the same

/// A ratio on the logarithmic scale, where its error is symmetric.
struct Ratio {
  double log_ratio = 0;
  double standard_error = 0;      ///< of log_ratio
  double degrees_of_freedom = 0;  ///< of the error; infinity for a large sample

  double value() const;
  /// Value with its interval.
  Estimate estimate(double confidence = 0.95) const;
};

/// b/a of launches that ran in pairs (same block, e.g. a shared run and its bracketing solo run).
/// Nothing for fewer than two pairs or a figure <= 0. Precondition: equal sizes.
std::optional<Ratio> paired_ratio(std::span<const double> a, std::span<const double> b);
/// b/a of independent launches (Welch's t on logarithms). Nothing for fewer than two launches of
/// either or a figure <= 0.
std::optional<Ratio> unpaired_ratio(std::span<const double> a, std::span<const double> b);
/// b/a of two figures with their own intervals (one launch each). Nothing without intervals.
std::optional<Ratio> ratio_of_estimates(const Estimate& a, const Estimate& b);

enum class Verdict { kSame, kBetter, kWorse, kAmbiguous };
std::string_view to_string(Verdict verdict);  // "SAME", "BETTER", "WORSE", "AMBIGUOUS"

enum class Better { kHigher, kLower };

/// One cell of a grid of comparisons.
struct Comparison {
  Ratio ratio;
  double band = kRateBand;  ///< delta: ratios within 1 ± delta are the same
  Better better = Better::kHigher;
};

/// SAME: the interval lies inside the band. BETTER/WORSE: wholly on one side of the band.
/// AMBIGUOUS: anything else.
Verdict verdict(const Comparison& comparison, double confidence = 0.95);
/// The verdicts of a whole grid: as above, with Holm's correction, so that one wrong claim
/// anywhere in the grid is as unlikely as 1 - confidence.
std::vector<Verdict> holm_verdicts(std::span<const Comparison> grid, double confidence = 0.95);

}  // namespace corun::stats
