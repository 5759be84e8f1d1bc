// What a warm-up window says about a workload.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/clock.h"

namespace corun::tenant {

struct WarmFigures {
  double rate = 0;  ///< items/s over the window
  /// What must settle, in items/s. Nothing: the workload is warm after this window.
  std::optional<double> settling;
};

/// Of work with many pieces in flight: the rate itself must settle. (The times between completions
/// say little: a host that wakes late finds several pieces done at once.)
WarmFigures pipelined_figures(uint64_t items, Nanos elapsed);

/// Of work whose rate wavers from window to window although nothing warms up, as copies do that
/// share the host's memory with the rest of the machine: the mean since the beginning must settle.
/// It moves by less the longer the work goes on; a rate that still climbs keeps it moving.
class LongMeter {
 public:
  WarmFigures add(uint64_t items, Nanos elapsed);

 private:
  uint64_t items_ = 0;
  Nanos elapsed_{0};
};

/// Of items one after the other: the median time of an item must settle, which a stall now and then
/// does not move.
class SerialMeter {
 public:
  explicit SerialMeter(Instant start) : start_(start), last_(start) {}
  /// One more item is done.
  void done(Instant now);
  WarmFigures figures() const;

 private:
  Instant start_;
  Instant last_;
  std::vector<double> item_s_;
};

}  // namespace corun::tenant
