#include "monitoring/blocks.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace corun::monitoring {

namespace {

constexpr std::array<std::string_view, 9> kKindNames{"run",    "turn",   "share", "gate", "wait",
                                                     "parked", "switch", "idle",  "mixed"};
/// Blocks may be told a little out of order; a lane looks so far behind its end for their place.
constexpr size_t kLookBack = 64;

/// Gathers the short blocks of one pixel.
class Pixel {
 public:
  bool empty() const { return count_ == 0; }
  void add(const Block& block) {
    if (count_ == 0) {
      sum_ = block;
      covered_ = 0;
    }
    ++count_;
    covered_ += static_cast<double>(block.end_us - block.begin_us) * block.coverage;
    sum_.begin_us = std::min(sum_.begin_us, block.begin_us);
    sum_.end_us = std::max(sum_.end_us, block.end_us);
    if (block.kind != sum_.kind) sum_.kind = BlockKind::kMixed;
    sum_.label = std::max(sum_.label, block.label);
  }
  Block take() {
    if (count_ > 1) {
      const auto length = static_cast<double>(std::max<int64_t>(sum_.end_us - sum_.begin_us, 1));
      sum_.coverage = static_cast<float>(std::min(1.0, covered_ / length));
    }
    count_ = 0;
    return sum_;
  }

 private:
  size_t count_ = 0;
  double covered_ = 0;
  Block sum_;
};

bool overlaps(const Block& block, int64_t from_us, int64_t to_us) {
  return block.end_us >= from_us && block.begin_us <= to_us;
}

/// Blocks shorter than `width` become one per place of that width: per kind, or (`mix`) of all.
std::vector<Block> thin_with(const std::vector<Block>& blocks, int64_t from_us, int64_t to_us,
                             int64_t width, bool mix) {
  std::vector<Block> thin;
  std::array<Pixel, kKindNames.size()> pixels;
  // A kind's blocks come in order: the place that its last one began in ends here.
  int64_t place_end[kKindNames.size()] = {};
  for (const Block& block : blocks) {
    if (!overlaps(block, from_us, to_us)) continue;
    const size_t kind = mix ? 0 : static_cast<size_t>(block.kind);
    Pixel& pixel = pixels[kind];
    const bool is_long = block.end_us - block.begin_us >= width;
    if (!pixel.empty() && (is_long || block.begin_us >= place_end[kind])) {
      thin.push_back(pixel.take());
    }
    if (is_long) {
      thin.push_back(block);
      continue;
    }
    if (pixel.empty()) {
      place_end[kind] = from_us + ((block.begin_us - from_us) / width + 1) * width;
    }
    pixel.add(block);
  }
  for (Pixel& pixel : pixels) {
    if (!pixel.empty()) thin.push_back(pixel.take());
  }
  return thin;
}

bool begins_before(const Block& a, const Block& b) { return a.begin_us < b.begin_us; }

}  // namespace

std::string_view to_string(BlockKind kind) { return kKindNames[static_cast<size_t>(kind)]; }

std::optional<BlockKind> parse_block_kind(std::string_view text) {
  for (size_t i = 0; i < kKindNames.size(); ++i) {
    if (kKindNames[i] == text) return static_cast<BlockKind>(i);
  }
  return std::nullopt;
}

Block block_of(const SliceBlock& block) {
  Block packed;
  packed.begin_us = std::llround(block.begin * 1e6);
  packed.end_us = std::max(packed.begin_us, static_cast<int64_t>(std::llround(block.end * 1e6)));
  packed.kind = parse_block_kind(block.what).value_or(BlockKind::kMixed);
  packed.label = block.label;
  const double length = block.end - block.begin;
  const bool partly = packed.kind == BlockKind::kGate || packed.kind == BlockKind::kShare;
  if (partly && length > 0) {
    packed.coverage = static_cast<float>(std::clamp(block.seconds / length, 0.0, 1.0));
  }
  return packed;
}

std::vector<Block> thin_out(const std::vector<Block>& blocks, int64_t from_us, int64_t to_us,
                            size_t pixels) {
  const auto inside =
      static_cast<size_t>(std::count_if(blocks.begin(), blocks.end(), [=](const Block& block) {
        return overlaps(block, from_us, to_us);
      }));
  const size_t most = 2 * std::max<size_t>(pixels, 1);
  if (inside <= most) return thin_with(blocks, from_us, to_us, 0, false);
  int64_t width = std::max<int64_t>((to_us - from_us) / static_cast<int64_t>(most / 2), 1);
  // Kinds apart, where that is few enough: a run and a closed gate are different things.
  std::vector<Block> thin = thin_with(blocks, from_us, to_us, width, false);
  std::stable_sort(thin.begin(), thin.end(), begins_before);
  for (; thin.size() > most; width *= 2) thin = thin_with(thin, from_us, to_us, width, true);
  return thin;
}

void BlockLog::add(const SliceBlock& block) { add(block.workload, block_of(block)); }

void BlockLog::add(const std::string& workload, const Block& block) {
  std::deque<Block>& lane = lanes_[workload];
  auto place = lane.end();
  for (size_t i = 0; i < kLookBack && place != lane.begin(); ++i) {
    if (!begins_before(block, *std::prev(place))) break;
    --place;
  }
  lane.insert(place, block);
  ++size_;
  newest_us_ = std::max(newest_us_, block.end_us);
  drop_old();
}

void BlockLog::drop_old() {
  const bool full = size_ > most_;
  for (auto it = lanes_.begin(); it != lanes_.end();) {
    std::deque<Block>& lane = it->second;
    while (!lane.empty() && lane.front().end_us < newest_us_ - keep_us_) {
      dropped_until_us_ = std::max(dropped_until_us_, lane.front().end_us);
      lane.pop_front();
      --size_;
    }
    it = lane.empty() ? lanes_.erase(it) : std::next(it);
  }
  if (!full || size_ <= most_) return;
  // Still too many: the oldest of all goes.
  auto oldest = lanes_.begin();
  for (auto it = lanes_.begin(); it != lanes_.end(); ++it) {
    if (begins_before(it->second.front(), oldest->second.front())) oldest = it;
  }
  dropped_until_us_ = std::max(dropped_until_us_, oldest->second.front().end_us);
  oldest->second.pop_front();
  --size_;
  if (oldest->second.empty()) lanes_.erase(oldest);
}

Lanes BlockLog::query(double from, double to, size_t pixels) const {
  const auto from_us = static_cast<int64_t>(from * 1e6);
  const auto to_us = static_cast<int64_t>(to * 1e6);
  Lanes found;
  found.truncated = dropped_until_us_ > from_us;
  for (const auto& [workload, blocks] : lanes_) {
    std::vector<Block> inside;
    BlockKind best = BlockKind::kMixed;
    Lane lane;
    for (const Block& block : blocks) {
      if (!overlaps(block, from_us, to_us)) continue;
      if (inside.empty() || block.kind < best) {
        best = block.kind;
        lane.source = block.label;
      }
      inside.push_back(block);
    }
    if (inside.empty()) continue;
    lane.workload = workload;
    lane.blocks = thin_out(inside, from_us, to_us, pixels);
    found.lanes.push_back(std::move(lane));
  }
  return found;
}

}  // namespace corun::monitoring
