// Structures and constants of driver calls that corun itself does not make: the shim sees them pass
// and the simulated driver answers them. What both the loader and everybody else need is in
// core/abi/cuda.h.
//
// Source of facts: NVIDIA CUDA Driver API reference, https://docs.nvidia.com/cuda/cuda-driver-api/.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/abi/cuda.h"

namespace corun::cuda {

using AllocationHandle = unsigned long long;  // cuMemCreate
using ArrayHandle = struct ArrayObject*;
using MipmappedArrayHandle = struct MipmappedArrayObject*;
using ExternalMemoryHandle = struct ExternalMemoryObject*;
using KernelHandle = struct KernelObject*;

/// Handle values of the default streams: CU_STREAM_LEGACY and CU_STREAM_PER_THREAD.
inline constexpr uintptr_t kLegacyStreamValue = 1;
inline constexpr uintptr_t kPerThreadStreamValue = 2;
/// Flag of cuGetProcAddress: the variant for per-thread default streams.
inline constexpr uint64_t kProcAddressPerThread = 2;

// --- stream memory operations ---

enum class BatchMemoryOpType : uint32_t {
  kWaitValue32 = 1,
  kWriteValue32 = 2,
  kFlushRemoteWrites = 3,
  kWaitValue64 = 4,
  kWriteValue64 = 5,
  kBarrier = 6,
};

/// CUstreamBatchMemOpParams, for the types that have an address.
struct BatchMemoryOp {
  BatchMemoryOpType type;
  uint32_t reserved0;
  DevicePtr address;
  uint64_t value;
  uint32_t flags;
  uint32_t reserved1;
  DevicePtr alias;
  uint64_t reserved2;
};
static_assert(sizeof(BatchMemoryOp) == 48 && offsetof(BatchMemoryOp, flags) == 24);

// --- memory ---

struct MemoryLocation {
  int type;  ///< 1: device
  int id;
};
inline constexpr int kLocationDevice = 1;

/// CUmemAllocationProp.
struct AllocationProperties {
  int type;  ///< 1: pinned, the only one
  int handle_types;
  MemoryLocation location;
  void* windows_attributes;
  unsigned char flags[8];
};
static_assert(sizeof(AllocationProperties) == 32);
inline constexpr int kAllocationPinned = 1;

/// CUmemAccessDesc.
struct AccessDescription {
  MemoryLocation location;
  int flags;  ///< 0 none, 1 read, 3 read and write
};
static_assert(sizeof(AccessDescription) == 12);

/// CUmemPoolProps.
struct PoolProperties {
  int type;
  int handle_types;
  MemoryLocation location;
  void* windows_attributes;
  size_t most_bytes;
  unsigned char reserved[56];
};
static_assert(sizeof(PoolProperties) == 88);

/// CUmemPool_attribute: the release threshold, a uint64_t; those below it are int.
enum class PoolAttribute : int {
  kReuseFollowEvents = 1,
  kReuseOpportunistic = 2,
  kReuseDependencies = 3,
  kReleaseThreshold = 4,
};

/// CUDA_ARRAY_DESCRIPTOR.
struct ArrayDescription {
  size_t width;
  size_t height;
  unsigned format;
  unsigned channels;
};
static_assert(sizeof(ArrayDescription) == 24);

/// CUDA_ARRAY3D_DESCRIPTOR.
struct Array3dDescription {
  size_t width;
  size_t height;
  size_t depth;
  unsigned format;
  unsigned channels;
  unsigned flags;
};
static_assert(sizeof(Array3dDescription) == 40);

/// The part of CUDA_EXTERNAL_MEMORY_HANDLE_DESC up to its size.
struct ExternalMemoryDescription {
  int type;
  uint64_t handle[2];
  unsigned long long size;
};
static_assert(offsetof(ExternalMemoryDescription, size) == 24);

struct IpcMemoryHandle {
  char bytes[64];
};

}  // namespace corun::cuda
