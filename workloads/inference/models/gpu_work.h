// Work of a known duration on the GPU, for models that stand for real ones: the kernels of
// workloads/synthetic, fitted to the asked time on this GPU at its clocks.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "gpu/graph.h"
#include "workloads/synthetic/device_state.h"
#include "workloads/synthetic/gpu_session.h"

namespace corun::inference {

struct GpuWorkOptions {
  synthetic::CommonOptions common;
  Nanos fit = std::chrono::microseconds(600);  ///< a piece of about this length is timed
  uint32_t kernels = 20;                       ///< of a piece
};

/// Of one thread.
class GpuWork {
 public:
  /// Opens the GPU for this thread and times a piece of options.fit.
  /// Errors: unsupported without a usable GPU; usage for a length that cannot be reached.
  static Result<std::unique_ptr<GpuWork>> open(const GpuWorkOptions& options);

  const gpu::Driver& driver() const { return gpu_->driver(); }
  const gpu::Stream& stream() const { return gpu_->stream(); }
  Result<gpu::DeviceMemory> allocate(uint64_t bytes) { return gpu_->allocate(bytes); }
  uint64_t memory_bytes() const { return gpu_->memory_bytes(); }

  /// Puts a piece that takes `duration` alone into the stream, as one graph: graphs are kept by
  /// length, so only few lengths should be asked for.
  Status enqueue_graph(Nanos duration);
  /// The same as single launches: for lengths that differ from call to call.
  Status enqueue_launches(Nanos duration);
  Status finish() const { return gpu_->stream().synchronize(); }

  /// The kernels' checksum. Precondition: no work is going on.
  Result<tenant::Verification> verify() const { return synthetic::verify({&*state_, 1}); }

 private:
  explicit GpuWork(const GpuWorkOptions& options) : options_(options) {}
  Status set_up();
  Status burn(uint32_t iterations) const;
  Result<gpu::Graph> capture(uint32_t iterations) const;
  uint32_t iterations_for(Nanos duration) const;

  GpuWorkOptions options_;
  std::unique_ptr<synthetic::GpuSession> gpu_;  // before everything that lives in its context
  std::optional<synthetic::DeviceState> state_;
  std::map<uint32_t, gpu::Graph> graphs_;  ///< by iterations of a kernel
  double iterations_a_us_ = 0;             ///< of each kernel of a piece
};

}  // namespace corun::inference
