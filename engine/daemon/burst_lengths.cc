#include "engine/daemon/burst_lengths.h"

#include <algorithm>

namespace corun::daemon {

void BurstLengths::add(uint32_t us) {
  const auto* const bound = std::lower_bound(kBurstBoundsUs.begin(), kBurstBoundsUs.end(), us);
  ++counts_[static_cast<size_t>(bound - kBurstBoundsUs.begin())];
  sum_us_ += us;
}

BurstLengths& BurstLengths::operator+=(const BurstLengths& other) {
  for (size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
  sum_us_ += other.sum_us_;
  return *this;
}

bool BurstLengths::empty() const {
  return std::all_of(counts_.begin(), counts_.end(), [](uint64_t count) { return count == 0; });
}

client::Lengths BurstLengths::told() const {
  return {{kBurstBoundsUs.begin(), kBurstBoundsUs.end()},
          {counts_.begin(), counts_.end()},
          static_cast<double>(sum_us_)};
}

}  // namespace corun::daemon
