// What the models have in common: named weights, and a loss of a batch.
#pragma once

#include <ATen/ATen.h>

#include <memory>
#include <string>
#include <vector>

#include "workloads/training/data/image_set.h"
#include "workloads/training/state/model_spec.h"

namespace corun::training {

struct NamedTensor {
  std::string name;
  at::Tensor tensor;
};

class Model {
 public:
  virtual ~Model() = default;
  /// `input` and `target` are a batch on the model's device: pixels [n, c, h, w] (8 bits) with
  /// labels [n], or tokens [n, t] (32 bits) with targets [n, t].
  virtual at::Tensor loss(const at::Tensor& input, const at::Tensor& target) = 0;

  /// Trained by the optimizer, and kept beside it (running means).
  const std::vector<NamedTensor>& parameters() const { return parameters_; }
  const std::vector<NamedTensor>& buffers() const { return buffers_; }

 protected:
  /// What they return is the same tensor as the one in the list, wherever that moves.
  at::Tensor parameter(const std::string& name, const at::Tensor& first) {
    return parameters_.emplace_back(NamedTensor{name, first}).tensor;
  }
  at::Tensor buffer(const std::string& name, const at::Tensor& first) {
    return buffers_.emplace_back(NamedTensor{name, first}).tensor;
  }

 private:
  std::vector<NamedTensor> parameters_;
  std::vector<NamedTensor> buffers_;
};

/// Normal, with this deviation.
inline at::Tensor drawn(at::IntArrayRef shape, double deviation) {
  return at::randn(shape).mul_(deviation);
}

/// Weights are drawn from LibTorch's generator of the CPU, whatever the device will be.
std::unique_ptr<Model> make_resnet(const ResnetSpec& spec, const ImageFormat& images);
std::unique_ptr<Model> make_transformer(const TransformerSpec& spec);

}  // namespace corun::training
