// A decoder on its device, token by token: the buffers and CUDA graphs of its steps.
//
// All calls come from one thread.
#pragma once

#include <c10/core/Stream.h>

#include <map>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "core/result.h"
#include "workloads/inference/torch/decoder.h"
#include "workloads/torch/torch_compat.h"

namespace corun::inference {

struct TextRunnerOptions {
  DecoderShape shape;
  libtorch::Placement place;
  uint64_t seed = 1;
  bool graphs = false;  ///< a graph for each number of slots and span (below); else eager
  int64_t chunk = 512;  ///< tokens of a prompt that are read at once
};

class TextRunner {
 public:
  /// Makes the decoder, captures its steps and compares what they compute, with all own kernels and
  /// LibTorch's fused ones, with steps by its simplest calls. Throws what LibTorch throws. Errors:
  /// (failed) a graph computes something else; (unsupported) graphs where there are none.
  static Result<std::unique_ptr<TextRunner>> create(const TextRunnerOptions& options);

  /// Reads a prompt, at least one token, into a slot; the token that follows it.
  int64_t begin(int64_t slot, std::span<const int64_t> prompt);
  /// One step of the first tokens.size() slots: tokens and the places where they stand. The tokens
  /// that follow, valid until the next call. A slot that takes no part stands at place 0.
  std::span<const int64_t> step(std::span<const int64_t> tokens, std::span<const int64_t> places);

  const Decoder& decoder() const { return decoder_; }
  bool graphs() const { return options_.graphs; }
  /// The largest difference that those comparisons found, relative to the logits; 0 without graphs.
  double difference() const { return difference_; }
  const c10::Stream& stream() const { return stream_; }
  uint64_t memory_bytes() const { return decoder_.weight_bytes() + decoder_.cache_bytes(); }

 private:
  TextRunner(const TextRunnerOptions& options, Weights weights);
  Status use_own_kernels();
  Status capture_steps();
  Status capture(int64_t rows, int64_t span);
  void set(std::span<const int64_t> tokens, std::span<const int64_t> places, int64_t rows);
  at::Tensor logits(int64_t rows, int64_t span, bool plain = false);

  struct Step {
    std::unique_ptr<libtorch::Graph> graph;
    at::Tensor tokens;  ///< that follow, on the device
  };

  TextRunnerOptions options_;
  c10::Stream stream_;
  Decoder decoder_;
  at::Tensor host_input_, input_;  ///< [2, slots]: tokens and places
  at::Tensor host_tokens_;         ///< [slots]
  std::unique_ptr<libtorch::GraphPool> pool_;
  std::map<std::pair<int64_t, int64_t>, Step> steps_;  ///< by rows and span
  double difference_ = 0;
};

}  // namespace corun::inference
