// Contexts: primary ones, the calling thread's stack, synchronisation.
#include "simgpu/driver/api.h"
#include "simgpu/driver/driver.h"

namespace corun::simgpu::driver::api {

namespace {

bool valid_device(const Driver& driver, Device device) {
  return device >= 0 && static_cast<size_t>(device) < driver.devices().size();
}

ContextHandle to_handle(Context* context) { return reinterpret_cast<ContextHandle>(context); }

/// The live context behind a handle, or null.
Context* from_handle(const Driver& driver, ContextHandle handle) {
  auto* context = reinterpret_cast<Context*>(handle);
  return driver.contexts.contains(context) ? context : nullptr;
}

}  // namespace

Code cuDevicePrimaryCtxRetain(ContextHandle* context, Device device) {
  if (context == nullptr) return Code::kInvalidValue;
  Driver& driver = Driver::get();
  const Lock lock(driver.mutex);
  if (!driver.initialised()) return Code::kNotInitialized;
  if (!valid_device(driver, device)) return Code::kInvalidDevice;
  Context*& primary = driver.primary[static_cast<size_t>(device)];
  if (primary == nullptr) {
    const unsigned flags = driver.primary_flags[static_cast<size_t>(device)];
    const Code code = driver.create_context(device, flags, &primary);
    if (code != Code::kSuccess) return code;
    primary->primary = true;
  }
  ++primary->primary_users;
  *context = to_handle(primary);
  return Code::kSuccess;
}

Code cuDevicePrimaryCtxRelease(Device device) {
  Driver& driver = Driver::get();
  Lock lock(driver.mutex);
  if (!driver.initialised()) return Code::kNotInitialized;
  if (!valid_device(driver, device)) return Code::kInvalidDevice;
  Context*& primary = driver.primary[static_cast<size_t>(device)];
  if (primary == nullptr) return Code::kInvalidContext;
  if (--primary->primary_users == 0) {
    driver.destroy_context(lock, primary);
    primary = nullptr;
  }
  return Code::kSuccess;
}

Code cuDevicePrimaryCtxReset(Device device) {
  Driver& driver = Driver::get();
  Lock lock(driver.mutex);
  if (!driver.initialised()) return Code::kNotInitialized;
  if (!valid_device(driver, device)) return Code::kInvalidDevice;
  Context*& primary = driver.primary[static_cast<size_t>(device)];
  if (primary != nullptr) driver.destroy_context(lock, primary);
  primary = nullptr;
  return Code::kSuccess;
}

Code cuDevicePrimaryCtxSetFlags(Device device, unsigned flags) {
  Driver& driver = Driver::get();
  const Lock lock(driver.mutex);
  if (!driver.initialised()) return Code::kNotInitialized;
  if (!valid_device(driver, device)) return Code::kInvalidDevice;
  driver.primary_flags[static_cast<size_t>(device)] = flags;
  return Code::kSuccess;
}

Code cuDevicePrimaryCtxGetState(Device device, unsigned* flags, int* active) {
  if (flags == nullptr || active == nullptr) return Code::kInvalidValue;
  Driver& driver = Driver::get();
  const Lock lock(driver.mutex);
  if (!driver.initialised()) return Code::kNotInitialized;
  if (!valid_device(driver, device)) return Code::kInvalidDevice;
  *flags = driver.primary_flags[static_cast<size_t>(device)];
  *active = driver.primary[static_cast<size_t>(device)] != nullptr ? 1 : 0;
  return Code::kSuccess;
}

Code cuCtxCreate(ContextHandle* context, unsigned flags, Device device) {
  if (context == nullptr) return Code::kInvalidValue;
  Driver& driver = Driver::get();
  const Lock lock(driver.mutex);
  if (!driver.initialised()) return Code::kNotInitialized;
  if (!valid_device(driver, device)) return Code::kInvalidDevice;
  Context* made = nullptr;
  const Code code = driver.create_context(device, flags, &made);
  if (code != Code::kSuccess) return code;
  context_stack().push_back(made);
  *context = to_handle(made);
  return Code::kSuccess;
}

Code cuCtxDestroy(ContextHandle handle) {
  Driver& driver = Driver::get();
  Lock lock(driver.mutex);
  if (!driver.initialised()) return Code::kNotInitialized;
  Context* context = from_handle(driver, handle);
  if (context == nullptr || context->primary) return Code::kInvalidContext;
  driver.destroy_context(lock, context);
  std::vector<Context*>& stack = context_stack();
  if (!stack.empty() && stack.back() == context) stack.pop_back();
  return Code::kSuccess;
}

Code cuCtxPushCurrent(ContextHandle handle) {
  Driver& driver = Driver::get();
  const Lock lock(driver.mutex);
  if (!driver.initialised()) return Code::kNotInitialized;
  Context* context = from_handle(driver, handle);
  if (context == nullptr) return Code::kInvalidContext;
  context_stack().push_back(context);
  return Code::kSuccess;
}

Code cuCtxPopCurrent(ContextHandle* context) {
  Driver& driver = Driver::get();
  const Lock lock(driver.mutex);
  if (!driver.initialised()) return Code::kNotInitialized;
  std::vector<Context*>& stack = context_stack();
  if (stack.empty()) return Code::kInvalidContext;
  if (context != nullptr) *context = to_handle(stack.back());
  stack.pop_back();
  return Code::kSuccess;
}

Code cuCtxSetCurrent(ContextHandle handle) {
  Driver& driver = Driver::get();
  const Lock lock(driver.mutex);
  if (!driver.initialised()) return Code::kNotInitialized;
  Context* context = from_handle(driver, handle);
  if (handle != nullptr && context == nullptr) return Code::kInvalidContext;
  std::vector<Context*>& stack = context_stack();
  if (!stack.empty()) stack.pop_back();
  if (context != nullptr) stack.push_back(context);
  return Code::kSuccess;
}

Code cuCtxGetCurrent(ContextHandle* context) {
  if (context == nullptr) return Code::kInvalidValue;
  Driver& driver = Driver::get();
  const Lock lock(driver.mutex);
  if (!driver.initialised()) return Code::kNotInitialized;
  *context = context_stack().empty() ? nullptr : to_handle(context_stack().back());
  return Code::kSuccess;
}

Code cuCtxGetDevice(Device* device) {
  if (device == nullptr) return Code::kInvalidValue;
  const Entered call;
  if (call.context == nullptr) return call.code();
  *device = call.context->device;
  return Code::kSuccess;
}

Code cuCtxSynchronize() {
  Entered call(While::kLooks);
  if (call.code() != Code::kSuccess) return call.code();
  return call.driver.wait_for_context(call.lock, *call.context);
}

Code cuCtxGetId(ContextHandle handle, unsigned long long* id) {
  if (id == nullptr) return Code::kInvalidValue;
  const Entered call;
  if (call.context == nullptr) return call.code();
  const Context* context = handle == nullptr ? call.context : from_handle(call.driver, handle);
  if (context == nullptr) return Code::kContextIsDestroyed;
  *id = context->id;
  return Code::kSuccess;
}

Code cuCtxGetApiVersion(ContextHandle handle, unsigned* version) {
  constexpr unsigned kContextApiVersion = 3020;
  if (version == nullptr) return Code::kInvalidValue;
  const Entered call;
  if (call.context == nullptr) return call.code();
  if (handle != nullptr && from_handle(call.driver, handle) == nullptr) {
    return Code::kInvalidContext;
  }
  *version = kContextApiVersion;
  return Code::kSuccess;
}

Code cuCtxGetFlags(unsigned* flags) {
  if (flags == nullptr) return Code::kInvalidValue;
  const Entered call;
  if (call.context == nullptr) return call.code();
  *flags = call.context->flags;
  return Code::kSuccess;
}

Code cuCtxGetStreamPriorityRange(int* least, int* greatest) {
  const Entered call;
  if (call.code() != Code::kSuccess) return call.code();
  if (least != nullptr) *least = 0;
  if (greatest != nullptr) *greatest = -5;
  return Code::kSuccess;
}

}  // namespace corun::simgpu::driver::api
