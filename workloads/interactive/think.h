// How long a person thinks between two cells.
#pragma once

#include <string_view>

#include "core/clock.h"
#include "core/result.h"
#include "core/stats/random.h"

namespace corun::interactive {

enum class ThinkKind { kConstant, kExponential, kLogNormal };

struct ThinkTime {
  ThinkKind kind = ThinkKind::kLogNormal;
  Nanos typical = std::chrono::seconds(1);  ///< the value, the mean, the median
  double sigma = 1.0;                       ///< kLogNormal: deviation of the logarithm
  bool operator==(const ThinkTime&) const = default;
};

/// "constant:2s", "exponential:2s", "lognormal:2s" or "lognormal:2s:0.8". Errors (usage).
Result<ThinkTime> parse_think(std::string_view text);
Nanos draw(const ThinkTime& think, stats::Random& random);

}  // namespace corun::interactive
