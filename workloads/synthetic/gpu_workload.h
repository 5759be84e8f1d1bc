// What the workloads on the GPU have in common: session, checksum state, calibration, notes.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "workloads/synthetic/device_state.h"
#include "workloads/synthetic/gpu_session.h"
#include "workloads/synthetic/workload.h"

namespace corun::synthetic {

class GpuWorkload : public Workload {
 public:
  explicit GpuWorkload(const CommonOptions& common) : common_(common) {}
  Status initialise() override;
  Result<std::optional<Verification>> verify() override {
    CORUN_ASSIGN(const Verification states, synthetic::verify(states_));
    return std::optional(states);
  }
  uint64_t memory_bytes() const override { return gpu_ ? gpu_->memory_bytes() : 0; }
  std::vector<std::string> take_notes() override { return std::exchange(notes_, {}); }

 protected:
  /// Streams, buffers and states beyond the first.
  virtual Status prepare() { return {}; }

  const GpuSession& gpu() const { return *gpu_; }
  DeviceState& state(size_t stream = 0) { return states_[stream]; }
  /// A further state array, for a further stream.
  Status add_state();
  Result<gpu::DeviceMemory> allocate(uint64_t bytes) { return gpu_->allocate(bytes); }
  void note(std::string text) { notes_.push_back(std::move(text)); }
  const CommonOptions& common() const { return common_; }

  /// One launch of corun_burn in the session's stream.
  Status burn(uint32_t blocks, uint32_t iterations);
  /// Iterations with which corun_burn takes `kernel_us`, back to back.
  Result<Calibration> calibrate_burn(uint32_t blocks, double kernel_us);
  /// To be called when a window begins: does what --plant-corruption asks.
  Status begin_window();

 private:
  CommonOptions common_;
  std::unique_ptr<GpuSession> gpu_;  // before everything that lives in its context
  std::vector<DeviceState> states_;
  std::vector<std::string> notes_;
};

/// Finds the iterations with which `enqueue` takes `target_us`, back to back, on an otherwise idle
/// GPU. A short run first raises the clocks.
Result<Calibration> calibrate_on_gpu(const GpuSession& gpu, double target_us,
                                     const std::function<Status(uint32_t iterations)>& enqueue,
                                     uint32_t first_guess = 1);

}  // namespace corun::synthetic
