#include "workloads/inference/torch/decoder.h"

#include <ATen/TensorIndexing.h>

#include <cmath>
#include <limits>

#include "workloads/torch/torch_compat.h"

namespace corun::inference {

namespace {

using at::indexing::Slice;

constexpr double kNormEpsilon = 1e-5;
constexpr double kRotaryBase = 500'000;

double query_scale(const DecoderShape& shape) {
  return 1 / std::sqrt(static_cast<double>(shape.head_width()));
}

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

void Decoder::fill_cache(double deviation) {
  for (Layer& layer : layers_) layer.cache.normal_(0, deviation);
}

/// By how much queries, keys and values turn at these places.
at::Tensor Decoder::rotation_at(const at::Tensor& places) const {
  const int64_t rows = places.size(0), tokens = places.size(1);
  const int64_t half = shape_.head_width() / 2;
  const at::Tensor turned =
      rotations_.index_select(0, places.flatten()).view({rows, tokens, 1, half});
  // Queries are scaled here as well, and values stay as they are: one multiplication for all heads.
  const auto heads = [&](const at::Tensor& one, int64_t count) {
    return one.expand({rows, tokens, count, half});
  };
  return at::cat({heads(turned * query_scale(shape_), shape_.heads), heads(turned, shape_.kv_heads),
                  heads(at::ones_like(turned), shape_.kv_heads)},
                 2);
}

Decoder::Pass Decoder::pass(const at::Tensor& slots, const at::Tensor& places, int64_t first,
                            int64_t span, bool plain) const {
  const int64_t rows = places.size(0), tokens = places.size(1);
  const at::Tensor later = all_places_.narrow(0, 0, span) > places.unsqueeze(-1);
  const at::Tensor mask = at::zeros(later.sizes(), embedding_.options())
                              .masked_fill_(later, -std::numeric_limits<float>::infinity());
  Pass pass{.slots = slots,
            .places = places,
            .first = first,
            .span = span,
            .plain = plain,
            .rotation = {},
            .mask = mask.view({rows, 1, tokens, span})};
  if (own(pass) == nullptr) pass.rotation = rotation_at(places);
  return pass;
}

at::Tensor Decoder::norm(const at::Tensor& x, const at::Tensor& weight, const Pass& pass) const {
  if (const DecoderKernels* kernels = own(pass)) return kernels->norm(x, weight, kNormEpsilon);
  return libtorch::rms_norm(x, weight, kNormEpsilon);
}

at::Tensor Decoder::turn_and_keep(const Layer& layer, const at::Tensor& qkv,
                                  const Pass& pass) const {
  at::Tensor cache = layer.cache;
  if (const DecoderKernels* kernels = own(pass)) {
    return kernels->turn(qkv,
                         {.places = pass.places,
                          .first = pass.first,
                          .rotations = rotations_,
                          .scale = query_scale(shape_)},
                         cache);
  }
  const int64_t rows = qkv.size(0), tokens = qkv.size(1), head = shape_.head_width();
  const int64_t all = qkv.size(2);
  const at::Tensor pairs = qkv.to(at::kFloat).view({rows, tokens, all, head / 2, 2});
  const at::Tensor turned = at::view_as_real(at::view_as_complex(pairs) * pass.rotation)
                                .to(type_)
                                .view({rows, tokens, all, head});
  cache.index_put_({Slice(), pass.slots, Slice(), pass.places},
                   turned.narrow(2, shape_.heads, 2 * shape_.kv_heads)
                       .view({rows, tokens, 2, shape_.kv_heads, head}));
  return turned.narrow(2, 0, shape_.heads);
}

at::Tensor Decoder::attend(const Layer& layer, const at::Tensor& x, const Pass& pass) const {
  const int64_t rows = x.size(0), tokens = x.size(1), head = shape_.head_width();
  const at::Tensor qkv =
      layer.qkv(x).view({rows, tokens, shape_.heads + 2 * shape_.kv_heads, head});
  const at::Tensor q = turn_and_keep(layer, qkv, pass).transpose(1, 2);
  const at::Tensor known = layer.cache.narrow(1, pass.first, rows).narrow(3, 0, pass.span);
  return libtorch::grouped_attention(q, known[0], known[1], pass.mask, pass.plain)
      .transpose(1, 2)
      .reshape({rows, tokens, shape_.width});
}

at::Tensor Decoder::gate(const at::Tensor& both, const Pass& pass) const {
  if (const DecoderKernels* kernels = own(pass)) return kernels->gate(both);
  return at::silu(both.narrow(-1, 0, shape_.hidden))
      .mul_(both.narrow(-1, shape_.hidden, shape_.hidden));
}

at::Tensor Decoder::layers(const at::Tensor& embedded, const Pass& pass) const {
  const at::Tensor x = embedded.clone();
  at::Tensor sum = x.view({-1, shape_.width});  // what each part gives is added in its product
  for (const Layer& layer : layers_) {
    const at::Tensor seen = attend(layer, norm(x, layer.attention_norm, pass), pass);
    sum.addmm_(seen.view({-1, shape_.width}), layer.out.weight.t());
    const at::Tensor wide = gate(layer.gate_up(norm(x, layer.wide_norm, pass)), pass);
    sum.addmm_(wide.view({-1, shape_.hidden}), layer.down.weight.t());
  }
  return x;
}

at::Tensor Decoder::logits(const at::Tensor& x, const Pass& pass) const {
  return head_(norm(x, norm_, pass));
}

at::Tensor Decoder::read(int64_t slot, int64_t place, const at::Tensor& tokens) {
  const int64_t count = tokens.size(0);
  const at::Tensor places = all_places_.narrow(0, place, count).unsqueeze(0);
  const at::Tensor slots = all_slots_.narrow(0, slot, 1).unsqueeze(1);
  const Pass at = pass(slots, places, slot, place + count, /*plain=*/false);
  const at::Tensor x = layers(at::embedding(embedding_, tokens.unsqueeze(0)), at);
  return logits(x.narrow(1, count - 1, 1).contiguous().squeeze(1), at);
}

at::Tensor Decoder::step(const at::Tensor& tokens, const at::Tensor& places, int64_t span,
                         bool plain) {
  const at::Tensor slots = all_slots_.narrow(0, 0, tokens.size(0)).unsqueeze(1);
  const Pass at = pass(slots, places.unsqueeze(1), 0, span, plain);
  const at::Tensor x = layers(at::embedding(embedding_, tokens.unsqueeze(1)), at);
  return logits(x.squeeze(1), at);
}

}  // namespace corun::inference
