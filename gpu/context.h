// A GPU opened for work: its primary context, the one that CUDA's runtime uses too.
#pragma once

#include <string>

#include "gpu/driver.h"

namespace corun::gpu {

/// The primary context of one GPU, retained for the object's life. All other driver objects live in
/// the context that is current on the calling thread.
class Context {
 public:
  /// Retains the context of GPU `ordinal` and makes it current on this thread. `flags`: a
  /// cuda::kContextSchedule... value (how the host waits).
  /// Errors: no such GPU (usage); what the driver says, e.g. out of memory.
  static Result<Context> open(const Driver& driver, int ordinal,
                              unsigned flags = cuda::kContextScheduleAuto);
  Context(Context&& other) noexcept;
  Context& operator=(Context&& other) noexcept;
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  ~Context();

  /// Makes it current on the calling thread (each thread that makes driver calls needs this once).
  Status make_current() const;
  /// Waits until all work of the context is done. Errors: a kernel failed.
  Status synchronize() const;

  const Driver& driver() const { return *driver_; }
  cuda::Device device() const { return device_; }
  cuda::ContextHandle get() const { return context_; }

  /// An attribute of the GPU. Errors: the driver does not know it.
  Result<int> attribute(cuda::DeviceAttribute attribute) const;
  struct Memory {
    size_t free_bytes;
    size_t total_bytes;
  };
  /// Free and total device memory as this context sees it.
  Result<Memory> memory() const;
  /// The smallest number is the highest priority.
  struct PriorityRange {
    int least;
    int greatest;
  };
  Result<PriorityRange> stream_priorities() const;

 private:
  Context(const Driver& driver, cuda::Device device, cuda::ContextHandle context)
      : driver_(&driver), device_(device), context_(context) {}

  const Driver* driver_;
  cuda::Device device_;
  cuda::ContextHandle context_;
};

}  // namespace corun::gpu
