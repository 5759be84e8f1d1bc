// Who is on a GPU: the processes with a context, their memory and utilisation, and whether they
// belong to us.
//
// NVML's pitfalls that are dealt with here: a list that grows between the two calls; memory that
// the driver does not tell (all ones) or cannot be (more than the GPU has); utilisation samples
// that are stale or above 100 %; "not found", which means idle; and PIDs that are the host's where
// this process sees those of a container.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "core/model/gpu.h"
#include "gpu/nvml.h"

namespace corun::gpu {

/// Lists the processes of one GPU. Keeps the time of the last utilisation sample between calls.
class ProcessList {
 public:
  /// `nvml` must outlive it. `memory_bytes`: the GPU's memory, the bound of a believable figure.
  ProcessList(const Nvml& nvml, nvml::DeviceHandle device, uint64_t memory_bytes);

  /// Compute processes and MPS clients, by PID. Errors (unsupported): the driver lacks the v3
  /// calls or does not tell this user; (failed) others, e.g. the GPU is lost.
  Result<std::vector<GpuProcess>> read();

 private:
  Status add(nvml::Code (*call)(nvml::DeviceHandle, unsigned*, nvml::ProcessInfo*), bool mps,
             std::map<int, GpuProcess>* by_pid) const;
  void add_utilization(std::map<int, GpuProcess>* by_pid);

  const Nvml& nvml_;
  nvml::DeviceHandle device_;
  uint64_t memory_bytes_;
  uint64_t last_sample_us_ = 0;
  bool utilization_supported_ = true;
};

/// How PIDs of NVML relate to those of this process. As a rule drivers tell host PIDs, whoever
/// asks; some tell those of the asking container.
struct PidView {
  /// This process is in the host's (initial) PID namespace: NVML's PIDs are ours.
  bool host_namespace = true;

  static PidView of_this_process();
};

struct ForeignProcesses {
  std::vector<int> pids;  ///< surely foreign
  /// In a PID namespace of our own, where none of our processes is recognised: processes beyond
  /// as many as we have ourselves. At least so many are foreign, whichever they are.
  int unresolved = 0;
  bool any() const { return !pids.empty() || unresolved > 0; }
};

/// Which of the processes on a GPU are not in `ours` (PIDs as this process sees them). With `ours`
/// empty every process is foreign, in any namespace.
ForeignProcesses find_foreign(std::span<const GpuProcess> on_gpu, std::span<const int> ours,
                              const PidView& view);

}  // namespace corun::gpu
