// The functions that the drop-in libnvidia-ml.so.1 exports, declared from the one table of the ABI
// (core/abi/nvml.h) with the table's exported symbols.
#pragma once

#include "core/abi/nvml.h"

namespace corun::simgpu::nvml_api {

using namespace corun::nvml;  // the table's parameter lists name its types

#define CORUN_SIM_DECLARE(name, symbol, need, parameters) Code name parameters __asm__(#symbol);
CORUN_NVML_FUNCTIONS(CORUN_SIM_DECLARE)
#undef CORUN_SIM_DECLARE

}  // namespace corun::simgpu::nvml_api
