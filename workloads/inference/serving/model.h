// What a model is to the server. All calls of one model come from one thread of its own, so a GPU
// context may live there.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/result.h"
#include "workloads/inference/protocol/signature.h"
#include "workloads/tenant/workload.h"

namespace corun::inference {

/// What all models share.
class AnyModel {
 public:
  virtual ~AnyModel() = default;
  /// Valid from the beginning on, from any thread; does not change.
  virtual const Signature& signature() const = 0;
  /// Makes it ready to work; called once, first. Errors: unsupported without what it needs.
  virtual Status load() = 0;
  /// Its results so far against the expected ones, for a model that knows them.
  virtual Result<std::optional<tenant::Verification>> verify() {
    return std::optional<tenant::Verification>();
  }
  /// Device memory that it has allocated.
  virtual uint64_t memory_bytes() const { return 0; }
};

/// Tensors in, tensors out.
class Model : public AnyModel {
 public:
  /// `inputs`: one a spec of the signature, in its order, that fit it; `rows`: their batch size (1
  /// for a model without batches). Gives one tensor a spec of the outputs, in their order.
  /// An error, such as memory of the GPU that is used up, fails this batch and nothing else.
  virtual Result<std::vector<Tensor>> infer(const std::vector<Tensor>& inputs, int64_t rows) = 0;
};

/// Text in, text out, token by token, for several sequences at once: each has a slot.
class TextModel : public AnyModel {
 public:
  /// Sequences that may run at once, slots 0 to N-1.
  virtual size_t slots() const = 0;
  /// Longest sequence, prompt and answer together, in tokens.
  virtual uint64_t max_tokens() const = 0;
  /// Tokens of a prompt. From any thread.
  virtual uint64_t tokens_of(const std::string& text) const = 0;

  /// Reads the prompt into a free slot and gives the text of the first token.
  /// An error fails this sequence and nothing else; the slot is free then.
  virtual Result<std::string> begin(size_t slot, const std::string& prompt) = 0;
  /// The text of the next token of each of these slots, which have begun and not ended.
  /// An error fails them all.
  virtual Result<std::vector<std::string>> step(std::span<const size_t> slots) = 0;
  /// Frees the slot.
  virtual void end(size_t slot) = 0;
};

}  // namespace corun::inference
