// What every synthetic workload holds of the GPU: driver, context, one stream, the kernels.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "gpu/context.h"
#include "gpu/memory.h"
#include "gpu/stream.h"
#include "workloads/synthetic/calibration.h"
#include "workloads/synthetic/kernels.h"
#include "workloads/synthetic/options.h"
#include "workloads/tenant/waiting.h"

namespace corun::synthetic {

class GpuSession {
 public:
  /// Opens the GPU for this thread, loads the kernels and holds options.memory_bytes.
  static Result<std::unique_ptr<GpuSession>> open(const CommonOptions& options);

  const gpu::Driver& driver() const { return *driver_; }
  const gpu::Stream& stream() const { return *stream_; }
  const Kernels& kernels() const { return *kernels_; }
  const tenant::Waiter& waiter() const { return waiter_; }
  uint32_t sm_count() const { return sm_count_; }
  uint64_t l2_bytes() const { return l2_bytes_; }

  /// One more stream with the session's priority.
  Result<gpu::Stream> new_stream() const;
  /// An event for waiting, not for timing.
  Result<gpu::Event> new_event() const;
  /// Device memory, counted in memory_bytes().
  Result<gpu::DeviceMemory> allocate(uint64_t bytes);
  uint64_t memory_bytes() const { return memory_bytes_; }

  /// GPU time in microseconds of what `enqueue` puts into the stream: the shortest of several
  /// tries, since anything else on the GPU or the host only makes a try longer.
  Result<double> time_on_gpu(const std::function<Status()>& enqueue, int tries) const;
  /// Keeps the GPU busy until the same work takes the same time again and again (1 s at most), so
  /// that its clocks have risen before something is timed. Adds its launches to `launches`.
  Status raise_clocks(StateArgument state, uint64_t& launches) const;

 private:
  GpuSession(std::unique_ptr<gpu::Driver> driver, bool spin, unsigned wait_flag)
      : driver_(std::move(driver)), waiter_(spin), wait_flag_(wait_flag) {}
  Status set_up(const CommonOptions& options);
  /// Flags of an event that is waited for in the session's way.
  unsigned event_flags() const;

  // In this order: each object needs those above it until it is gone.
  std::unique_ptr<gpu::Driver> driver_;
  std::optional<gpu::Context> context_;
  std::optional<gpu::Stream> stream_;
  std::optional<Kernels> kernels_;
  gpu::DeviceMemory held_;
  tenant::Waiter waiter_;
  unsigned wait_flag_;  // cuda::kContextSchedule...
  int stream_priority_ = 0;
  uint32_t sm_count_ = 0;
  uint64_t l2_bytes_ = 0;
  uint64_t memory_bytes_ = 0;
};

}  // namespace corun::synthetic
