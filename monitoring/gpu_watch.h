// One GPU read through NVML, on a thread of its own that may be left behind: an NVML call that
// does not return delays nobody, and is told as an error.
#pragma once

#include <memory>

#include "gpu/nvml.h"
#include "monitoring/readings.h"

namespace corun::monitoring {

class GpuWatch {
 public:
  /// Reads `hz` times a second (GPM and energy at most 5 times). A GPU that is lost is tried again
  /// now and then.
  GpuWatch(std::shared_ptr<const gpu::Nvml> nvml, const GpuInfo& info, double hz);
  /// Ends the thread; one that hangs in a call ends by itself after that call.
  ~GpuWatch();
  GpuWatch(const GpuWatch&) = delete;
  GpuWatch& operator=(const GpuWatch&) = delete;

  /// What was read since the last call. Never waits for NVML.
  GpuReading take(Instant now);

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

}  // namespace corun::monitoring
