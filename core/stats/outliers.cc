#include "core/stats/outliers.h"

#include <algorithm>
#include <cmath>

#include "core/stats/quantile.h"

namespace corun::stats {

namespace {

std::vector<double> sorted_copy(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values;
}

}  // namespace

std::vector<OutlierFlags> outliers(std::span<const double> values) {
  std::vector<OutlierFlags> flags(values.size());
  if (values.empty()) return flags;
  const std::vector<double> sorted = sorted_copy({values.begin(), values.end()});
  const double q1 = quantile_of_sorted(sorted, 0.25);
  const double median = quantile_of_sorted(sorted, 0.5);
  const double q3 = quantile_of_sorted(sorted, 0.75);
  std::vector<double> deviations;
  deviations.reserve(sorted.size());
  for (const double value : sorted) deviations.push_back(std::abs(value - median));
  const double mad = quantile_of_sorted(sorted_copy(std::move(deviations)), 0.5);
  const double iqr = q3 - q1;
  for (size_t i = 0; i < values.size(); ++i) {
    const double outside = std::max(q1 - values[i], values[i] - q3);
    flags[i].tukey_mild = outside > 1.5 * iqr;
    flags[i].tukey_far = outside > 3 * iqr;
    flags[i].mad = mad > 0 && std::abs(values[i] - median) / mad > 14.8;
  }
  return flags;
}

}  // namespace corun::stats
