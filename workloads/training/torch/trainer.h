// A model in training on one device, behind an interface without LibTorch's headers.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/result.h"
#include "workloads/training/data/image_set.h"
#include "workloads/training/data/loader.h"
#include "workloads/training/state/checkpoint.h"
#include "workloads/training/state/model_spec.h"

namespace corun::training {

struct TrainerOptions {
  ModelSpec spec;
  ImageFormat images;  ///< of an image model
  Device device = Device::kAuto;
  Precision precision = Precision::kAuto;
  double learning_rate = 0;
  uint64_t seed = 1;  ///< of the first weights
  int threads = 0;    ///< processors for the model's work on a CPU; 0: LibTorch's choice
};

/// Errors of all members: the library's reason in one line (failed), want of memory too.
class Trainer {
 public:
  /// Errors: unsupported for kCuda without a usable GPU.
  static Result<std::unique_ptr<Trainer>> create(const TrainerOptions& options);
  virtual ~Trainer() = default;

  /// Begins a step with this batch, which must stay as it is until the step has ended. On a GPU it
  /// returns before the step is done.
  virtual Status begin_step(const Batch& batch) = 0;
  /// Waits until the oldest step that was begun is done; its loss.
  virtual Result<float> end_step() = 0;
  /// Steps that were begun, those of a checkpoint that was restored with them.
  virtual uint64_t steps() const = 0;
  /// Copies the weights, their running means and the optimizer's memory to the host, and calls
  /// `use` with them. Precondition: all steps have ended.
  virtual Status with_state(const std::function<Status(State)>& use) = 0;
  /// Errors (usage): it is of another model.
  virtual Status restore(const Checkpoint& checkpoint) = 0;
  /// Host memory for batches: pinned where copies to the device are faster from it.
  virtual Result<HostMemory> host_memory(size_t bytes) = 0;
  /// Device memory that is allocated; 0 on a CPU.
  virtual uint64_t memory_bytes() const = 0;
  virtual std::string device_name() const = 0;  ///< "cpu", "cuda"
  virtual uint64_t parameters() const = 0;
};

}  // namespace corun::training
