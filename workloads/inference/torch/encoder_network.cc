// Transformer encoders: BERT (Devlin et al., 2018: norms after each part) and ViT (Dosovitskiy et
// al., 2020: norms before each part, over patches of a picture).
#include "workloads/inference/torch/layers.h"
#include "workloads/inference/torch/network.h"
#include "workloads/torch/torch_compat.h"

namespace corun::inference {

namespace {

struct EncoderShape {
  int64_t layers;
  int64_t width;
  int64_t heads;
};
constexpr EncoderShape kBase{12, 768, 12};
constexpr EncoderShape kLarge{24, 1024, 16};
constexpr EncoderShape kTiny{2, 64, 4};
constexpr int64_t kPositions = 512;

struct EncoderLayer {
  LinearLayer qkv, out, widen, narrow;
  NormLayer attention_norm, wide_norm;
};

class Encoder {
 public:
  Encoder() = default;
  Encoder(const EncoderShape& shape, bool norm_first, Weights& weights)
      : heads_(shape.heads), norm_first_(norm_first) {
    const int64_t width = shape.width;
    for (int64_t i = 0; i < shape.layers; ++i) {
      layers_.push_back({.qkv = LinearLayer(weights, width, 3 * width),
                         .out = LinearLayer(weights, width, width),
                         .widen = LinearLayer(weights, width, 4 * width),
                         .narrow = LinearLayer(weights, 4 * width, width),
                         .attention_norm = NormLayer(weights, width),
                         .wide_norm = NormLayer(weights, width)});
    }
  }

  at::Tensor operator()(at::Tensor x) const {
    for (const EncoderLayer& layer : layers_) {
      if (norm_first_) {
        x = x + attend(layer, layer.attention_norm(x));
        x = x + wide(layer, layer.wide_norm(x));
      } else {
        x = layer.attention_norm(x + attend(layer, x));
        x = layer.wide_norm(x + wide(layer, x));
      }
    }
    return x;
  }

 private:
  at::Tensor attend(const EncoderLayer& layer, const at::Tensor& x) const {
    const int64_t batch = x.size(0), tokens = x.size(1), width = x.size(2);
    const at::Tensor qkv =
        layer.qkv(x).view({batch, tokens, 3, heads_, width / heads_}).permute({2, 0, 3, 1, 4});
    const at::Tensor seen = libtorch::attention(qkv[0], qkv[1], qkv[2], /*causal=*/false);
    return layer.out(seen.transpose(1, 2).reshape({batch, tokens, width}));
  }
  static at::Tensor wide(const EncoderLayer& layer, const at::Tensor& x) {
    return layer.narrow(at::gelu(layer.widen(x)));
  }

  int64_t heads_ = 1;
  bool norm_first_ = false;
  std::vector<EncoderLayer> layers_;
};

class BertNetwork final : public Network {
 public:
  BertNetwork(const EncoderShape& shape, int64_t vocabulary, int64_t sequence, Weights& weights)
      : tokens_(weights.normal({vocabulary, shape.width}, 0.02)),
        places_(weights.normal({kPositions, shape.width}, 0.02).narrow(0, 0, sequence)),
        norm_(weights, shape.width),
        encoder_(shape, /*norm_first=*/false, weights),
        pooler_(weights, shape.width, shape.width) {}

  std::vector<at::Tensor> run(const std::vector<at::Tensor>& inputs) override {
    const at::Tensor x = encoder_(norm_(at::embedding(tokens_, inputs.front()) + places_));
    return {at::tanh(pooler_(x.select(1, 0))).to(at::kFloat)};
  }

 private:
  at::Tensor tokens_, places_;
  NormLayer norm_;
  Encoder encoder_;
  LinearLayer pooler_;
};

struct VitShape {
  EncoderShape encoder;
  int64_t side;
  int64_t patch;
  int64_t classes;
};

class VitNetwork final : public Network {
 public:
  VitNetwork(const VitShape& shape, Weights& weights)
      : patch_(shape.patch),
        type_(weights.place().type),
        patches_(weights, 3 * patch_ * patch_, shape.encoder.width),
        first_(weights.normal({1, 1, shape.encoder.width}, 0.02)),
        places_(weights.normal({count(shape) + 1, shape.encoder.width}, 0.02)),
        encoder_(shape.encoder, /*norm_first=*/true, weights),
        norm_(weights, shape.encoder.width),
        head_(weights, shape.encoder.width, shape.classes) {
    // As a convolution's kernel.
    patches_.weight = patches_.weight.view({shape.encoder.width, 3, patch_, patch_})
                          .contiguous(at::MemoryFormat::ChannelsLast);
  }

  std::vector<at::Tensor> run(const std::vector<at::Tensor>& inputs) override {
    at::Tensor x =
        at::conv2d(from_pixels(inputs.front(), type_), patches_.weight, patches_.bias, patch_);
    x = x.flatten(2).transpose(1, 2);
    x = at::cat({first_.expand({x.size(0), 1, x.size(2)}), x}, 1) + places_;
    return {head_(norm_(encoder_(x).select(1, 0))).to(at::kFloat)};
  }

 private:
  static int64_t count(const VitShape& shape) {
    return (shape.side / shape.patch) * (shape.side / shape.patch);
  }

  int64_t patch_;
  at::ScalarType type_;
  LinearLayer patches_;
  at::Tensor first_, places_;
  Encoder encoder_;
  NormLayer norm_;
  LinearLayer head_;
};

}  // namespace

NetworkPlan bert_plan(bool large, int64_t sequence, bool tiny) {
  const EncoderShape shape = tiny ? kTiny : (large ? kLarge : kBase);
  const int64_t vocabulary = tiny ? 256 : 30522;
  return {.inputs = {{"TOKENS", DataType::kInt64, {sequence}, vocabulary}},
          .outputs = {{"POOLED", DataType::kFp32, {shape.width}}},
          .build = [=](Weights& weights) -> std::unique_ptr<Network> {
            return std::make_unique<BertNetwork>(shape, vocabulary, sequence, weights);
          }};
}

NetworkPlan vit_plan(bool tiny) {
  const VitShape shape = tiny ? VitShape{kTiny, 32, 8, 10} : VitShape{kBase, 224, 16, 1000};
  return {.inputs = {{"PIXELS", DataType::kUint8, {shape.side, shape.side, 3}}},
          .outputs = {{"LOGITS", DataType::kFp32, {shape.classes}}},
          .build = [shape](Weights& weights) -> std::unique_ptr<Network> {
            return std::make_unique<VitNetwork>(shape, weights);
          }};
}

}  // namespace corun::inference
