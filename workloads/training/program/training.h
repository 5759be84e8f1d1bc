// A model, its data and its place in them: what a step further means.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/files.h"
#include "workloads/training/options/options.h"
#include "workloads/training/torch/trainer.h"

namespace corun::training {

struct StepDone {
  uint64_t number = 0;  ///< of the training; the first is 1
  float loss = 0;
};

class Training {
 public:
  /// Errors: those of the data, the checkpoint, the device.
  static Result<std::unique_ptr<Training>> open(const TrainOptions& options);

  /// Begins a step if another one is wanted and may be begun, else waits for the oldest one that
  /// runs. Nothing: one was begun, or none runs. Writes the checkpoints that are due.
  /// Errors (failed): of the device; the loss is no number.
  Result<std::optional<StepDone>> advance(bool another);
  bool running() const { return running_ > 0; }
  uint64_t begun() const { return trainer_->steps() - first_step_; }
  Status write_checkpoint();

  size_t batch() const { return options_.spec.batch; }
  uint64_t loader_waits() const { return loader_->waits(); }
  uint64_t memory_bytes() const { return trainer_->memory_bytes(); }
  /// "resnet50: 25.6 M weights on cuda, batch 32".
  std::string text() const;

 private:
  explicit Training(const TrainOptions& options) : options_(options) {}
  Status open_data();
  Status make_loader();
  bool checkpoint_due() const;

  TrainOptions options_;
  std::optional<TemporaryFolder> generated_;
  std::unique_ptr<SampleSource> source_;
  ImageFormat images_;
  std::unique_ptr<Trainer> trainer_;
  std::unique_ptr<Loader> loader_;
  uint64_t first_sample_ = 0;  ///< of this process
  uint64_t first_step_ = 0;    ///< steps that were done before it
  uint64_t written_ = 0;       ///< steps of the last checkpoint
  size_t running_ = 0;
};

}  // namespace corun::training
