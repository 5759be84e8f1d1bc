// Layers that several networks have.
#pragma once

#include <cmath>

#include "workloads/inference/torch/weights.h"

namespace corun::inference {

struct LinearLayer {
  at::Tensor weight, bias;  ///< `bias` may be undefined
  LinearLayer() = default;
  /// Keeps the deviation of what goes through.
  LinearLayer(Weights& weights, int64_t from, int64_t to, bool with_bias = true)
      : weight(weights.normal({to, from}, 1 / std::sqrt(static_cast<double>(from)))) {
    if (with_bias) bias = weights.normal({to}, 0.02);
  }
  at::Tensor operator()(const at::Tensor& x) const { return at::linear(x, weight, bias); }
};

struct NormLayer {
  at::Tensor weight, bias;
  NormLayer() = default;
  NormLayer(Weights& weights, int64_t width)
      : weight(weights.ones({width})), bias(weights.normal({width}, 0.02)) {}
  at::Tensor operator()(const at::Tensor& x) const {
    return at::layer_norm(x, weight.sizes(), weight, bias);
  }
};

/// Pictures as bytes [n, side, side, 3] to numbers around zero [n, 3, side, side], channels last.
inline at::Tensor from_pixels(const at::Tensor& bytes, at::ScalarType type) {
  return bytes.permute({0, 3, 1, 2}).to(type).sub_(127.5).div_(64.0);
}

}  // namespace corun::inference
