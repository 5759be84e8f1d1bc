#include "workloads/training/data/sample_source.h"

#include <numeric>

#include "core/check.h"
#include "core/stats/random.h"

namespace corun::training {

uint64_t seed_of_sample(uint64_t seed, uint64_t number) {
  return stats::Random(seed ^ (number * 0x9e3779b97f4a7c15U)).next();
}

uint64_t shuffled_index(uint64_t number, uint64_t count, uint64_t seed) {
  CORUN_CHECK(count > 0, "something to choose from");
  stats::Random random(seed_of_sample(seed, number / count));
  // A step without a common divisor visits every index once before it comes back.
  uint64_t step = 1 + random.below(count);
  while (std::gcd(step, count) != 1) step = 1 + step % count;
  const uint64_t first = random.below(count);
  const auto walked = static_cast<unsigned __int128>(number % count) * step + first;
  return static_cast<uint64_t>(walked % count);
}

}  // namespace corun::training
