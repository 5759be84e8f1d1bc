// Memory: allocation, page-locked host memory, copies, memsets.
#include <sys/mman.h>

#include <cstring>

#include "simgpu/driver/allocate.h"
#include "simgpu/driver/api.h"
#include "simgpu/driver/driver.h"
#include "simgpu/driver/enqueue.h"

namespace corun::simgpu::driver::api {

namespace {

// A pageable source up to this size is copied away at the call; the call waits for a larger one
// (CUDA driver API, "API synchronization behavior").
constexpr size_t kStagedBytes = size_t{64} * 1024;

enum class Wait { kNo, kYes };

/// A stream for a call that names none: the legacy default stream.
Code run(Entered& call, StreamHandle handle, Node node, Wait wait) {
  Stream* stream = call.driver.stream(*call.context, handle);
  if (stream == nullptr) return Code::kInvalidHandle;
  if (stream->capture && wait == Wait::kYes) {
    stream->capture->invalid = true;
    return Code::kStreamCaptureUnsupported;
  }
  uint64_t op_id = 0;
  const Code code = enqueue(call, *stream, std::move(node), &op_id);
  if (code != Code::kSuccess || wait == Wait::kNo || op_id == 0) return code;
  return call.driver.wait_for(call.lock, *call.context, op_id);
}

Code copy_to_device(DevicePtr to, const void* from, size_t bytes, StreamHandle stream, bool sync) {
  Entered call;
  if (call.code() != Code::kSuccess) return call.code();
  if (bytes == 0) return Code::kSuccess;
  Node node;
  const Code code = copy_node(call.driver, wire::OpKind::kCopyHostToDevice, to,
                              reinterpret_cast<uint64_t>(from), bytes, node);
  if (code != Code::kSuccess) return code;
  if (sync) return run(call, stream, std::move(node), Wait::kYes);
  if (call.driver.memory.is_host_locked(from, bytes)) {
    return run(call, stream, std::move(node), Wait::kNo);
  }
  if (bytes > kStagedBytes) return run(call, stream, std::move(node), Wait::kYes);
  node.action.staged = std::make_shared<std::vector<std::byte>>(
      node.action.from, node.action.from + static_cast<ptrdiff_t>(bytes));
  node.action.from = node.action.staged->data();
  return run(call, stream, std::move(node), Wait::kNo);
}

Code copy_to_host(void* to, DevicePtr from, size_t bytes, StreamHandle stream, bool sync) {
  Entered call;
  if (call.code() != Code::kSuccess) return call.code();
  if (bytes == 0) return Code::kSuccess;
  Node node;
  const Code code = copy_node(call.driver, wire::OpKind::kCopyDeviceToHost,
                              reinterpret_cast<uint64_t>(to), from, bytes, node);
  if (code != Code::kSuccess) return code;
  const bool locked = call.driver.memory.is_host_locked(to, bytes);
  return run(call, stream, std::move(node), sync || !locked ? Wait::kYes : Wait::kNo);
}

Code copy_on_device(DevicePtr to, DevicePtr from, size_t bytes, StreamHandle stream) {
  Entered call;
  if (call.code() != Code::kSuccess) return call.code();
  if (bytes == 0) return Code::kSuccess;
  Node node;
  const Code code =
      copy_node(call.driver, wire::OpKind::kCopyDeviceToDevice, to, from, bytes, node);
  if (code != Code::kSuccess) return code;
  return run(call, stream, std::move(node), Wait::kNo);
}

/// Between any two addresses: those that are not the device's are the host's.
Code copy_any(DevicePtr to, DevicePtr from, size_t bytes, StreamHandle stream, bool sync) {
  bool to_host = false;
  bool from_host = false;
  {
    const Entered call;
    if (call.code() != Code::kSuccess) return call.code();
    to_host = !call.driver.memory.is_device(to);
    from_host = !call.driver.memory.is_device(from);
  }
  // NOLINTBEGIN(performance-no-int-to-ptr): unified addresses
  if (to_host && from_host) {
    say_once("cuMemcpy from host to host is not simulated");
    return Code::kNotSupported;
  }
  if (from_host) {
    return copy_to_device(to, reinterpret_cast<const void*>(from), bytes, stream, sync);
  }
  if (to_host) return copy_to_host(reinterpret_cast<void*>(to), from, bytes, stream, sync);
  // NOLINTEND(performance-no-int-to-ptr)
  return copy_on_device(to, from, bytes, stream);
}

Code fill(DevicePtr to, uint32_t value, size_t count, size_t unit, StreamHandle stream) {
  Entered call;
  if (call.code() != Code::kSuccess) return call.code();
  if (count == 0) return Code::kSuccess;
  Node node;
  const Code code = fill_node(call.driver, to, value, count, unit, node);
  if (code != Code::kSuccess) return code;
  return run(call, stream, std::move(node), Wait::kNo);
}

}  // namespace

Code cuMemGetInfo(size_t* free_bytes, size_t* total_bytes) {
  if (free_bytes == nullptr || total_bytes == nullptr) return Code::kInvalidValue;
  const Entered call(While::kFails);
  if (call.code() != Code::kSuccess) return call.code();
  wire::IdCall message;
  message.id = call.context->id;
  const auto answer = call.driver.call(wire::Type::kMemInfo, message);
  const auto info = answer ? answer->as<wire::MemInfo>() : std::nullopt;
  if (!info) return Code::kUnknown;
  *free_bytes = info->free_bytes;
  *total_bytes = info->total_bytes;
  return Code::kSuccess;
}

Code cuMemAlloc(DevicePtr* address, size_t bytes) {
  Entered call;
  if (call.code() != Code::kSuccess) return call.code();
  return allocate(call, address, bytes);
}

Code cuMemAllocManaged(DevicePtr* address, size_t bytes, unsigned flags) {
  constexpr unsigned kAttachGlobal = 1;
  constexpr unsigned kAttachHost = 2;
  if (flags != kAttachGlobal && flags != kAttachHost) return Code::kInvalidValue;
  Entered call;
  if (call.code() != Code::kSuccess) return call.code();
  return allocate(call, address, bytes, Kind::kManaged);
}

Code cuMemAllocPitch(DevicePtr* address, size_t* pitch, size_t width, size_t height,
                     unsigned element) {
  constexpr size_t kPitch = 512;
  if (pitch == nullptr || width == 0 || height == 0 || width > kMostBytes || height > kMostBytes) {
    return Code::kInvalidValue;
  }
  if (element != 4 && element != 8 && element != 16) return Code::kInvalidValue;
  *pitch = (width + kPitch - 1) / kPitch * kPitch;
  if (*pitch > kMostBytes / height) return Code::kOutOfMemory;
  return api::cuMemAlloc(address, *pitch * height);
}

Code cuMemFree(DevicePtr address) {
  Entered call;
  if (call.code() != Code::kSuccess) return call.code();
  if (address == 0) return Code::kSuccess;
  call.driver.wait_for_all(call.lock);  // work in flight may use it
  if (call.driver.memory.find(address, 1) == nullptr) return Code::kInvalidValue;
  return call.driver.release(address) ? Code::kSuccess : Code::kInvalidValue;
}

Code cuMemAllocAsync(DevicePtr* address, size_t bytes, StreamHandle stream) {
  Entered call;
  if (call.code() != Code::kSuccess) return call.code();
  if (call.driver.stream(*call.context, stream) == nullptr) return Code::kInvalidHandle;
  return allocate(call, address, bytes);
}

Code cuMemFreeAsync(DevicePtr address, StreamHandle stream) {
  Entered call;
  if (call.code() != Code::kSuccess) return call.code();
  if (call.driver.memory.find(address, 1) == nullptr) return Code::kInvalidValue;
  Node node;
  node.op.kind = wire::OpKind::kMarker;
  node.action.kind = Action::Kind::kFree;
  node.action.address = address;
  return run(call, stream, std::move(node), Wait::kNo);
}

Code cuMemHostAlloc(void** memory, size_t bytes, unsigned) {
  if (memory == nullptr || bytes == 0) return Code::kInvalidValue;
  const Entered call;
  if (call.code() != Code::kSuccess) return call.code();
  void* made = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (made == MAP_FAILED) return Code::kOutOfMemory;
  call.driver.memory.lock_host(made, bytes, true);
  *memory = made;
  return Code::kSuccess;
}

Code cuMemAllocHost(void** memory, size_t bytes) { return api::cuMemHostAlloc(memory, bytes, 0); }

Code cuMemFreeHost(void* memory) {
  Entered call;
  if (call.code() != Code::kSuccess) return call.code();
  const MemoryMap::HostRange* range = call.driver.memory.host_range(memory);
  if (range == nullptr || !range->owned) return Code::kInvalidValue;
  const uint64_t bytes = range->bytes;
  call.driver.wait_for_all(call.lock);
  call.driver.memory.unlock_host(memory);
  munmap(memory, bytes);
  return Code::kSuccess;
}

Code cuMemHostRegister(void* memory, size_t bytes, unsigned flags) {
  constexpr unsigned kKnown =
      kHostAllocPortable | kHostAllocDeviceMap | kHostRegisterIoMemory | kHostRegisterReadOnly;
  if (memory == nullptr || bytes == 0 || (flags & ~kKnown) != 0) return Code::kInvalidValue;
  if ((flags & kHostRegisterIoMemory) != 0) {
    say_once("cuMemHostRegister of I/O memory is not simulated");
    return Code::kNotSupported;
  }
  const Entered call;
  if (call.code() != Code::kSuccess) return call.code();
  if (call.driver.memory.is_host_locked(memory, 1)) return Code::kHostMemoryAlreadyRegistered;
  // Pages that the processor only reads can be registered for reading alone.
  const MemoryMap::Protection protection = MemoryMap::host_protection(memory, bytes);
  const bool read_only = (flags & kHostRegisterReadOnly) != 0;
  if (!protection.readable || (!protection.writable && !read_only)) return Code::kInvalidValue;
  call.driver.memory.lock_host(memory, bytes, false);
  return Code::kSuccess;
}

Code cuMemHostUnregister(void* memory) {
  Entered call;
  if (call.code() != Code::kSuccess) return call.code();
  const MemoryMap::HostRange* range = call.driver.memory.host_range(memory);
  if (range == nullptr || range->owned) return Code::kHostMemoryNotRegistered;
  call.driver.wait_for_all(call.lock);
  call.driver.memory.unlock_host(memory);
  return Code::kSuccess;
}

Code cuMemHostGetDevicePointer(DevicePtr* address, void* memory, unsigned) {
  if (address == nullptr) return Code::kInvalidValue;
  const Entered call;
  if (call.code() != Code::kSuccess) return call.code();
  if (!call.driver.memory.is_host_locked(memory, 1)) return Code::kInvalidValue;
  *address = reinterpret_cast<DevicePtr>(memory);
  return Code::kSuccess;
}

Code cuMemcpy(DevicePtr to, DevicePtr from, size_t bytes) {
  return copy_any(to, from, bytes, nullptr, true);
}
Code cuMemcpyAsync(DevicePtr to, DevicePtr from, size_t bytes, StreamHandle stream) {
  return copy_any(to, from, bytes, stream, false);
}
Code cuMemcpyHtoD(DevicePtr to, const void* from, size_t bytes) {
  return copy_to_device(to, from, bytes, nullptr, true);
}
Code cuMemcpyDtoH(void* to, DevicePtr from, size_t bytes) {
  return copy_to_host(to, from, bytes, nullptr, true);
}
Code cuMemcpyDtoD(DevicePtr to, DevicePtr from, size_t bytes) {
  return copy_on_device(to, from, bytes, nullptr);
}
Code cuMemcpyHtoDAsync(DevicePtr to, const void* from, size_t bytes, StreamHandle stream) {
  return copy_to_device(to, from, bytes, stream, false);
}
Code cuMemcpyDtoHAsync(void* to, DevicePtr from, size_t bytes, StreamHandle stream) {
  return copy_to_host(to, from, bytes, stream, false);
}
Code cuMemcpyDtoDAsync(DevicePtr to, DevicePtr from, size_t bytes, StreamHandle stream) {
  return copy_on_device(to, from, bytes, stream);
}
Code cuMemsetD8(DevicePtr to, unsigned char value, size_t count) {
  return fill(to, value, count, 1, nullptr);
}
Code cuMemsetD16(DevicePtr to, unsigned short value, size_t count) {
  return fill(to, value, count, 2, nullptr);
}
Code cuMemsetD16Async(DevicePtr to, unsigned short value, size_t count, StreamHandle stream) {
  return fill(to, value, count, 2, stream);
}
Code cuMemsetD32(DevicePtr to, unsigned value, size_t count) {
  return fill(to, value, count, 4, nullptr);
}
Code cuMemsetD8Async(DevicePtr to, unsigned char value, size_t count, StreamHandle stream) {
  return fill(to, value, count, 1, stream);
}
Code cuMemsetD32Async(DevicePtr to, unsigned value, size_t count, StreamHandle stream) {
  return fill(to, value, count, 4, stream);
}

}  // namespace corun::simgpu::driver::api
