// What libcorun.so needs of the CUDA driver's and the kernel module's ABI beyond core/abi/cuda.h.
// Sources of facts: the CUDA Driver API reference (https://docs.nvidia.com/cuda/cuda-driver-api/)
// and NVIDIA's published kernel module (https://github.com/NVIDIA/open-gpu-kernel-modules,
// src/common/sdk/nvidia/inc: nvos.h, ctrl/ctrla06c.h; kernel-open: nv-ioctl.h).
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/abi/cuda.h"
#include "core/abi/rm.h"

namespace corun::shim {

using cuda::Code;
using cuda::ContextHandle;
using cuda::Device;
using cuda::DevicePtr;
using cuda::EventHandle;
using cuda::FunctionHandle;
using cuda::GraphExecHandle;
using cuda::ModuleHandle;
using cuda::StreamHandle;
using AllocationHandle = unsigned long long;
using ArrayHandle = struct ArrayObject*;
using MipmappedArrayHandle = struct MipmappedArrayObject*;
using ExternalMemoryHandle = struct ExternalMemoryObject*;

/// Handle values of the default streams: CU_STREAM_LEGACY and CU_STREAM_PER_THREAD.
inline constexpr uintptr_t kLegacyStreamValue = 1;
inline constexpr uintptr_t kPerThreadStreamValue = 2;
inline bool is_per_thread_stream(StreamHandle stream) {
  return reinterpret_cast<uintptr_t>(stream) == kPerThreadStreamValue;
}
/// Flag of cuMemHostRegister: the device only reads. Needs device attribute 113.
inline constexpr unsigned kHostRegisterReadOnly = 8;
inline constexpr int kAttributeReadOnlyRegister = 113;
/// Flag of cuGetProcAddress: the variant for per-thread default streams.
inline constexpr uint64_t kProcAddressPerThread = 2;
inline constexpr unsigned kMemOpWaitValue32 = 1;

/// One element of cuStreamBatchMemOp: a wait for a 32-bit value.
struct WaitMemOp {
  unsigned operation;
  DevicePtr address;
  uint64_t value;
  unsigned flags;
  DevicePtr alias;
  uint64_t padding;
};
static_assert(sizeof(WaitMemOp) == 48 && offsetof(WaitMemOp, value) == 16);

/// The first part of CUmemAllocationProp: where memory of cuMemCreate lives.
struct AllocationProperties {
  int type;
  int handle_types;
  int location_type;
  int location_id;
};
inline constexpr int kLocationDevice = 1;

struct ArrayDescriptor {
  size_t width;
  size_t height;
  unsigned format;
  unsigned channels;
};
struct Array3dDescriptor {
  size_t width;
  size_t height;
  size_t depth;
  unsigned format;
  unsigned channels;
  unsigned flags;
};
/// The part of CUDA_EXTERNAL_MEMORY_HANDLE_DESC up to its size.
struct ExternalMemoryDescriptor {
  int type;
  uint64_t handle[2];
  unsigned long long size;
};
static_assert(offsetof(ExternalMemoryDescriptor, size) == 24);
struct IpcMemoryHandle {
  char bytes[64];
};

// The kernel module's ioctls: type 'F' and one of these numbers.
inline constexpr unsigned kRmType = rm::kIoctlType;
inline constexpr unsigned kRmFree = rm::kFreeNumber;
inline constexpr unsigned kRmControl = rm::kControlNumber;
inline constexpr unsigned kRmAlloc = rm::kAllocNumber;
inline constexpr unsigned kRmWrapped = rm::kWrappedNumber;

inline constexpr uint32_t kClassChannelGroup = rm::kChannelGroupClass;
inline constexpr uint32_t kControlSchedule = rm::kSchedule;
inline constexpr uint32_t kControlSetTimeslice = rm::kSetTimeslice;
inline constexpr uint32_t kControlPreempt = rm::kPreempt;

struct RmFreeArgs {
  uint32_t client = 0, parent = 0, object = 0, status = 0;
};
struct RmControlArgs {
  uint32_t client = 0, object = 0, command = 0, flags = 0;
  uint64_t parameters = 0;
  uint32_t parameter_bytes = 0, status = 0;
};
static_assert(sizeof(RmControlArgs) == 32);
/// NVOS21: the short form of an allocation.
struct RmAllocArgs {
  uint32_t client = 0, parent = 0, object = 0, object_class = 0;
  uint64_t parameters = 0;
  uint32_t parameter_bytes = 0, status = 0;
};
static_assert(sizeof(RmAllocArgs) == 32);
/// NVOS64: the form with access rights.
struct RmAllocRightsArgs {
  uint32_t client = 0, parent = 0, object = 0, object_class = 0;
  uint64_t parameters = 0, rights = 0;
  uint32_t parameter_bytes = 0, flags = 0, status = 0, padding = 0;
};
static_assert(sizeof(RmAllocRightsArgs) == 48);
/// NV_CHANNEL_GROUP_ALLOCATION_PARAMETERS, as far as needed.
struct RmChannelGroupParameters {
  uint32_t error_object = 0, ecc_error_object = 0, address_space = 0, engine = 0;
};
static_assert(sizeof(RmChannelGroupParameters) == 16);
/// NV2080_ENGINE_TYPE_GR7: 1 to 8 are compute engines, copy engines and the rest come after.
inline constexpr uint32_t kLastComputeEngine = 8;
struct RmWrappedArgs {
  uint32_t number, bytes;
  uint64_t arguments;
};
static_assert(sizeof(RmWrappedArgs) == 16);
using RmPreemptParameters = rm::PreemptParameters;

}  // namespace corun::shim
