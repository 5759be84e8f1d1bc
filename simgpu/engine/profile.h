// The parameters of one GPU model, read from simgpu/profiles/NAME.json, where each number stands
// with its source.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "core/clock.h"
#include "core/json.h"
#include "core/result.h"

namespace corun::simgpu {

struct Profile {
  std::string name;          ///< "h100"
  std::string product_name;  ///< as NVML tells it, "NVIDIA H100 80GB HBM3"
  int compute_major = 0;
  int compute_minor = 0;

  int sm_count = 0;
  int max_threads_per_sm = 0;
  int max_blocks_per_sm = 0;
  uint64_t l2_bytes = 0;
  double block_spread = 0;  ///< part of a wave's time over which its blocks retire

  uint64_t memory_bytes = 0;          ///< usable device memory, as the driver tells it
  uint64_t memory_granule_bytes = 0;  ///< allocations occupy whole granules
  uint64_t context_bytes = 0;         ///< what a context occupies before its first allocation
  uint64_t mps_context_bytes = 0;     ///< the same for a client of an MPS server
  double dram_bytes_per_s = 0;        ///< bandwidth that kernels reach together
  double h2d_bytes_per_s = 0;
  double d2h_bytes_per_s = 0;

  Nanos submit_latency{0};  ///< from the submission on an idle stream to its start on the device
  Nanos graph_latency{0};   ///< added once for each graph launch
  Nanos kernel_gap{0};      ///< between dependent kernels of one stream
  Nanos copy_latency{0};    ///< added once for each copy
  Nanos word_latency{0};    ///< a wait for a word that passes, or the writing of one

  Nanos timeslice{0};         ///< default slice of a channel group
  Nanos slice_restore{0};     ///< at the beginning of a slice: nothing runs yet
  Nanos slice_switch{0};      ///< after a slice, before the next group's begins
  Nanos slice_record_gap{0};  ///< of a switch: between its two records in the driver's event buffer
  Nanos slice_least_work{0};  ///< what even the shortest slice gets done
  Nanos timeslice_told{0};    ///< slice that a group reads back before any was set
  Nanos timeslice_settle{0};  ///< slices set earlier after a group's begin have no effect
  Nanos preempt_latency{0};   ///< from the call that preempts a group to its effect
  Nanos control_time{0};      ///< how long a call that sets a slice or preempts takes
  Nanos flush_time{0};        ///< the same of a call that flushes an event buffer

  double park_bytes_per_s = 0;     ///< device to host memory, by the driver's checkpoint calls
  double restore_bytes_per_s = 0;  ///< and back
  uint64_t park_left_bytes = 0;    ///< what a parked process keeps on the device

  double idle_w = 0;
  double context_w = 0;  ///< added while any context exists (clocks are up)
  double power_limit_w = 0;
  double sm_w = 0;    ///< added when every SM is active
  double dram_w = 0;  ///< added at full memory bandwidth
  int idle_sm_clock_mhz = 0;
  int max_sm_clock_mhz = 0;
  int memory_clock_mhz = 0;
  double ambient_c = 0;         ///< temperature at no power
  double heat_c_per_w = 0;      ///< temperature rise for each watt, after a long time
  Nanos heat_time{0};           ///< time constant of the temperature
  Nanos utilization_period{0};  ///< over which NVML's utilisation is told
};

/// Errors (usage): a missing, unknown, wrongly typed or impossible number, by name and `origin`.
Result<Profile> profile_from_json(const Json& value, std::string_view origin);
/// Reads a profile file. Errors name the path.
Result<Profile> read_profile(const std::filesystem::path& path);

}  // namespace corun::simgpu
