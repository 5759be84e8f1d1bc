// Order statistics of ranges of a series without sorting them: what a block bootstrap asks for, ten
// thousand times per summary.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace corun::stats {

/// A wavelet matrix over a permutation of 0 .. n-1 (F. Claude, G. Navarro, A. Ordóñez, "The wavelet
/// matrix", Information Systems 47, 2015): one level per bit of a rank, from the highest; each
/// level holds how many zeros that bit has among the first i ranks, in the order that the level
/// above leaves (zeros first, then ones, each in their order). 4 bytes per rank and level.
class RankTree {
 public:
  /// Places [begin, end) of the series; a place may lie in several ranges and then counts as often.
  struct Range {
    uint32_t begin = 0;
    uint32_t end = 0;
  };

  /// Precondition: a permutation, fewer than 2^31 ranks.
  explicit RankTree(std::span<const uint32_t> ranks);

  /// The k-th smallest rank (k from 1) in all ranges together. `ranges` is scratch: its content is
  /// lost. Time: ranges x bits, less as ranges run empty on the way down. Precondition: the ranges
  /// hold at least k places.
  uint32_t kth_smallest(uint64_t k, std::vector<Range>& ranges) const;

 private:
  struct Level {
    std::vector<uint32_t> zeros;  ///< [i]: zeros among the first i; n + 1 entries
  };
  std::vector<Level> levels_;  ///< highest bit first
};

}  // namespace corun::stats
