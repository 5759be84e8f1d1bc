// Every function of the table, not supported; cuda.cc overrides those with an answer.
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "core/abi/cuda.h"

namespace corun::cuda {
#define CORUN_DEFINE(name, symbol, need, parameters) \
  extern "C" __attribute__((weak)) Code symbol parameters { return Code::kNotSupported; }
CORUN_CUDA_FUNCTIONS(CORUN_DEFINE)
}  // namespace corun::cuda
