// Managed sharing: corund governs the GPU, libcorun.so acts in each workload.
#pragma once

#include <memory>

#include "modes/daemon.h"
#include "modes/mode.h"

namespace corun::modes {

/// Processes stay apart; corund sets their time slices and gates best-effort work.
std::unique_ptr<Mode> make_managed(const DaemonChoice& choice);
/// All workloads are clients of one MPS server; corund gates best-effort work.
std::unique_ptr<Mode> make_managed_mps(const DaemonChoice& choice);

/// The environment in which a workload is one of the daemon of `run_dir`.
Edits workload_edits(const EngineFiles& files, const std::filesystem::path& run_dir,
                     const Share& share);

/// CUDA_MPS_CLIENT_PRIORITY of a workload beside corund: what still runs of best-effort ones when a
/// gate closes gives way to the burst block by block.
std::string mps_priority(ServiceClass service_class);

/// The same for containers of a class, each of which is a workload: name and weight are its own.
Edits class_edits(const EngineFiles& files, const std::filesystem::path& run_dir,
                  ServiceClass service_class);

/// The same for a daemon that was there already, on its GPU; `empty_pipe` is a folder that is made
/// if need be: no MPS daemon is joined by mistake.
Edits joined_edits(const EngineFiles& files, const GpuInfo& gpu, const RunningDaemon& daemon,
                   const Share& share, const std::filesystem::path& empty_pipe);

/// Nothing, or why libcorun.so and corund cannot work with this GPU's driver here (unsupported).
Status check_managed_driver(const GpuInfo& gpu);

}  // namespace corun::modes
