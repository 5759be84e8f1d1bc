// cuGetProcAddress: every exported function by its plain name. This file pulls all of the driver
// into the shared library; it is part of that alone.
#include <algorithm>
#include <cstring>
#include <string>

#include "core/environment.h"
#include "simgpu/driver/api.h"
#include "simgpu/driver/driver.h"

namespace corun::simgpu::driver::api {

namespace {

struct Entry {
  const char* name;    ///< as programs ask: without version suffix
  const char* symbol;  ///< as exported
  void* function;
};

#define CORUN_SIM_ENTRY(name, symbol, need, parameters) \
  {#name, #symbol, reinterpret_cast<void*>(&api::name)},
const Entry kEntries[] = {CORUN_CUDA_FUNCTIONS(CORUN_SIM_ENTRY)
                              CORUN_SIM_MORE_FUNCTIONS(CORUN_SIM_ENTRY)};
#undef CORUN_SIM_ENTRY

void* find(const char* name) {
  for (const Entry& entry : kEntries) {
    if (std::strcmp(entry.name, name) == 0 || std::strcmp(entry.symbol, name) == 0) {
      return entry.function;
    }
  }
  return nullptr;
}

}  // namespace

Code cuGetProcAddress(const char* name, void** function, int cuda_version, uint64_t) {
  if (name == nullptr || function == nullptr) return Code::kInvalidValue;
  *function = cuda_version >= 2000 ? find(name) : nullptr;
  if (*function != nullptr) return Code::kSuccess;
  if (environment("CORUN_LOG") == "debug") {
    say_once(std::string(name) + " is not simulated");
  }
  return Code::kNotFound;
}

}  // namespace corun::simgpu::driver::api

/// The form of CUDA 12; `status` becomes 0 (found) or 1 (no such symbol).
extern "C" corun::cuda::Code cuGetProcAddress_v2(const char* name, void** function,
                                                 int cuda_version, uint64_t flags, int* status) {
  namespace api = corun::simgpu::driver::api;
  const std::string_view text = name == nullptr ? "" : name;
  if (text == "cuGetProcAddress" && cuda_version >= 12000 && function != nullptr) {
    *function = reinterpret_cast<void*>(&cuGetProcAddress_v2);
    if (status != nullptr) *status = 0;
    return corun::cuda::Code::kSuccess;
  }
  const corun::cuda::Code code = api::cuGetProcAddress(name, function, cuda_version, flags);
  if (status != nullptr) *status = code == corun::cuda::Code::kSuccess ? 0 : 1;
  return code;
}

extern "C" const char* corun_sim_profile() {
  auto& driver = corun::simgpu::driver::Driver::get();
  const corun::simgpu::driver::Lock lock(driver.mutex);
  return driver.profile().c_str();
}
