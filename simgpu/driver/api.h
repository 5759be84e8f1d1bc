// The functions that the drop-in libcuda.so.1 exports, declared from the one table of the ABI
// (core/abi/cuda.h), and from more_functions.h, with the tables' exported symbols. Each definition
// is in an api_*.cc.
#pragma once

#include "core/abi/cuda.h"
#include "simgpu/driver/more_functions.h"

namespace corun::simgpu::driver::api {

using namespace corun::cuda;  // the table's parameter lists name its types

#define CORUN_SIM_DECLARE(name, symbol, need, parameters) Code name parameters __asm__(#symbol);
CORUN_CUDA_FUNCTIONS(CORUN_SIM_DECLARE)
CORUN_SIM_MORE_FUNCTIONS(CORUN_SIM_DECLARE)
#undef CORUN_SIM_DECLARE
#define CORUN_SIM_DECLARE_LATER(name, version, parameters) Code name parameters __asm__(#name);
CORUN_CUDA_LATER_FUNCTIONS(CORUN_SIM_DECLARE_LATER)
#undef CORUN_SIM_DECLARE_LATER

}  // namespace corun::simgpu::driver::api
