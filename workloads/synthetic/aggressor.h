// Aggressors press on one resource of the GPU, for a chosen share of the time, and report the rate
// they achieve in that resource's own unit.
#pragma once

#include <memory>
#include <string>

#include "workloads/synthetic/duty_cycle.h"
#include "workloads/synthetic/factories.h"
#include "workloads/synthetic/gpu_workload.h"
#include "workloads/synthetic/pump.h"

namespace corun::synthetic {

class Aggressor : public GpuWorkload {
 public:
  Aggressor(const CommonOptions& common, const AggressorOptions& options)
      : GpuWorkload(common), options_(options) {}

  WorkloadKind kind() const override { return WorkloadKind::kSynthetic; }
  std::string unit() const override { return "kernels/s"; }
  Status calibrate() final;
  Result<WarmFigures> warm(Nanos length) final;
  Result<WindowOutcome> run(const Window& window, Recorder& recorder) final;

 protected:
  /// Fits a piece of work to the options; returns how long a piece takes alone.
  virtual Result<Nanos> fit() = 0;
  /// Pieces to keep in flight.
  virtual uint32_t depth() const { return depth_for(options_.kernel_us); }
  /// Submits one piece.
  virtual Status submit(Pump& pump) = 0;
  /// What a warm-up window says.
  virtual WarmFigures figures(uint64_t items, Nanos elapsed) {
    return pipelined_figures(items, elapsed);
  }
  /// "61.2 TFLOP/s in FP32" for so many items a second.
  virtual std::string achieved(double items_per_s) const = 0;

  const AggressorOptions& options() const { return options_; }

 private:
  /// Works until `end`; `done` hears of items and says whether to go on.
  Status press_until(Instant end, const std::function<bool(uint64_t)>& done);

  AggressorOptions options_;
  Nanos piece_{0};
};

std::unique_ptr<Workload> make_compute_aggressor(const CommonOptions& common,
                                                 const AggressorOptions& options);
std::unique_ptr<Workload> make_l2_aggressor(const CommonOptions& common,
                                            const AggressorOptions& options);
std::unique_ptr<Workload> make_dram_aggressor(const CommonOptions& common,
                                              const AggressorOptions& options);
std::unique_ptr<Workload> make_pcie_aggressor(const CommonOptions& common,
                                              const AggressorOptions& options);
std::unique_ptr<Workload> make_launch_aggressor(const CommonOptions& common,
                                                const AggressorOptions& options);

}  // namespace corun::synthetic
