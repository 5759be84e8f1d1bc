// The time-slice chart: blocks of the lanes of one GPU, kept for a while, and thinned out to what a
// screen can show.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "monitoring/snapshot.h"

namespace corun::monitoring {

/// What a block tells; the order is the one in which kinds give a lane its source.
enum class BlockKind : uint8_t {
  kRun,
  kTurn,
  kShare,
  kGate,
  kWait,
  kParked,
  kSwitch,
  kIdle,
  kMixed,
};
std::string_view to_string(BlockKind kind);  // "run", "turn", ...
std::optional<BlockKind> parse_block_kind(std::string_view text);

/// A block in 24 bytes.
struct Block {
  int64_t begin_us = 0;  ///< unix time
  int64_t end_us = 0;
  float coverage = 1;  ///< 0..1: part of it that it really covers
  BlockKind kind = BlockKind::kRun;
  client::Label label = client::Label::kMeasured;
  bool operator==(const Block&) const = default;
};
Block block_of(const SliceBlock& block);

/// At most 2 * `pixels` blocks that look like `blocks` (in the order of their beginnings) on a
/// screen of so many pixels from `from_us` to `to_us`. Blocks outside are left out. Where there are
/// too many, those of a kind that are shorter than a pixel become one per pixel, with the part that
/// they cover; where that is still too many, those of all kinds do, as kMixed if they differ.
std::vector<Block> thin_out(const std::vector<Block>& blocks, int64_t from_us, int64_t to_us,
                            size_t pixels);

struct Lane {
  std::string workload;  ///< "UID/NAME"; "": processes that are no workload
  std::vector<Block> blocks;
  client::Label source = client::Label::kMeasured;
};
struct Lanes {
  std::vector<Lane> lanes;
  bool truncated = false;  ///< blocks of this time were dropped already
};

class BlockLog {
 public:
  /// Keeps blocks that ended at most `keep` seconds before the newest, and at most `most`.
  BlockLog(double keep, size_t most) : keep_us_(static_cast<int64_t>(keep * 1e6)), most_(most) {}

  void add(const SliceBlock& block);
  void add(const std::string& workload, const Block& block);
  /// The lanes that have a block in [from, to], thinned out.
  Lanes query(double from, double to, size_t pixels) const;
  size_t size() const { return size_; }

 private:
  void drop_old();

  int64_t keep_us_;
  size_t most_;
  size_t size_ = 0;
  int64_t newest_us_ = 0;
  int64_t dropped_until_us_ = 0;
  std::map<std::string, std::deque<Block>> lanes_;
};

}  // namespace corun::monitoring
