// Outliers are marked, never removed.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace corun::stats {

struct OutlierFlags {
  bool tukey_mild = false;  ///< outside the quartiles by 1.5 interquartile ranges
  bool tukey_far = false;   ///< by 3
  bool mad = false;         ///< |x - median| / MAD > 14.8
  bool any() const { return tukey_mild || tukey_far || mad; }
};

/// One entry per value, in the order of `values`.
std::vector<OutlierFlags> outliers(std::span<const double> values);

}  // namespace corun::stats
