#include "gpu/memory.h"

#include "core/check.h"

namespace corun::gpu {

Result<DeviceMemory> DeviceMemory::allocate(const Driver& driver, size_t bytes) {
  cuda::DevicePtr address = 0;
  CORUN_TRY(driver.check(driver.cuMemAlloc(&address, bytes),
                         "cuMemAlloc(" + std::to_string(bytes) + " bytes)"));
  return DeviceMemory(Handle(driver, address), bytes);
}

Status DeviceMemory::copy_from(const void* host, size_t bytes) const {
  CORUN_CHECK(bytes <= bytes_, "copy past the end of device memory");
  CORUN_CUDA(memory_.driver(), cuMemcpyHtoD, address(), host, bytes);
  return {};
}

Status DeviceMemory::copy_to(void* host, size_t bytes) const {
  CORUN_CHECK(bytes <= bytes_, "copy past the end of device memory");
  CORUN_CUDA(memory_.driver(), cuMemcpyDtoH, host, address(), bytes);
  return {};
}

Status DeviceMemory::fill(unsigned char value, cuda::StreamHandle stream) const {
  CORUN_CUDA(memory_.driver(), cuMemsetD8Async, address(), value, bytes_, stream);
  return {};
}

Result<PinnedMemory> PinnedMemory::allocate(const Driver& driver, size_t bytes, unsigned flags) {
  void* memory = nullptr;
  CORUN_TRY(driver.check(driver.cuMemHostAlloc(&memory, bytes, flags),
                         "cuMemHostAlloc(" + std::to_string(bytes) + " bytes)"));
  return PinnedMemory(Handle(driver, memory), bytes);
}

}  // namespace corun::gpu
