// What the device did in a window, from its snapshots. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/clock.h"
#include "core/model/gpu.h"

namespace corun::benchmarking {

struct DeviceFigures {
  std::optional<double> utilization_nvml;     ///< mean
  std::optional<double> sm_active;            ///< mean
  std::optional<uint64_t> memory_used_bytes;  ///< peak
  std::optional<double> energy_j;  ///< by the energy counter, interpolated to the window's ends
  std::optional<double> mean_power_w;
  uint64_t clock_reasons = 0;                ///< all that were set at some sample
  std::optional<double> lowest_clock_share;  ///< of busy samples, over the highest SM clock
};

DeviceFigures device_figures(std::span<const GpuSnapshot> snapshots, Instant begin, Instant end,
                             int max_sm_clock_mhz);

/// Mean SM utilisation of one workload's processes inside the window times its length, where the
/// driver tells it; nothing else.
std::optional<double> gpu_seconds(std::span<const GpuSnapshot> snapshots, Instant begin,
                                  Instant end, std::span<const int> pids);

}  // namespace corun::benchmarking
