#include "gpu/module.h"

#include <array>
#include <cstring>

namespace corun::gpu {

Status Kernel::launch_raw(cuda::StreamHandle stream, Grid grid, Grid block,
                          unsigned dynamic_shared_bytes, void** parameters) const {
  CORUN_CUDA(*driver_, cuLaunchKernel, function_, grid.x, grid.y, grid.z, block.x, block.y, block.z,
             dynamic_shared_bytes, stream, parameters, nullptr);
  return {};
}

Result<int> Kernel::attribute(cuda::FunctionAttribute attribute) const {
  int value = 0;
  CORUN_CUDA(*driver_, cuFuncGetAttribute, &value, attribute, function_);
  return value;
}

Result<int> Kernel::blocks_per_sm(int threads, size_t dynamic_shared_bytes) const {
  int blocks = 0;
  CORUN_CUDA(*driver_, cuOccupancyMaxActiveBlocksPerMultiprocessor, &blocks, function_, threads,
             dynamic_shared_bytes);
  return blocks;
}

Result<Module> Module::load_ptx(const Driver& driver, const std::string& ptx) {
  std::array<char, 4096> log{};
  // The driver takes option values as pointers: a size is the pointer's own value.
  std::array<cuda::JitOption, 2> options{cuda::JitOption::kErrorLogBuffer,
                                         cuda::JitOption::kErrorLogBufferBytes};
  std::array<void*, 2> values{log.data(), nullptr};
  const uintptr_t log_bytes = log.size() - 1;
  std::memcpy(&values[1], &log_bytes, sizeof log_bytes);
  cuda::ModuleHandle module = nullptr;
  const cuda::Code code = driver.cuModuleLoadDataEx(
      &module, ptx.c_str(), static_cast<unsigned>(options.size()), options.data(), values.data());
  if (Status status = driver.check(code, "cuModuleLoadDataEx"); !status) {
    Error error = status.error();
    if (log[0] != '\0') error.what += std::string(": ") + log.data();
    return error;
  }
  return Module(Handle(driver, module));
}

Result<Kernel> Module::kernel(const std::string& name) const {
  const Driver& driver = module_.driver();
  cuda::FunctionHandle function = nullptr;
  CORUN_TRY(driver.check(driver.cuModuleGetFunction(&function, get(), name.c_str()),
                         "cuModuleGetFunction(" + name + ")"));
  return Kernel(driver, function);
}

}  // namespace corun::gpu
