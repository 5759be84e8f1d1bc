// Modules, functions and launches.
#include <cstdio>
#include <cstring>

#include "simgpu/driver/api.h"
#include "simgpu/driver/driver.h"
#include "simgpu/driver/enqueue.h"
#include "simgpu/driver/limits.h"

namespace corun::simgpu::driver::api {

namespace {

// Newest PTX that a driver of CUDA 12.8 reads
// (https://docs.nvidia.com/cuda/parallel-thread-execution/, release notes).
constexpr int kPtxMajor = 8;
constexpr int kPtxMinor = 7;
// First bytes of the binary images: ELF (cubin) and NVIDIA's fat binary.
constexpr unsigned char kElfMagic[4] = {0x7f, 'E', 'L', 'F'};
constexpr unsigned char kFatbinMagic[4] = {0x50, 0xed, 0x55, 0xba};

bool starts_with(const void* image, const unsigned char (&magic)[4]) {
  return std::memcmp(image, magic, sizeof magic) == 0;
}

/// Writes `text` into the caller's error log, if the options name one.
void write_error_log(const std::string& text, unsigned count, const JitOption* options,
                     void** values) {
  char* buffer = nullptr;
  size_t size = 0;
  for (unsigned i = 0; i < count; ++i) {
    if (options[i] == JitOption::kErrorLogBuffer) buffer = static_cast<char*>(values[i]);
    if (options[i] == JitOption::kErrorLogBufferBytes) {
      size = static_cast<unsigned>(reinterpret_cast<uintptr_t>(values[i]));
    }
  }
  if (buffer != nullptr && size > 0) std::snprintf(buffer, size, "%s", text.c_str());
}

/// Fills `module` from the image. Binary images carry no text to read: their kernels are known by
/// their cost entries alone.
Code read_image(const void* image, Module& module, std::string& error) {
  if (starts_with(image, kElfMagic) || starts_with(image, kFatbinMagic)) return Code::kSuccess;
  Result<PtxModule> parsed = parse_ptx(static_cast<const char*>(image));
  if (!parsed) {
    error = parsed.error().text();
    const bool text = std::strstr(static_cast<const char*>(image), ".version") != nullptr;
    return text ? Code::kInvalidPtx : Code::kInvalidImage;
  }
  module.ptx = std::move(parsed).value();
  module.is_ptx = true;
  if (std::pair(module.ptx.version_major, module.ptx.version_minor) >
      std::pair(kPtxMajor, kPtxMinor)) {
    error = "PTX " + std::to_string(module.ptx.version_major) + "." +
            std::to_string(module.ptx.version_minor) + " is newer than this driver's 8.7";
    return Code::kUnsupportedPtxVersion;
  }
  return Code::kSuccess;
}

/// Asks the server for the kernel's cost entry and checks it against the module's PTX.
Code look_up(Driver& driver, const Module& module, Function& function) {
  wire::KernelLookup lookup;
  lookup.name_size = static_cast<uint32_t>(function.name.size());
  const auto answer =
      driver.call(wire::Type::kKernelLookup, lookup, std::as_bytes(std::span(function.name)));
  if (!answer) return Code::kUnknown;
  if (answer->code != wire::Code::kOk) {
    say_once("kernel " + function.name + " has no cost entry; add one (docs/simulated-gpu.md)");
    return to_cuda(answer->code);
  }
  const auto info = answer->as<wire::KernelInfo>();
  if (!info || answer->body.size() < sizeof *info + answer->count * sizeof(wire::ParamLayout)) {
    return Code::kUnknown;
  }
  function.info = *info;
  for (uint32_t i = 0; i < answer->count; ++i) {
    wire::ParamLayout layout;
    std::memcpy(&layout, answer->body.data() + sizeof *info + i * sizeof layout, sizeof layout);
    function.parameters.push_back({layout.offset, layout.size});
  }
  if (!module.is_ptx) return Code::kSuccess;
  const std::vector<PtxParameter>& in_ptx = module.ptx.entries.find(function.name)->second;
  const bool same = std::equal(
      in_ptx.begin(), in_ptx.end(), function.parameters.begin(), function.parameters.end(),
      [](const auto& a, const auto& b) { return a.offset == b.offset && a.size == b.size; });
  if (same) return Code::kSuccess;
  say_once("kernel " + function.name + ": its cost entry has other parameters than its PTX");
  return Code::kInvalidImage;
}

Function* from_handle(const Driver& driver, FunctionHandle handle) {
  auto* function = reinterpret_cast<Function*>(handle);
  return driver.functions.contains(function) ? function : nullptr;
}

}  // namespace

Code cuModuleLoadDataEx(ModuleHandle* module, const void* image, unsigned option_count,
                        JitOption* options, void** values) {
  if (module == nullptr || image == nullptr) return Code::kInvalidValue;
  const Entered call;
  if (call.code() != Code::kSuccess) return call.code();
  auto made = std::make_unique<Module>();
  made->context = call.context;
  std::string error;
  const Code code = read_image(image, *made, error);
  if (code != Code::kSuccess) {
    write_error_log(error, option_count, options, values);
    return code;
  }
  *module = reinterpret_cast<ModuleHandle>(made.get());
  call.driver.modules.insert(made.release());
  return Code::kSuccess;
}

Code cuModuleLoadData(ModuleHandle* module, const void* image) {
  return api::cuModuleLoadDataEx(module, image, 0, nullptr, nullptr);
}

Code cuModuleUnload(ModuleHandle handle) {
  Entered call;
  if (call.code() != Code::kSuccess) return call.code();
  auto* module = reinterpret_cast<Module*>(handle);
  if (call.driver.modules.erase(module) == 0) return Code::kInvalidHandle;
  for (const auto& [name, function] : module->functions) {
    call.driver.functions.erase(function.get());
  }
  delete module;
  return Code::kSuccess;
}

Code cuModuleGetFunction(FunctionHandle* function, ModuleHandle handle, const char* name) {
  if (function == nullptr || name == nullptr) return Code::kInvalidValue;
  const Entered call;
  if (call.code() != Code::kSuccess) return call.code();
  auto* module = reinterpret_cast<Module*>(handle);
  if (!call.driver.modules.contains(module)) return Code::kInvalidHandle;
  const std::string key(name);
  if (key.empty() || key.size() > wire::kMaxName) return Code::kNotFound;
  std::unique_ptr<Function>& slot = module->functions[key];
  if (slot == nullptr) {
    auto made = std::make_unique<Function>();
    made->name = key;
    const bool missing = module->is_ptx && !module->ptx.entries.contains(key);
    const Code code = missing ? Code::kNotFound : look_up(call.driver, *module, *made);
    if (code != Code::kSuccess) {
      module->functions.erase(key);
      return code;
    }
    slot = std::move(made);
    call.driver.functions.insert(slot.get());
  }
  *function = reinterpret_cast<FunctionHandle>(slot.get());
  return Code::kSuccess;
}

Code cuModuleGetGlobal(DevicePtr*, size_t*, ModuleHandle, const char* name) {
  const Entered call;
  if (call.code() != Code::kSuccess) return call.code();
  say_once(std::string("module variable ") + (name == nullptr ? "" : name) +
           ": variables of modules are not simulated");
  return Code::kNotFound;
}

Code cuFuncGetAttribute(int* value, FunctionAttribute attribute, FunctionHandle handle) {
  if (value == nullptr) return Code::kInvalidValue;
  const Entered call;
  if (call.code() != Code::kSuccess) return call.code();
  const Function* function = from_handle(call.driver, handle);
  if (function == nullptr) return Code::kInvalidHandle;
  const wire::DeviceInfo& device = call.driver.devices()[static_cast<size_t>(call.context->device)];
  switch (attribute) {
    case FunctionAttribute::kMaxThreadsPerBlock:
      *value = 1024;
      return Code::kSuccess;
    case FunctionAttribute::kSharedBytes:
    case FunctionAttribute::kConstBytes:
    case FunctionAttribute::kLocalBytes:
      *value = 0;
      return Code::kSuccess;
    case FunctionAttribute::kRegisters:
      *value = 32;
      return Code::kSuccess;
    case FunctionAttribute::kPtxVersion:
    case FunctionAttribute::kBinaryVersion:
      *value = static_cast<int>(device.compute_major * 10 + device.compute_minor);
      return Code::kSuccess;
    case FunctionAttribute::kMaxDynamicSharedBytes:
      *value = function->max_dynamic_shared;
      return Code::kSuccess;
  }
  return Code::kInvalidValue;
}

Code cuFuncSetAttribute(FunctionHandle handle, FunctionAttribute attribute, int value) {
  const Entered call;
  if (call.code() != Code::kSuccess) return call.code();
  Function* function = from_handle(call.driver, handle);
  if (function == nullptr) return Code::kInvalidHandle;
  if (attribute != FunctionAttribute::kMaxDynamicSharedBytes) return Code::kInvalidValue;
  const wire::DeviceInfo& device = call.driver.devices()[static_cast<size_t>(call.context->device)];
  if (value < 0 || value > shared_memory_limits(device).per_block_optin) {
    return Code::kInvalidValue;
  }
  function->max_dynamic_shared = value;
  return Code::kSuccess;
}

Code cuOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, FunctionHandle handle, int block_size,
                                                 size_t dynamic_shared) {
  if (blocks == nullptr || block_size < 1 || block_size > 1024) return Code::kInvalidValue;
  const Entered call;
  if (call.code() != Code::kSuccess) return call.code();
  if (from_handle(call.driver, handle) == nullptr) return Code::kInvalidHandle;
  const wire::DeviceInfo& device = call.driver.devices()[static_cast<size_t>(call.context->device)];
  *blocks = blocks_per_sm(device, block_size, dynamic_shared);
  return Code::kSuccess;
}

Code cuLaunchKernel(FunctionHandle handle, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                    unsigned block_x, unsigned block_y, unsigned block_z,
                    unsigned dynamic_shared_bytes, StreamHandle stream, void** parameters,
                    void** extra) {
  Entered call;
  if (call.code() != Code::kSuccess) return call.code();
  const Function* function = from_handle(call.driver, handle);
  Stream* target = call.driver.stream(*call.context, stream);
  if (function == nullptr || target == nullptr) return Code::kInvalidHandle;
  const LaunchRequest request{{grid_x, grid_y, grid_z},
                              {block_x, block_y, block_z},
                              dynamic_shared_bytes,
                              parameters,
                              extra};
  Node node;
  Code code = launch_node(call.driver, *function, request, node);
  if (code == Code::kSuccess) code = poll_node(call.driver, *function, node);
  if (code != Code::kSuccess) return code;
  return enqueue(call, *target, std::move(node));
}

Code cuLaunchCooperativeKernel(FunctionHandle function, unsigned grid_x, unsigned grid_y,
                               unsigned grid_z, unsigned block_x, unsigned block_y,
                               unsigned block_z, unsigned dynamic_shared_bytes, StreamHandle stream,
                               void** parameters) {
  // All blocks must be on the device at the same time.
  const uint64_t threads = uint64_t{block_x} * block_y * block_z;
  int per_sm = 0;
  int sms = 0;
  if (threads == 0 || threads > 1024) return Code::kInvalidValue;
  const Code code = api::cuOccupancyMaxActiveBlocksPerMultiprocessor(
      &per_sm, function, static_cast<int>(threads), dynamic_shared_bytes);
  if (code != Code::kSuccess) return code;
  {
    const Entered call;
    if (call.code() != Code::kSuccess) return call.code();
    const auto device = static_cast<size_t>(call.context->device);
    sms = static_cast<int>(call.driver.devices()[device].sm_count);
  }
  const uint64_t blocks = uint64_t{grid_x} * grid_y * grid_z;
  if (blocks > static_cast<uint64_t>(per_sm) * static_cast<uint64_t>(sms)) {
    return Code::kCooperativeLaunchTooLarge;
  }
  return api::cuLaunchKernel(function, grid_x, grid_y, grid_z, block_x, block_y, block_z,
                             dynamic_shared_bytes, stream, parameters, nullptr);
}

Code cuLaunchKernelEx(const LaunchConfig* config, FunctionHandle function, void** parameters,
                      void** extra) {
  if (config == nullptr) return Code::kInvalidValue;
  if (config->attribute_count != 0) {
    say_once("cuLaunchKernelEx: launch attributes are not simulated");
    return Code::kNotSupported;
  }
  return api::cuLaunchKernel(function, config->grid_x, config->grid_y, config->grid_z,
                             config->block_x, config->block_y, config->block_z,
                             config->dynamic_shared_bytes, config->stream, parameters, extra);
}

Code cuLaunchHostFunc(StreamHandle stream, HostFunction function, void* user_data) {
  if (function == nullptr) return Code::kInvalidValue;
  Entered call;
  if (call.code() != Code::kSuccess) return call.code();
  Stream* target = call.driver.stream(*call.context, stream);
  if (target == nullptr) return Code::kInvalidHandle;
  call.driver.start_host_thread();
  Node node;
  node.op.kind = wire::OpKind::kHost;
  node.action.kind = Action::Kind::kHostFunction;
  node.action.function = function;
  node.action.user_data = user_data;
  return enqueue(call, *target, std::move(node));
}

}  // namespace corun::simgpu::driver::api
