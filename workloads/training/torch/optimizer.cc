#include "workloads/training/torch/optimizer.h"

#include <c10/core/GradMode.h>

#include <cmath>

namespace corun::training {

namespace {

std::vector<at::Tensor> tensors_of(const std::vector<NamedTensor>& named) {
  std::vector<at::Tensor> tensors;
  for (const NamedTensor& one : named) tensors.push_back(one.tensor);
  return tensors;
}

/// Takes them from the weights, which have none afterwards.
std::vector<at::Tensor> take_gradients(const std::vector<at::Tensor>& weights) {
  std::vector<at::Tensor> gradients;
  for (const at::Tensor& weight : weights) {
    gradients.push_back(weight.grad());
    weight.mutable_grad() = at::Tensor();
  }
  return gradients;
}

/// Zeros beside each weight; kept in `memory` under its name with `suffix`.
std::vector<at::Tensor> zeros_beside(const std::vector<NamedTensor>& weights, const char* suffix,
                                     std::vector<NamedTensor>& memory) {
  const c10::NoGradGuard guard;
  std::vector<at::Tensor> zeros;
  for (const NamedTensor& weight : weights) {
    zeros.push_back(at::zeros_like(weight.tensor));
    memory.push_back({weight.name + suffix, zeros.back()});
  }
  return zeros;
}

class Sgd final : public Optimizer {
 public:
  explicit Sgd(const Model& model)
      : weights_(tensors_of(model.parameters())),
        momentum_(zeros_beside(model.parameters(), ".momentum", memory_)) {}

  void step(double learning_rate, uint64_t /*step*/) override {
    constexpr double kMomentum = 0.9;
    constexpr double kDecay = 1e-4;
    const c10::NoGradGuard guard;
    const std::vector<at::Tensor> gradients = take_gradients(weights_);
    at::_foreach_add_(gradients, weights_, kDecay);
    at::_foreach_mul_(momentum_, kMomentum);
    at::_foreach_add_(momentum_, gradients, 1);
    at::_foreach_add_(weights_, momentum_, -learning_rate);
  }

 private:
  std::vector<at::Tensor> weights_;
  std::vector<at::Tensor> momentum_;
};

class AdamW final : public Optimizer {
 public:
  explicit AdamW(const Model& model)
      : weights_(tensors_of(model.parameters())),
        mean_(zeros_beside(model.parameters(), ".mean", memory_)),
        square_(zeros_beside(model.parameters(), ".square", memory_)) {
    for (const at::Tensor& weight : weights_) {
      if (weight.dim() > 1) decaying_.push_back(weight);
    }
  }

  void step(double learning_rate, uint64_t step) override {
    constexpr double kBeta1 = 0.9;
    constexpr double kBeta2 = 0.95;
    constexpr double kDecay = 0.1;
    constexpr double kEpsilon = 1e-8;
    const c10::NoGradGuard guard;
    const std::vector<at::Tensor> gradients = take_gradients(weights_);
    const double steps = static_cast<double>(step) + 1;
    at::_foreach_mul_(decaying_, 1 - learning_rate * kDecay);
    at::_foreach_mul_(mean_, kBeta1);
    at::_foreach_add_(mean_, gradients, 1 - kBeta1);
    at::_foreach_mul_(square_, kBeta2);
    at::_foreach_addcmul_(square_, gradients, gradients, 1 - kBeta2);
    const std::vector<at::Tensor> root = at::_foreach_sqrt(square_);
    at::_foreach_div_(root, std::sqrt(1 - std::pow(kBeta2, steps)));
    at::_foreach_add_(root, kEpsilon);
    at::_foreach_addcdiv_(weights_, mean_, root, -learning_rate / (1 - std::pow(kBeta1, steps)));
  }

 private:
  std::vector<at::Tensor> weights_;
  std::vector<at::Tensor> decaying_;
  std::vector<at::Tensor> mean_;
  std::vector<at::Tensor> square_;
};

}  // namespace

std::unique_ptr<Optimizer> make_sgd(const Model& model) { return std::make_unique<Sgd>(model); }
std::unique_ptr<Optimizer> make_adamw(const Model& model) { return std::make_unique<AdamW>(model); }

}  // namespace corun::training
