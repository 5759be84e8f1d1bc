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

// --- launches ---

/// CUDA_LAUNCH_PARAMS: one device of cuLaunchCooperativeKernelMultiDevice.
struct DeviceLaunch {
  FunctionHandle function;
  unsigned grid_x, grid_y, grid_z;
  unsigned block_x, block_y, block_z;
  unsigned dynamic_shared_bytes;
  StreamHandle stream;
  void** parameters;
};
static_assert(sizeof(DeviceLaunch) == 56 && offsetof(DeviceLaunch, stream) == 40);

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

// --- graphs ---

/// CUgraphNodeType.
enum class GraphNodeType : int {
  kKernel = 0,
  kMemcpy = 1,
  kMemset = 2,
  kHost = 3,
  kChildGraph = 4,
  kEmpty = 5,
  kWaitEvent = 6,
  kRecordEvent = 7,
  kSignalSemaphores = 8,
  kWaitSemaphores = 9,
  kMemoryAlloc = 10,
  kMemoryFree = 11,
  kBatchMemoryOp = 12,
  kConditional = 13,
};

/// CUDA_KERNEL_NODE_PARAMS_v2. The first version ends before `kernel`.
struct KernelNodeParams {
  FunctionHandle function;
  unsigned grid_x, grid_y, grid_z;
  unsigned block_x, block_y, block_z;
  unsigned dynamic_shared_bytes;
  void** parameters;
  void** extra;
  KernelHandle kernel;  ///< counts where `function` is null
  ContextHandle context;
};
static_assert(sizeof(KernelNodeParams) == 72 && offsetof(KernelNodeParams, kernel) == 56);

/// CUmemorytype.
enum class MemoryType : int { kHost = 1, kDevice = 2, kArray = 3, kUnified = 4 };

/// One side of a Memcpy3d.
struct Memcpy3dSide {
  size_t x_bytes, y, z, level;
  MemoryType type;
  void* host;
  DevicePtr device;
  ArrayHandle array;
  void* reserved;
  size_t pitch, height;
};
static_assert(sizeof(Memcpy3dSide) == 88 && offsetof(Memcpy3dSide, device) == 48);

/// CUDA_MEMCPY3D.
struct Memcpy3d {
  Memcpy3dSide from;
  Memcpy3dSide to;
  size_t width_bytes, height, depth;
};
static_assert(sizeof(Memcpy3d) == 200);

/// CUDA_MEMSET_NODE_PARAMS.
struct MemsetNodeParams {
  DevicePtr to;
  size_t pitch;
  unsigned value;
  unsigned element_bytes;
  size_t width;  ///< elements of a row
  size_t height;
};
static_assert(sizeof(MemsetNodeParams) == 40);

/// CUDA_BATCH_MEM_OP_NODE_PARAMS.
struct BatchMemoryOpNodeParams {
  ContextHandle context;
  unsigned count;
  BatchMemoryOp* operations;
  unsigned flags;
};
static_assert(sizeof(BatchMemoryOpNodeParams) == 32);

// Flags of cuGraphInstantiateWithFlags.
inline constexpr uint64_t kGraphAutoFree = 1;
inline constexpr uint64_t kGraphUpload = 2;
inline constexpr uint64_t kGraphDeviceLaunch = 4;
inline constexpr uint64_t kGraphNodePriority = 8;

/// CUDA_GRAPH_INSTANTIATE_PARAMS.
struct GraphInstantiateParams {
  uint64_t flags;
  StreamHandle upload_stream;
  GraphNodeHandle error_node;
  int result;
};
static_assert(sizeof(GraphInstantiateParams) == 32);

/// CUgraphExecUpdateResult.
enum class GraphUpdateResult : int {
  kSuccess = 0,
  kError = 1,
  kTopologyChanged = 2,
  kNodeTypeChanged = 3,
  kFunctionChanged = 4,
  kParametersChanged = 5,
  kNotSupported = 6,
};

/// CUgraphExecUpdateResultInfo.
struct GraphUpdateInfo {
  GraphUpdateResult result;
  GraphNodeHandle error_node;
  GraphNodeHandle error_from;
};
static_assert(sizeof(GraphUpdateInfo) == 24);

}  // namespace corun::cuda
