#include "workloads/synthetic/checksum.h"

#include <fmt/format.h>

#include "core/stats/random.h"

namespace corun::synthetic {

namespace {
constexpr uint32_t kMultiply = 1664525;
constexpr uint32_t kAdd = 1013904223;
}  // namespace

AffineStep launch_step(uint32_t addend) { return {kMultiply, kAdd + addend}; }

AffineStep repeated(AffineStep step, uint64_t count) {
  AffineStep result;
  for (; count != 0; count >>= 1) {
    if ((count & 1) != 0) {
      result = {result.multiply * step.multiply, result.add * step.multiply + step.add};
    }
    step = {step.multiply * step.multiply, step.add * step.multiply + step.add};
  }
  return result;
}

StateModel::StateModel(uint64_t seed, uint32_t words) {
  stats::Random random(seed);
  addend_ = static_cast<uint32_t>(random.next());
  initial_.reserve(words);
  for (uint32_t i = 0; i < words; ++i) initial_.push_back(static_cast<uint32_t>(random.next()));
}

std::vector<uint32_t> StateModel::after(uint64_t launches) const {
  const AffineStep step = repeated(launch_step(addend_), launches);
  std::vector<uint32_t> state = initial_;
  for (uint32_t& word : state) word = step(word);
  return state;
}

uint64_t hash_words(std::span<const uint32_t> words, uint64_t hash) {
  for (const uint32_t word : words) {
    for (int shift = 0; shift < 32; shift += 8) {
      hash = (hash ^ ((word >> shift) & 0xffU)) * 0x100000001b3ULL;
    }
  }
  return hash;
}

std::string hash_text(uint64_t hash) { return fmt::format("{:016x}", hash); }

}  // namespace corun::synthetic
