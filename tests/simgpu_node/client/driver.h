// The drop-in driver as a test program uses it: loaded with dlopen, functions by name.
#pragma once

#include <dlfcn.h>
#include <fmt/format.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "core/abi/cuda.h"

namespace corun::simgpu::testing {

namespace cu = corun::cuda;

/// All functions of the table; the process ends with a message when one is missing.
class Driver : public cu::Functions {
 public:
  static Driver& get() {
    static Driver driver;
    return driver;
  }

 private:
  Driver() {
    const std::string path = std::string(CORUN_BINARY_DIR) + "/simgpu/libcuda.so.1";
    void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) fail(dlerror());
#define CORUN_TEST_LOOK_UP(name, symbol, need, parameters)          \
  name = reinterpret_cast<decltype(name)>(dlsym(library, #symbol)); \
  if (name == nullptr) fail(#symbol);
    CORUN_CUDA_FUNCTIONS(CORUN_TEST_LOOK_UP)
#undef CORUN_TEST_LOOK_UP
  }
  [[noreturn]] static void fail(const std::string& what) {
    fmt::print(stderr, "cannot load the drop-in driver: {}\n", what);
    std::abort();
  }
};

/// PTX with the two kernels of the test cost file: test_step(state, words, addend) and
/// test_burn(state, words, addend, us).
inline const char kPtx[] =
    ".version 7.0\n.target sm_70\n.address_size 64\n"
    ".visible .entry test_step(.param .u64 a, .param .u32 b, .param .u32 c)\n{ ret; }\n"
    ".visible .entry test_burn(.param .u64 a, .param .u32 b, .param .u32 c, .param .u32 d)\n"
    "{ ret; }\n"
    ".visible .entry test_no_cost(.param .u64 a)\n{ ret; }\n";

/// A context on a device with the module of kPtx and one state array. The code of the first call
/// that failed is `code`.
struct Fixture {
  Driver& driver = Driver::get();
  cu::Code code = cu::Code::kSuccess;
  cu::ContextHandle context = nullptr;
  cu::ModuleHandle module = nullptr;
  cu::FunctionHandle step = nullptr;
  cu::FunctionHandle burn = nullptr;
  cu::StreamHandle stream = nullptr;
  cu::DevicePtr state = 0;
  static constexpr uint32_t kWords = 64;

  explicit Fixture(cu::Device device = 0) {
    const auto then = [this](cu::Code next) {
      if (code == cu::Code::kSuccess) code = next;
      return code == cu::Code::kSuccess;
    };
    if (!then(driver.cuInit(0)) || !then(driver.cuDevicePrimaryCtxRetain(&context, device))) return;
    if (!then(driver.cuCtxSetCurrent(context))) return;
    if (!then(driver.cuModuleLoadData(&module, kPtx))) return;
    if (!then(driver.cuModuleGetFunction(&step, module, "test_step"))) return;
    if (!then(driver.cuModuleGetFunction(&burn, module, "test_burn"))) return;
    if (!then(driver.cuStreamCreate(&stream, cu::kStreamNonBlocking))) return;
    if (!then(driver.cuMemAlloc(&state, kWords * sizeof(uint32_t)))) return;
    then(driver.cuMemsetD32Async(state, 0, kWords, stream));
  }

  cu::Code launch_step(uint32_t addend, cu::StreamHandle on = nullptr) {
    uint32_t words = kWords;
    void* parameters[] = {&state, &words, &addend};
    return driver.cuLaunchKernel(step, 1, 1, 1, 64, 1, 1, 0, on == nullptr ? stream : on,
                                 parameters, nullptr);
  }
  /// One block on each of `blocks` SMs for `us` microseconds.
  cu::Code launch_burn(uint32_t us, unsigned blocks = 132, cu::StreamHandle on = nullptr) {
    uint32_t words = kWords;
    uint32_t addend = 0;
    void* parameters[] = {&state, &words, &addend, &us};
    return driver.cuLaunchKernel(burn, blocks, 1, 1, 1024, 1, 1, 0, on == nullptr ? stream : on,
                                 parameters, nullptr);
  }
  /// The state array's first word.
  uint32_t read_state() {
    uint32_t word = 0;
    if (driver.cuStreamSynchronize(stream) != cu::Code::kSuccess) return 0xdead;
    if (driver.cuMemcpyDtoH(&word, state, sizeof word) != cu::Code::kSuccess) return 0xdead;
    return word;
  }
};

/// What `launches` steps make of a word.
inline uint32_t stepped(uint32_t word, uint32_t addend, int launches) {
  for (int i = 0; i < launches; ++i) word = word * 1664525u + 1013904223u + addend;
  return word;
}

}  // namespace corun::simgpu::testing
