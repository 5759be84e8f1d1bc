// Random numbers that are the same on every machine and library for the same seed.
#pragma once

#include <array>
#include <cstdint>

namespace corun::stats {

/// xoshiro256**, seeded by splitmix64. std:: distributions differ between libraries; these do not.
class Random {
 public:
  explicit Random(uint64_t seed);
  uint64_t next();
  /// Uniform in [0, 1).
  double uniform();
  /// Uniform in 0 .. n-1, without modulo bias. Precondition: n > 0.
  uint64_t below(uint64_t n);
  /// Exponential with this mean.
  double exponential(double mean);
  /// Standard normal.
  double normal();

 private:
  std::array<uint64_t, 4> state_{};
};

}  // namespace corun::stats
