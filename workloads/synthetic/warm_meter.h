// What a warm-up window says about a workload.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/clock.h"

namespace corun::synthetic {

struct WarmFigures {
  double rate = 0;  ///< items/s over the window
  /// What must settle: items/s by the median time of an item, which a stall now and then does not
  /// move. Nothing: the workload is warm after this window.
  std::optional<double> settling;
};

/// Collects completions of one warm-up window.
class WarmMeter {
 public:
  explicit WarmMeter(Instant start) : start_(start), last_(start) {}
  void done(uint64_t items, Instant now);
  WarmFigures figures(Instant end);

 private:
  Instant start_;
  Instant last_;
  uint64_t items_ = 0;
  std::vector<double> item_s_;
};

}  // namespace corun::synthetic
