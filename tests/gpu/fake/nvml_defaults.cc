// Every function of the table, not supported; nvml.cc overrides those with an answer.
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "core/abi/nvml.h"

namespace corun::nvml {
#define CORUN_DEFINE(name, symbol, need, parameters) \
  extern "C" __attribute__((weak)) Code symbol parameters { return Code::kNotSupported; }
CORUN_NVML_FUNCTIONS(CORUN_DEFINE)
}  // namespace corun::nvml
