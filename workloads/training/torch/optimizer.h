// What a step does with the gradients. All weights in a few calls each: on a GPU, one call for each
// of hundreds of tensors would be the step's longest part.
#pragma once

#include <ATen/ATen.h>

#include <memory>
#include <vector>

#include "workloads/training/torch/model.h"

namespace corun::training {

class Optimizer {
 public:
  virtual ~Optimizer() = default;
  /// `step` counts from 0. Uses up the gradients.
  virtual void step(double learning_rate, uint64_t step) = 0;
  /// What it remembers from step to step, beside each weight.
  const std::vector<NamedTensor>& memory() const { return memory_; }

 protected:
  std::vector<NamedTensor> memory_;
};

/// With momentum 0.9 and weight decay 1e-4, for images. The weights are on their device already.
std::unique_ptr<Optimizer> make_sgd(const Model& model);
/// AdamW with decay 0.1 of the matrices, betas 0.9 and 0.95, for text.
std::unique_ptr<Optimizer> make_adamw(const Model& model);

}  // namespace corun::training
