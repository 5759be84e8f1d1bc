#include "core/stats/random.h"

#include <bit>
#include <cmath>
#include <numbers>

#include "core/check.h"

namespace corun::stats {

Random::Random(uint64_t seed) {
  // splitmix64 (https://prng.di.unimi.it): spreads a small seed over the whole state.
  for (uint64_t& word : state_) {
    seed += 0x9e3779b97f4a7c15;
    uint64_t z = seed;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    word = z ^ (z >> 31);
  }
}

uint64_t Random::next() {
  const uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const uint64_t shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

double Random::uniform() { return static_cast<double>(next() >> 11) * 0x1p-53; }

uint64_t Random::below(uint64_t n) {
  CORUN_CHECK(n > 0, "below(0)");
  const uint64_t rejected = (0 - n) % n;  // 2^64 mod n values would be one too many for some
  while (true) {
    const uint64_t value = next();
    if (value >= rejected) return value % n;
  }
}

double Random::exponential(double mean) { return -mean * std::log1p(-uniform()); }

double Random::normal() {
  // Box-Muller; the second value of the pair is not kept, so that a draw has no hidden state.
  const double radius = std::sqrt(-2 * std::log1p(-uniform()));
  return radius * std::cos(2 * std::numbers::pi * uniform());
}

}  // namespace corun::stats
