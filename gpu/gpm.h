// GPM: the GPU's profiling counters (SM, tensor, DRAM, PCIe activity), Hopper and newer. They
// describe the whole device, never a process.
#pragma once

#include <memory>
#include <optional>

#include "core/model/gpu.h"
#include "gpu/nvml.h"

namespace corun::gpu {

class GpmReader {
 public:
  /// Nothing where the driver or the device has no GPM. `nvml` must outlive the reader.
  static std::optional<GpmReader> open(const Nvml& nvml, nvml::DeviceHandle device);
  /// Whether the device has GPM.
  static bool supported(const Nvml& nvml, nvml::DeviceHandle device);

  /// Takes a sample and puts what happened since the previous one into the GPM fields; the first
  /// call puts nothing. Calls must be more than 100 ms apart: shorter intervals give wrong values.
  void read(GpuSnapshot* snapshot);

 private:
  struct FreeSample {
    const Nvml* nvml;
    void operator()(nvml::GpmSampleHandle sample) const { nvml->nvmlGpmSampleFree(sample); }
  };
  using Sample = std::unique_ptr<std::remove_pointer_t<nvml::GpmSampleHandle>, FreeSample>;

  GpmReader(const Nvml& nvml, nvml::DeviceHandle device, Sample first, Sample second);
  static Sample allocate(const Nvml& nvml);

  const Nvml* nvml_;
  nvml::DeviceHandle device_;
  Sample previous_;
  Sample current_;
  bool have_previous_ = false;
  std::unique_ptr<nvml::GpmMetricsGet> request_;  // 13 kB: too large for a stack frame
};

}  // namespace corun::gpu
