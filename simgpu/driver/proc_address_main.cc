// cuGetProcAddress: every exported function by its plain name, as the version asked for knows it.
// This file pulls all of the driver into the shared library; it is part of that alone.
#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>

#include "core/environment.h"
#include "simgpu/driver/api.h"
#include "simgpu/driver/driver.h"
#include "simgpu/driver/per_thread.h"

namespace corun::simgpu::driver::api {

namespace {

struct Entry {
  std::string_view name;  ///< as programs ask: without version suffix
  const char* symbol;     ///< as exported
  int since;              ///< CUDA version; 0: older than any that asks
  void* function;
};

// Functions of core/abi whose plain names had another meaning before.
constexpr int since(std::string_view name) {
  if (name == "cuGraphInstantiate") return 12000;
  return name == "cuStreamWaitValue32" || name == "cuStreamWriteValue32" ? 11070 : 0;
}

/// The name that programs ask for; _v2 is not the newest meaning where it has a name of its own.
constexpr std::string_view plain(std::string_view name) {
  if (name.ends_with("_v1") || name.ends_with("_v2")) name.remove_suffix(3);
  return name;
}

#define CORUN_SIM_ENTRY(name, symbol, need, parameters) \
  {#name, #symbol, since(#name), reinterpret_cast<void*>(&api::name)},
#define CORUN_SIM_MORE_ENTRY(name, symbol, version, parameters) \
  {plain(#name), #symbol, version, reinterpret_cast<void*>(&api::name)},
#define CORUN_SIM_LATER_ENTRY(name, version, parameters) \
  {#name, #name, version, reinterpret_cast<void*>(&api::name)},
const Entry kEntries[] = {CORUN_CUDA_FUNCTIONS(CORUN_SIM_ENTRY) CORUN_SIM_MORE_FUNCTIONS(
    CORUN_SIM_MORE_ENTRY) CORUN_CUDA_LATER_FUNCTIONS(CORUN_SIM_LATER_ENTRY)};
#undef CORUN_SIM_LATER_ENTRY
#undef CORUN_SIM_ENTRY
#undef CORUN_SIM_MORE_ENTRY

/// The newest meaning of `name` that a program for `version` knows; by exported symbol otherwise.
const Entry* find(std::string_view name, int version) {
  const Entry* best = nullptr;
  for (const Entry& entry : kEntries) {
    if (entry.name != name || entry.since > version) continue;
    if (best == nullptr || entry.since > best->since) best = &entry;
  }
  if (best != nullptr) return best;
  const auto* by_symbol = std::find_if(std::begin(kEntries), std::end(kEntries),
                                       [&](const Entry& entry) { return entry.symbol == name; });
  return by_symbol == std::end(kEntries) ? nullptr : by_symbol;
}

}  // namespace

Code cuGetProcAddress(const char* name, void** function, int cuda_version, uint64_t flags) {
  constexpr uint64_t kPerThreadDefaultStream = 2;
  if (name == nullptr || function == nullptr) return Code::kInvalidValue;
  const Entry* entry = cuda_version >= 2000 ? find(name, cuda_version) : nullptr;
  *function = entry == nullptr ? nullptr : entry->function;
  if (entry != nullptr && flags == kPerThreadDefaultStream) {
    if (void* form = per_thread_form(entry->symbol)) *function = form;
  }
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
