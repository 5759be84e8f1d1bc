// Functions of the simulated driver beyond the table of core/abi/cuda.h: what programs and
// libcorun.so use that corun itself does not. Signatures as in the CUDA Driver API reference,
// https://docs.nvidia.com/cuda/cuda-driver-api/.
#pragma once

#include "core/abi/cuda.h"

namespace corun::cuda {

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

// X(name, exported symbol, CUDA version that brought it, parameters). A name that stands twice has
// two signatures or meanings: cuGetProcAddress gives the newest that is not newer than the version
// asked for.
#define CORUN_SIM_WORD_FUNCTIONS(X)                                           \
  X(cuStreamWaitValue64, cuStreamWaitValue64_v2, 11070,                       \
    (StreamHandle stream, DevicePtr address, uint64_t value, unsigned flags)) \
  X(cuStreamWriteValue64, cuStreamWriteValue64_v2, 11070,                     \
    (StreamHandle stream, DevicePtr address, uint64_t value, unsigned flags)) \
  X(cuStreamBatchMemOp, cuStreamBatchMemOp_v2, 11070,                         \
    (StreamHandle stream, unsigned count, BatchMemoryOp* operations, unsigned flags))

#define CORUN_SIM_MORE_FUNCTIONS(X) CORUN_SIM_WORD_FUNCTIONS(X)

}  // namespace corun::cuda
