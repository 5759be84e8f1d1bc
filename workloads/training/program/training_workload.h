// A training as a workload of a benchmark: samples/s, and the time of each step.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "workloads/tenant/recorder.h"
#include "workloads/tenant/workload.h"
#include "workloads/training/program/training.h"

namespace corun::training {

class TrainingWorkload final : public tenant::Workload {
 public:
  explicit TrainingWorkload(TrainOptions options) : options_(std::move(options)) {}

  WorkloadKind kind() const override { return WorkloadKind::kTraining; }
  std::string unit() const override { return "samples/s"; }
  /// Generates the data, if none is given, and loads the model.
  Status initialise() override;
  Status calibrate() override { return {}; }
  Result<tenant::WarmFigures> warm(Nanos length) override;
  Result<tenant::WindowOutcome> run(const tenant::Window& window,
                                    tenant::Recorder& recorder) override;
  /// Nothing: devices add up in different orders, so the weights are not known beforehand.
  Result<std::optional<tenant::Verification>> verify() override {
    return std::optional<tenant::Verification>();
  }
  uint64_t memory_bytes() const override { return training_->memory_bytes(); }
  std::vector<std::string> take_notes() override { return std::exchange(notes_, {}); }

 private:
  TrainOptions options_;
  std::unique_ptr<Training> training_;
  std::vector<std::string> notes_;
};

/// `options.steps` steps without a warm-up: their losses, about twenty of them, on standard output.
Status train_steps(const TrainOptions& options);

}  // namespace corun::training
