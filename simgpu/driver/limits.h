// What a simulated GPU can hold at a time, from its description.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/abi/cuda.h"
#include "simgpu/wire/wire.h"

namespace corun::simgpu::driver {

/// Per-architecture limits of the CUDA C++ Programming Guide, "Technical Specifications per Compute
/// Capability" (https://docs.nvidia.com/cuda/cuda-c-programming-guide/), in bytes.
struct SharedMemoryLimits {
  int per_sm;
  int per_block;
  int per_block_optin;
};
SharedMemoryLimits shared_memory_limits(const wire::DeviceInfo& info);

/// The value of a device attribute; 0 for those that a simulated GPU does not have.
int device_attribute(const wire::DeviceInfo& info, cuda::DeviceAttribute attribute);

/// The devices that CUDA_VISIBLE_DEVICES (or nothing) lets through, in its order: indices or UUIDs
/// (also shortened), up to the first that names none.
std::vector<uint32_t> visible_devices(const std::optional<std::string>& variable,
                                      const std::vector<wire::DeviceInfo>& all);

/// Blocks of `threads` threads and `shared_bytes` bytes that one SM holds at a time.
int blocks_per_sm(const wire::DeviceInfo& info, int threads, uint64_t shared_bytes);

}  // namespace corun::simgpu::driver
