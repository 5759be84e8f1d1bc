// How long the bursts of a workload were, counted by length: for rates and percentiles over any
// time, which the quantiles of the last bursts do not give.
#pragma once

#include <array>
#include <cstdint>

#include "engine/client/lengths.h"

namespace corun::daemon {

/// Upper ends: what a request of a GPU may take, from a small kernel to a slow answer.
inline constexpr std::array<uint32_t, 16> kBurstBoundsUs{
    100,    200,     500,     1'000,   2'000,     5'000,     10'000,    20'000,
    50'000, 100'000, 200'000, 500'000, 1'000'000, 2'000'000, 5'000'000, 10'000'000};

class BurstLengths {
 public:
  void add(uint32_t us);
  BurstLengths& operator+=(const BurstLengths& other);

  bool empty() const;
  client::Lengths told() const;

 private:
  std::array<uint64_t, kBurstBoundsUs.size() + 1> counts_{};
  uint64_t sum_us_ = 0;
};

}  // namespace corun::daemon
