// The checksum of the synthetic workloads. Every kernel launch applies one step of a linear
// congruential generator to each word of a small state array on the GPU:
//
//   state[i] = state[i] * 1664525 + 1013904223 + addend      (modulo 2^32)
//
// K such steps are one affine map, whose factors take O(log K) to compute. So the host knows the
// exact state after any number of launches: a lost, doubled or foreign launch, or a write of
// another tenant into the state, shows. The addend and the initial state come from the workload's
// seed, so two tenants' states differ.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace corun::synthetic {

/// value * multiply + add, modulo 2^32.
struct AffineStep {
  uint32_t multiply = 1;
  uint32_t add = 0;
  uint32_t operator()(uint32_t value) const { return value * multiply + add; }
  bool operator==(const AffineStep&) const = default;
};

/// The step of one launch.
AffineStep launch_step(uint32_t addend);
/// `step` applied `count` times, as one step.
AffineStep repeated(AffineStep step, uint64_t count);

/// What the state array of one stream holds before its first launch and after each later one.
class StateModel {
 public:
  StateModel(uint64_t seed, uint32_t words);
  uint32_t addend() const { return addend_; }
  const std::vector<uint32_t>& initial() const { return initial_; }
  std::vector<uint32_t> after(uint64_t launches) const;

 private:
  uint32_t addend_;
  std::vector<uint32_t> initial_;
};

/// 64-bit FNV-1a of the words' bytes (little endian), continued from `hash`.
/// Definition: http://www.isthe.com/chongo/tech/comp/fnv/
uint64_t hash_words(std::span<const uint32_t> words, uint64_t hash = 0xcbf29ce484222325ULL);
/// 16 hexadecimal digits.
std::string hash_text(uint64_t hash);

}  // namespace corun::synthetic
