// The transformers of GPT-2 (Radford et al., 2019: norms before each part, causal) and of BERT
// (Devlin et al., 2018: norms after, both sides seen, a head for masked tokens). The output layer
// has the weights of the embedding. No dropout: a step is the same whenever it is done again.
#include <cmath>

#include "workloads/torch/torch_compat.h"
#include "workloads/training/torch/model.h"

namespace corun::training {

namespace {

constexpr double kDeviation = 0.02;  ///< of the first weights, in both papers' programs

struct Linear {
  at::Tensor weight, bias;
  at::Tensor operator()(const at::Tensor& x) const { return at::linear(x, weight, bias); }
};

struct Norm {
  at::Tensor weight, bias;
  at::Tensor operator()(const at::Tensor& x) const {
    // Autocast does so on a GPU alone, in some versions.
    return at::layer_norm(x.to(at::kFloat), weight.sizes(), weight, bias);
  }
};

struct Layer {
  Linear qkv, out, widen, narrow;
  Norm attention_norm, wide_norm;
};

class Transformer final : public Model {
 public:
  explicit Transformer(const TransformerSpec& spec)
      : causal_(spec.objective == Objective::kNext), heads_(spec.heads) {
    const int64_t width = spec.width;
    tokens_ = parameter("tokens", drawn({spec.vocabulary, width}, kDeviation));
    places_ = parameter("places", drawn({spec.sequence, width}, kDeviation));
    // Each layer adds two parts to the sum: theirs begin smaller in deep networks (GPT-2).
    const double deep = causal_ ? kDeviation / std::sqrt(2.0 * spec.layers) : kDeviation;
    for (uint32_t i = 0; i < spec.layers; ++i) {
      const std::string name = "layer" + std::to_string(i);
      layers_.push_back({.qkv = linear(name + ".qkv", width, 3 * width, kDeviation),
                         .out = linear(name + ".out", width, width, deep),
                         .widen = linear(name + ".widen", width, 4 * width, kDeviation),
                         .narrow = linear(name + ".narrow", 4 * width, width, deep),
                         .attention_norm = norm(name + ".attention_norm", width),
                         .wide_norm = norm(name + ".wide_norm", width)});
    }
    norm_ = norm("norm", width);
    if (causal_) return;
    head_ = linear("head", width, width, kDeviation);
    head_norm_ = norm("head_norm", width);
    head_bias_ = parameter("head_bias", at::zeros({spec.vocabulary}));
  }

  at::Tensor loss(const at::Tensor& input, const at::Tensor& target) override {
    at::Tensor x = at::embedding(tokens_, input).add(places_.narrow(0, 0, input.size(1)));
    if (!causal_) x = norm_(x);
    for (const Layer& layer : layers_) x = causal_ ? norm_first(layer, x) : norm_last(layer, x);
    if (causal_) {
      x = norm_(x);
    } else {
      x = head_norm_(at::gelu(head_(x)));
    }
    const at::Tensor logits = at::linear(x, tokens_, head_bias_);
    return at::cross_entropy_loss(logits.flatten(0, 1), target.flatten(), {}, at::Reduction::Mean,
                                  kNoTarget);
  }

 private:
  Linear linear(const std::string& name, int64_t from, int64_t to, double deviation) {
    return {parameter(name + ".weight", drawn({to, from}, deviation)),
            parameter(name + ".bias", at::zeros({to}))};
  }
  Norm norm(const std::string& name, int64_t width) {
    return {parameter(name + ".weight", at::ones({width})),
            parameter(name + ".bias", at::zeros({width}))};
  }

  at::Tensor attend(const Layer& layer, const at::Tensor& x) const {
    const int64_t batch = x.size(0), tokens = x.size(1), width = x.size(2);
    // [3, batch, heads, tokens, width of a head]
    const at::Tensor qkv =
        layer.qkv(x).view({batch, tokens, 3, heads_, width / heads_}).permute({2, 0, 3, 1, 4});
    const at::Tensor seen = libtorch::attention(qkv[0], qkv[1], qkv[2], causal_);
    return layer.out(seen.transpose(1, 2).reshape({batch, tokens, width}));
  }
  at::Tensor widened(const Layer& layer, const at::Tensor& x) const {
    return layer.narrow(at::gelu(layer.widen(x), causal_ ? "tanh" : "none"));
  }
  at::Tensor norm_first(const Layer& layer, const at::Tensor& x) const {
    const at::Tensor y = x + attend(layer, layer.attention_norm(x));
    return y + widened(layer, layer.wide_norm(y));
  }
  at::Tensor norm_last(const Layer& layer, const at::Tensor& x) const {
    const at::Tensor y = layer.attention_norm(x + attend(layer, x));
    return layer.wide_norm(y + widened(layer, y));
  }

  bool causal_;
  int64_t heads_;
  at::Tensor tokens_, places_, head_bias_;
  std::vector<Layer> layers_;
  Norm norm_, head_norm_;
  Linear head_;
};

}  // namespace

std::unique_ptr<Model> make_transformer(const TransformerSpec& spec) {
  return std::make_unique<Transformer>(spec);
}

}  // namespace corun::training
