// Which GPUs this node has.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/model/gpu.h"
#include "gpu/driver.h"
#include "gpu/nvml.h"

namespace corun::gpu {

/// All GPUs that the CUDA driver sees, in its order, completed with NVML's facts (matched by UUID,
/// else by PCI bus). Initialises the driver in this process, but makes no context and never joins
/// an MPS daemon. Errors (unsupported): no driver, no GPU, no NVML.
Result<std::vector<GpuInfo>> list_gpus(const DriverFiles& files = DriverFiles::from_environment());

/// The same over libraries that are already loaded; `driver` must be initialised. `nvml` may be
/// null: then driver version, clocks, limits and modes stay empty.
Result<std::vector<GpuInfo>> list_gpus(const Driver& driver, const Nvml* nvml);

/// Calls cuInit with MPS kept out of this process: by default the driver joins whichever MPS daemon
/// answers at CUDA_MPS_PIPE_DIRECTORY or /tmp/nvidia-mps. Not safe beside threads that read the
/// environment.
Status init_without_mps(const Driver& driver);

/// "GPU-1b4e28ba-2fa1-11d2-883f-0016d3cca427".
std::string uuid_text(const cuda::Uuid& uuid);
/// "0000:1b:00.0" and "00000000:1B:00.0" both become "00000000:1B:00.0".
std::string normal_pci_bus_id(std::string_view id);

/// The number N of its /dev/nvidiaN; its index where NVML does not tell.
int device_minor(const GpuInfo& gpu);

/// The GPU with this index, UUID or PCI bus. Errors (usage): none, listing those that are there.
Result<GpuInfo> find_gpu(std::span<const GpuInfo> gpus, std::string_view which);

}  // namespace corun::gpu
