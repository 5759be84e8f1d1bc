// When something that ends by itself is started again: at once, and then less and less often.
#pragma once

#include <optional>

#include "core/clock.h"

namespace corun::modes {

/// After each end: at once, then after 1, 2, 4, ... 30 s, ten times in all. Whoever lived for a
/// minute begins anew.
class Restarts {
 public:
  /// It has ended at `now`, having been started at `started`: when to start it, or nothing: too
  /// often.
  std::optional<Instant> after_end(Instant started, Instant now);
  /// How often it has ended without having lived for long.
  int ends() const { return ends_; }

 private:
  int ends_ = 0;
};

inline constexpr int kMaxRestarts = 10;
inline constexpr Nanos kLongLife = std::chrono::minutes(1);

}  // namespace corun::modes
