// The instances of a GPU in MIG mode, as NVML tells them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gpu/nvml.h"

namespace corun::gpu {

struct MigInstance {
  int gpu_instance = 0;
  int compute_instance = 0;
  std::string uuid;     ///< "MIG-..."
  std::string profile;  ///< "1g.10gb", "" where the name does not tell it
  uint64_t memory_bytes = 0;
  std::optional<int> start;  ///< first memory slot; nothing where this user may not see it
  std::optional<int> size;   ///< slots
  bool operator==(const MigInstance&) const = default;
};

/// What can hold work now, in NVML's order; empty where MIG is off or the driver does not tell.
std::vector<MigInstance> list_mig_instances(const Nvml& nvml, nvml::DeviceHandle device);

/// "1g.10gb" of "NVIDIA H100 80GB HBM3 MIG 1g.10gb".
std::string mig_profile_of(std::string_view device_name);

}  // namespace corun::gpu
