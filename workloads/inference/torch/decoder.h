// A decoder like LLaMA's (Touvron et al., 2023; grouped queries: Ainslie et al., 2023): RMSNorm
// before each part, rotary positions, fewer heads of keys and values than of queries, SwiGLU.
//
// Keys and values of all slots lie in one tensor a layer, set up beforehand: [2, slots, heads,
// context, width of a head]. A step works on the first `rows` slots and reads the first `span`
// places of each; what lies beyond a sequence's own tokens is masked. So a step has fixed shapes,
// whoever takes part in it, and fits a CUDA graph.
#pragma once

#include <vector>

#include "workloads/inference/torch/decoder_kernels.h"
#include "workloads/inference/torch/layers.h"

namespace corun::inference {

struct DecoderShape {
  int64_t layers = 32;
  int64_t width = 4096;
  int64_t heads = 32;
  int64_t kv_heads = 8;
  int64_t hidden = 14336;  ///< of SwiGLU
  int64_t vocabulary = 128256;
  int64_t context = 4096;  ///< tokens of a sequence
  int64_t slots = 8;
  int64_t head_width() const { return width / heads; }
};

class Decoder {
 public:
  Decoder(const DecoderShape& shape, Weights& weights);

  /// From here on with kernels of its own beside the products. Precondition: bfloat16 on a GPU, a
  /// width of 8 n, heads and hidden of 2 n.
  void use(std::unique_ptr<DecoderKernels> kernels) { kernels_ = std::move(kernels); }

  /// All that sequences have left behind becomes normal noise.
  void fill_cache(double deviation);

  const DecoderShape& shape() const { return shape_; }
  uint64_t weight_bytes() const { return weight_bytes_; }
  uint64_t cache_bytes() const { return cache_bytes_; }
  /// What a step must read of the weights: all of them, but of the embedding a row.
  uint64_t step_bytes() const { return weight_bytes_ - static_cast<uint64_t>(embedding_.nbytes()); }

  /// Reads `tokens` [t] of the sequence in `slot`, which has `place` tokens already, and gives the
  /// logits of the token that follows them [1, vocabulary].
  at::Tensor read(int64_t slot, int64_t place, const at::Tensor& tokens);
  /// One token a slot: `tokens` [rows] stand at `places` [rows] (each below `span`) of the first
  /// slots; gives the logits of those that follow
  /// them [rows, vocabulary]. `plain`: by LibTorch's simplest calls alone, to compare with.
  at::Tensor step(const at::Tensor& tokens, const at::Tensor& places, int64_t span,
                  bool plain = false);

 private:
  struct Layer {
    LinearLayer qkv, out, gate_up, down;
    at::Tensor attention_norm, wide_norm;
    at::Tensor cache;
  };
  /// Where the tokens of a pass lie: rows slots with `tokens` each.
  struct Pass {
    at::Tensor slots;   ///< [rows, 1]
    at::Tensor places;  ///< [rows, tokens]
    int64_t first = 0;  ///< slot
    int64_t span = 0;
    bool plain = false;
    at::Tensor rotation;  ///< complex [rows, tokens, heads, half a head]; not for own kernels
    at::Tensor mask;      ///< [rows, 1, tokens, span], added to the scores
  };
  Pass pass(const at::Tensor& slots, const at::Tensor& places, int64_t first, int64_t span,
            bool plain) const;
  at::Tensor rotation_at(const at::Tensor& places) const;
  /// The kernels of its own that a pass uses; null: none.
  const DecoderKernels* own(const Pass& pass) const {
    return pass.plain ? nullptr : kernels_.get();
  }
  at::Tensor norm(const at::Tensor& x, const at::Tensor& weight, const Pass& pass) const;
  /// Queries [rows, tokens, heads, head], turned; keys and values are in the cache then.
  at::Tensor turn_and_keep(const Layer& layer, const at::Tensor& qkv, const Pass& pass) const;
  /// SwiGLU's inner part.
  at::Tensor gate(const at::Tensor& both, const Pass& pass) const;
  /// What the heads see, side by side [rows, tokens, width].
  at::Tensor attend(const Layer& layer, const at::Tensor& x, const Pass& pass) const;
  at::Tensor layers(const at::Tensor& embedded, const Pass& pass) const;
  at::Tensor logits(const at::Tensor& x, const Pass& pass) const;

  DecoderShape shape_;
  at::ScalarType type_;
  at::Tensor embedding_, norm_, rotations_, all_slots_, all_places_;
  LinearLayer head_;
  std::vector<Layer> layers_;
  uint64_t weight_bytes_ = 0;
  uint64_t cache_bytes_ = 0;
  std::unique_ptr<DecoderKernels> kernels_;
};

}  // namespace corun::inference
