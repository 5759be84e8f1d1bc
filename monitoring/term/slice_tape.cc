#include "monitoring/term/slice_tape.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace corun::monitoring {

namespace {

std::string lane_key(const std::string& gpu, const std::string& workload) {
  return gpu + " " + workload;
}

/// Which part of a cell a block fills; null: none.
double SliceTape::Cell::*part_of(std::string_view what) {
  if (what == "run" || what == "share" || what == "mixed") return &SliceTape::Cell::ran;
  if (what == "turn") return &SliceTape::Cell::turn;
  if (what == "wait") return &SliceTape::Cell::waited;
  if (what == "parked") return &SliceTape::Cell::parked;
  return nullptr;
}

std::string_view bar_of(double share) {
  static constexpr std::array<std::string_view, 9> kBars{" ", "▁", "▂", "▃", "▄",
                                                         "▅", "▆", "▇", "█"};
  if (share < 0.005) return kBars[0];
  return kBars[static_cast<size_t>(std::clamp(std::ceil(share * 8), 1.0, 8.0))];
}

}  // namespace

void SliceTape::add(const SliceBlock& block) {
  double Cell::*part = part_of(block.what);
  if (part == nullptr || block.end <= block.begin) return;
  auto& lane = lanes_[lane_key(block.gpu, block.workload)];
  const double whole = block.end - block.begin;
  const double seconds = block.what == "share" ? std::min(block.seconds, whole) : whole;
  lane.push_back({block.begin, block.end, seconds, part});
  newest_ = std::max(newest_, block.end);
  while (lane.size() > kMostPieces || lane.front().end < newest_ - keep_s_) lane.pop_front();
  if (lane.empty()) lanes_.erase(lane_key(block.gpu, block.workload));
}

std::vector<SliceTape::Cell> SliceTape::cells(const std::string& gpu, const std::string& workload,
                                              double from, double to, size_t count) const {
  std::vector<Cell> cells(count);
  const auto lane = lanes_.find(lane_key(gpu, workload));
  if (lane == lanes_.end() || count == 0 || to <= from) return cells;
  const double width = (to - from) / static_cast<double>(count);
  for (const Piece& piece : lane->second) {
    if (piece.end <= from || piece.begin >= to) continue;
    const double density = piece.seconds / (piece.end - piece.begin);
    const auto first = static_cast<size_t>(std::max(0.0, (piece.begin - from) / width));
    for (size_t i = first; i < count; ++i) {
      const double begin = from + static_cast<double>(i) * width;
      if (begin >= piece.end) break;
      const double common = std::min(piece.end, begin + width) - std::max(piece.begin, begin);
      double& share = cells[i].*piece.part;
      share = std::min(1.0, share + std::max(0.0, common) * density / width);
    }
  }
  return cells;
}

void add_strip(Line& line, const std::vector<SliceTape::Cell>& cells) {
  const bool runs =
      std::ranges::any_of(cells, [](const SliceTape::Cell& cell) { return cell.ran > 0; });
  for (const SliceTape::Cell& cell : cells) {
    const double share = runs ? cell.ran : cell.turn;
    if (cell.parked > 0.5) {
      line.add("░", Ink::kDim);
    } else if (share < 0.06 && cell.waited > 0.3) {
      line.add("·", Ink::kWarn);
    } else {
      line.add(bar_of(share), Ink::kInfo);
    }
  }
}

}  // namespace corun::monitoring
