// What the simulated GPU tells about itself, as values.
#pragma once

#include <cstdint>

#include "core/clock.h"
#include "simgpu/engine/ids.h"

namespace corun::simgpu {

struct MemoryInfo {
  uint64_t total_bytes = 0;
  uint64_t used_bytes = 0;  ///< allocations and contexts
};

/// The SMs take up a group, or leave it.
struct GroupSwitch {
  Instant at;
  GroupId group;
  bool begins = false;
  bool operator==(const GroupSwitch&) const = default;
};

/// Counters only grow; rates over a window are differences of two readings.
struct Telemetry {
  Instant at;
  double utilization = 0;         ///< 0..1: time with a kernel resident, last complete period
  double memory_utilization = 0;  ///< 0..1: share of memory bandwidth, last complete period
  MemoryInfo memory;
  double power_w = 0;  ///< mean of the last complete period
  double temperature_c = 0;
  int sm_clock_mhz = 0;
  int memory_clock_mhz = 0;

  Nanos busy{0};          ///< time with a kernel resident
  double sm_seconds = 0;  ///< sum over time of the part (0..1) of SMs that hold a block
  double dram_bytes = 0;  ///< device memory traffic of kernels
  double h2d_bytes = 0;   ///< over PCIe, whole copies and the parts of those under way
  double d2h_bytes = 0;
  double energy_j = 0;
};

struct ClientTelemetry {
  uint64_t memory_bytes = 0;
  double utilization = 0;  ///< 0..1: time with a kernel of this process resident, last period
  Nanos busy{0};           ///< time with a kernel of this process resident
  double sm_seconds = 0;   ///< as in Telemetry, of this process alone
};

struct EngineTime {
  Nanos working{0};    ///< a group's slice, behind its restore
  Nanos restoring{0};  ///< at the beginning of slices
  Nanos switching{0};  ///< between slices
  Nanos idle{0};       ///< nothing to run
};

}  // namespace corun::simgpu
