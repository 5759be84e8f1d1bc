#include "workloads/tenant/warm_meter.h"

#include <algorithm>

#include "core/stats/quantile.h"

namespace corun::tenant {

WarmFigures pipelined_figures(uint64_t items, Nanos elapsed) {
  const double rate = static_cast<double>(items) / std::max(to_seconds(elapsed), 1e-9);
  return {.rate = rate, .settling = rate};
}

WarmFigures LongMeter::add(uint64_t items, Nanos elapsed) {
  items_ += items;
  elapsed_ += elapsed;
  return {.rate = pipelined_figures(items, elapsed).rate,
          .settling = pipelined_figures(items_, elapsed_).rate};
}

void SerialMeter::done(Instant now) {
  item_s_.push_back(to_seconds(now - last_));
  last_ = now;
}

WarmFigures SerialMeter::figures() const {
  if (item_s_.empty()) return {.rate = 0, .settling = 0};
  std::vector<double> sorted = item_s_;
  std::sort(sorted.begin(), sorted.end());
  const double median_s = std::max(stats::quantile_of_sorted(sorted, 0.5), 1e-9);
  const double elapsed_s = std::max(to_seconds(last_ - start_), 1e-9);
  return {.rate = static_cast<double>(sorted.size()) / elapsed_s, .settling = 1.0 / median_s};
}

}  // namespace corun::tenant
