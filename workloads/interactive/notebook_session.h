// A notebook as a workload: cells in their order, think times between them, memory that stays.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "workloads/interactive/options.h"
#include "workloads/synthetic/gpu_workload.h"

namespace corun::interactive {

class NotebookSession final : public synthetic::GpuWorkload {
 public:
  explicit NotebookSession(InteractiveOptions options)
      : GpuWorkload(options.common), options_(std::move(options)) {}

  WorkloadKind kind() const override { return WorkloadKind::kInteractive; }
  std::string unit() const override { return "cells/s"; }
  Status calibrate() override;
  /// The first cell; a notebook is warm after it.
  Result<tenant::WarmFigures> warm(Nanos length) override;
  Result<tenant::WindowOutcome> run(const tenant::Window& window,
                                    tenant::Recorder& recorder) override;
  uint64_t memory_bytes() const override;
  /// Of each cell, beside the calibration: how often it ran, and how long.
  std::vector<std::string> take_notes() override;

 private:
  /// False when it was given up.
  Result<bool> run_cell(size_t number, Instant give_up);
  Result<bool> run_step(size_t cell, const Step& step, Instant give_up);
  Result<bool> run_kernels(Nanos duration, Instant give_up);
  Status copy(uint64_t bytes);

  InteractiveOptions options_;
  uint32_t blocks_ = 0;
  uint32_t iterations_ = 1;
  std::map<size_t, std::vector<gpu::DeviceMemory>> kept_;  ///< by cell
  std::map<std::string, std::vector<double>> latencies_ms_;
};

}  // namespace corun::interactive
