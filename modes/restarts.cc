#include "modes/restarts.h"

#include <algorithm>

namespace corun::modes {

namespace {

constexpr Nanos kLongestPause = std::chrono::seconds(30);

}  // namespace

std::optional<Instant> Restarts::after_end(Instant started, Instant now) {
  if (now - started >= kLongLife) ends_ = 0;
  ++ends_;
  if (ends_ > kMaxRestarts) return std::nullopt;
  if (ends_ == 1) return now;
  return now + std::min<Nanos>(std::chrono::seconds(1LL << (ends_ - 2)), kLongestPause);
}

}  // namespace corun::modes
