// What the runner sees of the GPU. The real one is made of gpu/; tests have their own.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/model/gpu.h"
#include "core/result.h"

namespace corun::benchmarking {

class GpuWatch {
 public:
  virtual ~GpuWatch() = default;
  /// Snapshots since the last call, oldest first. Never blocks.
  virtual std::vector<GpuSnapshot> take_snapshots() = 0;
  /// Device events (Xid, ECC) since the last call, as text. Never blocks.
  virtual std::vector<std::string> take_events() = 0;
  /// Processes on the GPU now. Errors: the driver does not tell.
  virtual Result<std::vector<GpuProcess>> processes() = 0;
  /// Those of `on_gpu` that are not `ours`, as text ("PID 4711"; "2 processes").
  virtual std::vector<std::string> foreign(std::span<const GpuProcess> on_gpu,
                                           std::span<const int> ours) const = 0;
};

/// Telemetry, events and processes through NVML, sampling from now on.
/// Errors (unsupported): no NVML.
Result<std::unique_ptr<GpuWatch>> watch_gpu(const GpuInfo& gpu);

}  // namespace corun::benchmarking
