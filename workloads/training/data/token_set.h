// Texts as tokens in plain files: 16 or 32 bits each, little endian, no header, as several public
// trainers of language models write them.
#pragma once

#include <filesystem>

#include "core/result.h"
#include "workloads/training/data/mapped_file.h"
#include "workloads/training/data/sample_source.h"

namespace corun::training {

/// What a model learns from a piece of text.
enum class Objective {
  kNext,    ///< each token's next one
  kMasked,  ///< those tokens that a mask hides
};

struct TokenOptions {
  uint32_t token_bytes = 2;  ///< 2 or 4
  uint32_t vocabulary = 0;   ///< every token is below it; kMasked: the last one is the mask
  uint32_t sequence = 0;     ///< tokens of a sample
  Objective objective = Objective::kNext;
};

/// A target that does not count.
inline constexpr int64_t kNoTarget = -100;

/// Pieces of `sequence` tokens as samples: the tokens (32 bits each), and a target for each.
class TokenSet final : public SampleSource {
 public:
  /// Errors (failed): not readable; (usage): cut off, too short, or a token outside the vocabulary.
  static Result<TokenSet> open(const std::filesystem::path& path, const TokenOptions& options,
                               uint64_t seed);

  uint64_t count() const { return count_; }
  size_t input_bytes() const override { return size_t{options_.sequence} * sizeof(int32_t); }
  size_t target_count() const override { return options_.sequence; }
  void read(uint64_t number, std::span<std::byte> input, std::span<int64_t> target) const override;

 private:
  TokenSet(MappedFile file, const TokenOptions& options, uint64_t seed);
  uint32_t token(uint64_t index) const;

  MappedFile file_;
  TokenOptions options_;
  uint64_t seed_;
  uint64_t tokens_ = 0;
  uint64_t count_ = 0;  ///< samples
};

/// Writes `count` tokens of 16 bits in which there is something to learn: some are frequent, and
/// most are followed by one of four. At most 4096 different ones are used.
Status generate_tokens(const std::filesystem::path& path, uint32_t vocabulary, uint64_t count,
                       uint64_t seed);

}  // namespace corun::training
