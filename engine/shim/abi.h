// The names that libcorun.so uses of the driver's ABI (core/abi/) at every step.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/abi/cuda_types.h"
#include "core/abi/rm.h"

namespace corun::shim {

using cuda::AllocationHandle;
using cuda::ArrayHandle;
using cuda::Code;
using cuda::ContextHandle;
using cuda::Device;
using cuda::DevicePtr;
using cuda::EventHandle;
using cuda::ExternalMemoryHandle;
using cuda::FunctionHandle;
using cuda::GraphExecHandle;
using cuda::GraphHandle;
using cuda::GraphNodeHandle;
using cuda::MipmappedArrayHandle;
using cuda::ModuleHandle;
using cuda::StreamHandle;

inline bool is_per_thread_stream(StreamHandle stream) {
  return reinterpret_cast<uintptr_t>(stream) == cuda::kPerThreadStreamValue;
}

}  // namespace corun::shim
