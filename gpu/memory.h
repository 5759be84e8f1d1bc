// Device memory and page-locked host memory of the current context.
#pragma once

#include <cstddef>

#include "gpu/handle.h"

namespace corun::gpu {

class DeviceMemory {
 public:
  DeviceMemory() = default;
  /// Errors: out of memory, naming the size.
  static Result<DeviceMemory> allocate(const Driver& driver, size_t bytes);
  cuda::DevicePtr address() const { return memory_.get(); }
  size_t bytes() const { return bytes_; }

  /// Blocking copies of the first `bytes` bytes. Precondition: they fit.
  Status copy_from(const void* host, size_t bytes) const;
  Status copy_to(void* host, size_t bytes) const;
  /// Sets every byte, in stream order.
  Status fill(unsigned char value, cuda::StreamHandle stream) const;

 private:
  using Handle = Owned<cuda::DevicePtr, &Driver::cuMemFree>;
  DeviceMemory(Handle memory, size_t bytes) : memory_(std::move(memory)), bytes_(bytes) {}
  Handle memory_;
  size_t bytes_ = 0;
};

/// Host memory that the GPU copies from and to without staging.
class PinnedMemory {
 public:
  PinnedMemory() = default;
  /// `flags`: cuda::kHostAlloc... .
  static Result<PinnedMemory> allocate(const Driver& driver, size_t bytes, unsigned flags = 0);
  void* data() const { return memory_.get(); }
  size_t bytes() const { return bytes_; }

 private:
  using Handle = Owned<void*, &Driver::cuMemFreeHost>;
  PinnedMemory(Handle memory, size_t bytes) : memory_(std::move(memory)), bytes_(bytes) {}
  Handle memory_;
  size_t bytes_ = 0;
};

}  // namespace corun::gpu
