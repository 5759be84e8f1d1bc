// A GPU and its state at one moment, as values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.h"

namespace corun {

/// What does not change while the driver is loaded.
struct GpuInfo {
  int index = 0;           ///< the driver's ordinal
  std::string uuid;        ///< "GPU-..."
  std::string name;        ///< product name
  std::string driver;      ///< driver version, e.g. "580.159.04"
  std::string cuda;        ///< highest CUDA version of the driver, e.g. "13.0"
  std::string pci_bus_id;  ///< e.g. "00000000:1B:00.0"
  int compute_major = 0;
  int compute_minor = 0;
  int sm_count = 0;
  uint64_t memory_bytes = 0;
  int max_sm_clock_mhz = 0;
  std::optional<double> power_limit_w;
  std::string compute_mode;  ///< "default", "exclusive-process", "prohibited"
  std::string mig_mode;      ///< "enabled", "disabled", "not-supported"
  bool simulated = false;
};

/// One process with a context on the GPU, as NVML tells it. PIDs are host PIDs.
struct GpuProcess {
  int pid = 0;
  std::optional<uint64_t> memory_bytes;  ///< nothing where the driver does not tell
  bool mps_client = false;
  std::optional<double> sm_utilization;  ///< 0..1 over the last sampling period
  unsigned gpu_instance = 0;             ///< where the GPU is in MIG mode; else of no meaning
};

/// Device telemetry at one instant. A reading that the driver does not give is nothing, never 0.
struct GpuSnapshot {
  Instant at;
  std::optional<double> utilization_nvml;    ///< 0..1: share of time with any kernel resident
  std::optional<double> memory_utilization;  ///< 0..1: time that memory was read or written
  std::optional<double> sm_active;           ///< 0..1, GPM
  std::optional<double> sm_occupancy;        ///< 0..1, GPM
  std::optional<double> tensor_active;       ///< 0..1, GPM
  std::optional<double> dram_active;         ///< 0..1, GPM
  std::optional<double> pcie_rx_mib_s;
  std::optional<double> pcie_tx_mib_s;
  std::optional<uint64_t> memory_used_bytes;
  std::optional<double> power_w;
  std::optional<uint64_t> energy_mj;  ///< millijoules since the driver was loaded
  std::optional<int> sm_clock_mhz;
  std::optional<int> memory_clock_mhz;
  std::optional<int> temperature_c;
  std::optional<uint64_t> throttle_reasons;  ///< NVML's clocks-event bits
  bool processes_read = false;               ///< the list was due and could be read
  std::vector<GpuProcess> processes;
};

}  // namespace corun
