// Where the samples of a training come from. Sample number k of a training is always the same one,
// so a training that is resumed goes on with the samples that it would have seen.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace corun::training {

class SampleSource {
 public:
  virtual ~SampleSource() = default;
  virtual size_t input_bytes() const = 0;   ///< of one sample
  virtual size_t target_count() const = 0;  ///< of one sample
  /// Writes sample `number` of the training. From any thread.
  virtual void read(uint64_t number, std::span<std::byte> input,
                    std::span<int64_t> target) const = 0;
};

/// Which of `count` things the k-th one of a training is: all of them once in each epoch, in an
/// order that the seed and the epoch give. Needs no memory: an affine walk modulo `count`.
uint64_t shuffled_index(uint64_t number, uint64_t count, uint64_t seed);

/// A seed for the draws that belong to one sample (augmentation, masks).
uint64_t seed_of_sample(uint64_t seed, uint64_t number);

}  // namespace corun::training
