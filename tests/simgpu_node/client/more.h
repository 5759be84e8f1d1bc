// The simulated driver's functions beyond core/abi/cuda.h, as a test program finds them.
#pragma once

#include <dlfcn.h>

#include <string>

#include "simgpu/driver/more_functions.h"

namespace corun::cuda {

/// The functions of simgpu/driver/more_functions.h, by name; null where one is missing.
struct MoreFunctions {
#define CORUN_TEST_POINTER(name, symbol, version, parameters) Code(*name) parameters = nullptr;
  CORUN_SIM_MORE_FUNCTIONS(CORUN_TEST_POINTER)
#undef CORUN_TEST_POINTER

  static void* library() {
    const std::string path = std::string(CORUN_BINARY_DIR) + "/simgpu/libcuda.so.1";
    return dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  }
  MoreFunctions() {
#define CORUN_TEST_LOOK_UP(name, symbol, version, parameters) \
  name = reinterpret_cast<decltype(name)>(dlsym(library(), #symbol));
    CORUN_SIM_MORE_FUNCTIONS(CORUN_TEST_LOOK_UP)
#undef CORUN_TEST_LOOK_UP
  }
};

}  // namespace corun::cuda
