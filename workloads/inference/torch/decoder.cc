#include "workloads/inference/torch/decoder.h"

#include <ATen/TensorIndexing.h>

#include <limits>

#include "workloads/torch/torch_compat.h"

namespace corun::inference {

namespace {

using at::indexing::Slice;

constexpr double kNormEpsilon = 1e-5;
constexpr double kRotaryBase = 500'000;

/// Rotations of every place [context, half] for queries and keys, as complex numbers: pairs of a
/// head's values turn by an angle that grows with the place.
at::Tensor rotations_of(const DecoderShape& shape, at::Device device) {
  const at::TensorOptions options = at::TensorOptions().dtype(at::kFloat).device(device);
  const int64_t half = shape.head_width() / 2;
  const at::Tensor slower =
      at::arange(half, options).mul_(-std::log(kRotaryBase) / static_cast<double>(half)).exp_();
  const at::Tensor angles = at::arange(shape.context, options).unsqueeze(1) * slower;
  return at::polar(at::ones_like(angles), angles);
}

}  // namespace

Decoder::Decoder(const DecoderShape& shape, Weights& weights)
    : shape_(shape), type_(weights.place().type) {
  const int64_t width = shape.width, head = shape.head_width();
  const at::Device device = weights.place().device;
  embedding_ = weights.normal({shape.vocabulary, width}, 1);
  for (int64_t i = 0; i < shape.layers; ++i) {
    layers_.push_back(
        {.qkv = LinearLayer(weights, width, (shape.heads + 2 * shape.kv_heads) * head, false),
         .out = LinearLayer(weights, width, width, false),
         .gate_up = LinearLayer(weights, width, 2 * shape.hidden, false),
         .down = LinearLayer(weights, shape.hidden, width, false),
         .attention_norm = weights.ones({width}),
         .wide_norm = weights.ones({width}),
         .cache = {}});
  }
  norm_ = weights.ones({width});
  head_ = LinearLayer(weights, width, shape.vocabulary, false);
  weight_bytes_ = weights.bytes();
  for (Layer& layer : layers_) {
    layer.cache = weights.zeros({2, shape.slots, shape.kv_heads, shape.context, head});
  }
  cache_bytes_ = weights.bytes() - weight_bytes_;
  rotations_ = rotations_of(shape, device);
  all_slots_ = at::arange(shape.slots, at::TensorOptions().dtype(at::kLong).device(device));
  all_places_ = at::arange(shape.context, at::TensorOptions().dtype(at::kLong).device(device));
}

Decoder::Pass Decoder::pass(const at::Tensor& slots, const at::Tensor& places, int64_t first,
                            int64_t span) const {
  const int64_t rows = places.size(0), tokens = places.size(1);
  const int64_t half = shape_.head_width() / 2;
  const at::Tensor turned =
      rotations_.index_select(0, places.flatten()).view({rows, tokens, 1, half});
  // Queries are scaled here as well, and values stay as they are: one multiplication for all heads.
  const double scale = 1 / std::sqrt(static_cast<double>(shape_.head_width()));
  const auto heads = [&](const at::Tensor& one, int64_t count) {
    return one.expand({rows, tokens, count, half});
  };
  const at::Tensor rotation =
      at::cat({heads(turned * scale, shape_.heads), heads(turned, shape_.kv_heads),
               heads(at::ones_like(turned), shape_.kv_heads)},
              2);
  const at::Tensor later = all_places_.narrow(0, 0, span) > places.unsqueeze(-1);
  const at::Tensor mask = at::zeros(later.sizes(), rotation.options().dtype(type_))
                              .masked_fill_(later, -std::numeric_limits<float>::infinity());
  return {.slots = slots,
          .places = places,
          .first = first,
          .span = span,
          .rotation = rotation,
          .mask = mask.view({rows, 1, tokens, span})};
}

at::Tensor Decoder::attend(const Layer& layer, const at::Tensor& x, const Pass& pass) const {
  const int64_t rows = x.size(0), tokens = x.size(1), head = shape_.head_width();
  const int64_t all = shape_.heads + 2 * shape_.kv_heads;
  const at::Tensor pairs = layer.qkv(x).to(at::kFloat).view({rows, tokens, all, head / 2, 2});
  const at::Tensor turned = at::view_as_real(at::view_as_complex(pairs) * pass.rotation)
                                .to(type_)
                                .view({rows, tokens, all, head});
  // What is new, beside what is known: [rows, tokens, 2, kv_heads, head].
  at::Tensor cache = layer.cache;
  cache.index_put_({Slice(), pass.slots, Slice(), pass.places},
                   turned.narrow(2, shape_.heads, 2 * shape_.kv_heads)
                       .view({rows, tokens, 2, shape_.kv_heads, head}));
  const at::Tensor known = cache.narrow(1, pass.first, rows).narrow(3, 0, pass.span);
  const at::Tensor q = turned.narrow(2, 0, shape_.heads).transpose(1, 2);
  return libtorch::grouped_attention(q, known[0], known[1], pass.mask)
      .transpose(1, 2)
      .reshape({rows, tokens, shape_.width});
}

at::Tensor Decoder::layers(const at::Tensor& embedded, const Pass& pass) const {
  const at::Tensor x = embedded.clone();
  at::Tensor sum = x.view({-1, shape_.width});  // what each part gives is added in its product
  for (const Layer& layer : layers_) {
    const at::Tensor seen =
        attend(layer, libtorch::rms_norm(x, layer.attention_norm, kNormEpsilon), pass);
    sum.addmm_(seen.view({-1, shape_.width}), layer.out.weight.t());
    const at::Tensor both = layer.gate_up(libtorch::rms_norm(x, layer.wide_norm, kNormEpsilon));
    const at::Tensor wide = at::silu(both.narrow(-1, 0, shape_.hidden))
                                .mul_(both.narrow(-1, shape_.hidden, shape_.hidden));
    sum.addmm_(wide.view({-1, shape_.hidden}), layer.down.weight.t());
  }
  return x;
}

at::Tensor Decoder::logits(const at::Tensor& x) const {
  return head_(libtorch::rms_norm(x, norm_, kNormEpsilon));
}

at::Tensor Decoder::read(int64_t slot, int64_t place, const at::Tensor& tokens) {
  const int64_t count = tokens.size(0);
  const at::Tensor places = all_places_.narrow(0, place, count).unsqueeze(0);
  const at::Tensor slots = all_slots_.narrow(0, slot, 1).unsqueeze(1);
  const at::Tensor x = layers(at::embedding(embedding_, tokens.unsqueeze(0)),
                              pass(slots, places, slot, place + count));
  return logits(x.select(1, count - 1));
}

at::Tensor Decoder::step(const at::Tensor& tokens, const at::Tensor& places, int64_t span) {
  const at::Tensor slots = all_slots_.narrow(0, 0, tokens.size(0)).unsqueeze(1);
  const at::Tensor x = layers(at::embedding(embedding_, tokens.unsqueeze(1)),
                              pass(slots, places.unsqueeze(1), 0, span));
  return logits(x.squeeze(1));
}

}  // namespace corun::inference
