// Pulls all functions of the table into the shared library; it is part of that alone.
#include "simgpu/nvml/api.h"

extern "C" const char* nvmlErrorString(corun::nvml::Code code);

namespace corun::simgpu::nvml_api {

#define CORUN_SIM_ADDRESS(name, symbol, need, parameters) reinterpret_cast<void*>(&nvml_api::name),
extern void* const kExports[];
void* const kExports[] = {
    CORUN_NVML_FUNCTIONS(CORUN_SIM_ADDRESS) reinterpret_cast<void*>(&nvmlErrorString)};
#undef CORUN_SIM_ADDRESS

}  // namespace corun::simgpu::nvml_api
