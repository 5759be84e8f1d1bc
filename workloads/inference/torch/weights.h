// The weights of a model: random, the same ones for the same seed, type and device.
#pragma once

#include <ATen/ATen.h>

#include "workloads/torch/device.h"

namespace corun::inference {

class Weights {
 public:
  /// Seeds LibTorch's own generators: models are made one after the other.
  Weights(libtorch::Placement place, uint64_t seed) : place_(place) { at::manual_seed(seed); }

  const libtorch::Placement& place() const { return place_; }
  at::TensorOptions options() const {
    return at::TensorOptions().device(place_.device).dtype(place_.type);
  }
  /// Normal, with this deviation.
  at::Tensor normal(at::IntArrayRef shape, double deviation) {
    return counted(at::empty(shape, options()).normal_(0, deviation));
  }
  at::Tensor zeros(at::IntArrayRef shape) { return counted(at::zeros(shape, options())); }
  at::Tensor ones(at::IntArrayRef shape) { return counted(at::ones(shape, options())); }
  /// Of all that were made.
  uint64_t bytes() const { return bytes_; }

 private:
  at::Tensor counted(at::Tensor tensor) {
    bytes_ += tensor.nbytes();
    return tensor;
  }

  libtorch::Placement place_;
  uint64_t bytes_ = 0;
};

}  // namespace corun::inference
