#include "workloads/synthetic/warm_meter.h"

#include <algorithm>

#include "core/stats/quantile.h"

namespace corun::synthetic {

void WarmMeter::done(uint64_t items, Instant now) {
  item_s_.push_back(to_seconds(now - last_) / static_cast<double>(items));
  items_ += items;
  last_ = now;
}

WarmFigures WarmMeter::figures(Instant end) {
  if (item_s_.empty()) return {.rate = 0, .settling = 0};
  std::sort(item_s_.begin(), item_s_.end());
  const double median_s = std::max(stats::quantile_of_sorted(item_s_, 0.5), 1e-9);
  return {.rate = static_cast<double>(items_) / to_seconds(end - start_),
          .settling = 1.0 / median_s};
}

}  // namespace corun::synthetic
