// Virtual memory management: physical memory, reserved addresses, mappings.
#include "simgpu/driver/allocate.h"
#include "simgpu/driver/api.h"
#include "simgpu/driver/driver.h"

namespace corun::simgpu::driver::api {

namespace {

bool on_device(const Driver& driver, const MemoryLocation& location) {
  return location.type == kLocationDevice && location.id >= 0 &&
         static_cast<size_t>(location.id) < driver.devices().size();
}

bool whole_blocks(uint64_t address, uint64_t bytes) {
  return address % kBlockBytes == 0 && bytes != 0 && bytes % kBlockBytes == 0 &&
         bytes <= kMostBytes;
}

}  // namespace

Code cuMemGetAllocationGranularity(size_t* bytes, const AllocationProperties* properties,
                                   int option) {
  if (bytes == nullptr || properties == nullptr || option < 0 || option > 1) {
    return Code::kInvalidValue;
  }
  *bytes = kBlockBytes;
  return Code::kSuccess;
}

Code cuMemAddressReserve(DevicePtr* address, size_t bytes, size_t alignment, DevicePtr,
                         unsigned long long flags) {
  if (address == nullptr || flags != 0 || !whole_blocks(0, bytes)) return Code::kInvalidValue;
  if ((alignment & (alignment - 1)) != 0) return Code::kInvalidValue;
  const Entered call;
  if (call.code() != Code::kSuccess) return call.code();
  *address = call.driver.memory.virtual_memory.reserve(bytes, std::max(alignment, kBlockBytes));
  return *address == 0 ? Code::kOutOfMemory : Code::kSuccess;
}

Code cuMemAddressFree(DevicePtr address, size_t bytes) {
  Entered call;
  if (call.code() != Code::kSuccess) return call.code();
  return call.driver.memory.virtual_memory.unreserve(address, bytes) ? Code::kSuccess
                                                                     : Code::kInvalidValue;
}

Code cuMemCreate(uint64_t* handle, size_t bytes, const AllocationProperties* properties,
                 unsigned long long flags) {
  if (handle == nullptr || properties == nullptr || flags != 0) return Code::kInvalidValue;
  if (!whole_blocks(0, bytes) || properties->type != kAllocationPinned) return Code::kInvalidValue;
  Entered call;
  if (call.code() != Code::kSuccess) return call.code();
  if (!on_device(call.driver, properties->location)) return Code::kInvalidDevice;
  if (properties->location.id != call.context->device) {
    say_once("cuMemCreate on another device than the current context's is not simulated");
    return Code::kNotSupported;
  }
  uint32_t allocation = 0;
  if (const Code code = take_at_server(call, bytes, &allocation); code != Code::kSuccess) {
    return code;
  }
  *handle = call.driver.memory.virtual_memory.create(bytes, allocation, call.context->id);
  if (*handle != 0) return Code::kSuccess;
  return_to_server(call.driver, allocation);
  return Code::kOutOfMemory;
}

Code cuMemRelease(uint64_t handle) {
  const Entered call;
  if (call.code() != Code::kSuccess) return call.code();
  const std::optional<uint32_t> freed = call.driver.memory.virtual_memory.release(handle);
  if (!freed) return Code::kInvalidValue;
  if (*freed != 0) return_to_server(call.driver, *freed);
  return Code::kSuccess;
}

Code cuMemRetainAllocationHandle(uint64_t* handle, void* address) {
  if (handle == nullptr) return Code::kInvalidValue;
  const Entered call;
  if (call.code() != Code::kSuccess) return call.code();
  VirtualMemory& memory = call.driver.memory.virtual_memory;
  *handle = memory.handle_at(reinterpret_cast<uint64_t>(address));
  return memory.retain(*handle) ? Code::kSuccess : Code::kInvalidValue;
}

Code cuMemMap(DevicePtr address, size_t bytes, size_t offset, uint64_t handle,
              unsigned long long flags) {
  if (flags != 0 || offset != 0 || !whole_blocks(address, bytes)) return Code::kInvalidValue;
  const Entered call;
  if (call.code() != Code::kSuccess) return call.code();
  return call.driver.memory.virtual_memory.map(address, bytes, handle) ? Code::kSuccess
                                                                       : Code::kInvalidValue;
}

Code cuMemUnmap(DevicePtr address, size_t bytes) {
  if (!whole_blocks(address, bytes)) return Code::kInvalidValue;
  Entered call;
  if (call.code() != Code::kSuccess) return call.code();
  call.driver.wait_for_all(call.lock);  // work in flight may use it
  std::vector<uint32_t> freed;
  if (!call.driver.memory.virtual_memory.unmap(address, bytes, freed)) return Code::kInvalidValue;
  for (const uint32_t allocation : freed) return_to_server(call.driver, allocation);
  return Code::kSuccess;
}

Code cuMemSetAccess(DevicePtr address, size_t bytes, const AccessDescription* descriptions,
                    size_t count) {
  if (descriptions == nullptr || count == 0 || !whole_blocks(address, bytes)) {
    return Code::kInvalidValue;
  }
  const Entered call;
  if (call.code() != Code::kSuccess) return call.code();
  for (size_t i = 0; i < count; ++i) {
    if (!on_device(call.driver, descriptions[i].location)) return Code::kInvalidDevice;
    const int flags = descriptions[i].flags;
    if (flags != 0 && flags != 1 && flags != 3) return Code::kInvalidValue;
    if (!call.driver.memory.virtual_memory.set_access(address, bytes, flags != 0)) {
      return Code::kInvalidValue;
    }
  }
  return Code::kSuccess;
}

}  // namespace corun::simgpu::driver::api
