#include "core/stats/rank_tree.h"

#include <algorithm>
#include <bit>

#include "core/check.h"

namespace corun::stats {

RankTree::RankTree(std::span<const uint32_t> ranks) {
  CORUN_CHECK(ranks.size() < (size_t{1} << 31), "too many ranks");
  const auto bits =
      static_cast<int>(ranks.size() < 2 ? size_t{0} : std::bit_width(ranks.size() - 1));
  std::vector<uint32_t> order(ranks.begin(), ranks.end());
  std::vector<uint32_t> ones;
  for (int bit = bits - 1; bit >= 0; --bit) {
    Level& level = levels_.emplace_back();
    level.zeros.reserve(order.size() + 1);
    ones.clear();
    uint32_t zeros = 0;
    for (const uint32_t rank : order) {
      level.zeros.push_back(zeros);
      if ((rank >> bit) & 1U) {
        ones.push_back(rank);
      } else {
        order[zeros++] = rank;
      }
    }
    level.zeros.push_back(zeros);
    std::copy(ones.begin(), ones.end(), order.begin() + zeros);
  }
}

uint32_t RankTree::kth_smallest(uint64_t k, std::vector<Range>& ranges) const {
  uint32_t rank = 0;
  size_t count = ranges.size();
  for (const Level& level : levels_) {
    const uint32_t* zeros = level.zeros.data();
    uint64_t zeros_here = 0;
    for (size_t i = 0; i < count; ++i) zeros_here += zeros[ranges[i].end] - zeros[ranges[i].begin];
    const bool down_ones = k > zeros_here;
    const uint32_t first_one = level.zeros.back();
    if (down_ones) k -= zeros_here;
    rank = rank << 1U | static_cast<uint32_t>(down_ones);
    size_t kept = 0;  // ranges that are empty from here on are dropped
    for (size_t i = 0; i < count; ++i) {
      const Range at = ranges[i];
      const Range left{zeros[at.begin], zeros[at.end]};
      const Range right{first_one + at.begin - left.begin, first_one + at.end - left.end};
      ranges[kept] = down_ones ? right : left;
      kept += ranges[kept].begin < ranges[kept].end;
    }
    count = kept;
  }
  return rank;
}

}  // namespace corun::stats
