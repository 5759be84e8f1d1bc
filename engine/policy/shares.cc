#include "engine/policy/shares.h"

#include <algorithm>
#include <cmath>

namespace corun::policy {

namespace {

struct Bounded {
  double weight, low, high, share;
};

/// One step of water filling: bounds that the present level breaks become fixed; true if any did.
bool fix_broken(std::vector<Bounded>& all, std::vector<bool>& fixed, double total) {
  double free = total;
  double weights = 0;
  for (size_t i = 0; i < all.size(); ++i) {
    if (fixed[i]) free -= all[i].share;
    if (!fixed[i]) weights += all[i].weight;
  }
  // Whether the bounds take or leave more decides which side is fixed first (the other side may
  // come free again by it).
  double excess = 0;
  for (size_t i = 0; i < all.size(); ++i) {
    if (fixed[i]) continue;
    const double level = weights > 0 ? free * all[i].weight / weights : 0;
    all[i].share = std::clamp(level, all[i].low, all[i].high);
    excess += all[i].share - level;
  }
  bool any = false;
  for (size_t i = 0; i < all.size(); ++i) {
    if (fixed[i]) continue;
    const double level = weights > 0 ? free * all[i].weight / weights : 0;
    const bool broken = excess >= 0 ? level < all[i].low : level > all[i].high;
    if (!broken) continue;
    fixed[i] = true;
    any = true;
  }
  return any;
}

}  // namespace

std::vector<double> fill_shares(std::span<const ShareBounds> demands) {
  const auto count = static_cast<double>(demands.size());
  const double least = std::min(kLeastShare, 0.5 / std::max(1.0, count));
  std::vector<Bounded> all;
  all.reserve(demands.size());
  double lows = 0;
  double highs = 0;
  for (const ShareBounds& demand : demands) {
    const double high = std::clamp(demand.max_share, 0.0, 1.0);
    const double low = std::min(std::clamp(demand.min_share, least, 1.0), high);
    all.push_back({demand.weight, low, high, 0});
    lows += low;
    highs += high;
  }
  if (lows > 1) {
    for (Bounded& one : all) one.low /= lows;
  }
  std::vector<bool> fixed(all.size(), false);
  while (fix_broken(all, fixed, std::min(1.0, highs))) {
  }
  std::vector<double> shares;
  shares.reserve(all.size());
  for (const Bounded& one : all) shares.push_back(one.share);
  return shares;
}

double round_work_us(std::span<const SliceDemand> demands, Nanos quantum) {
  double groups = 0;
  double smallest = 1;
  double largest = 0;
  for (const SliceDemand& demand : demands) {
    groups += demand.groups;
    smallest = std::min(smallest, demand.share / demand.groups);
    largest = std::max(largest, demand.share / demand.groups);
  }
  const double quantum_us = to_micros(quantum);
  double round_us = std::clamp(kOnePercentWorkUs * groups, quantum_us, 2 * quantum_us);
  if (smallest <= 0 || largest <= 0) return round_us;
  round_us = std::max(round_us, (kShortestTurnUs - kSliceLossUs) / smallest);
  return std::min(round_us, (kLongSliceUs - kSliceLossUs) / largest);
}

uint32_t slice_us(const SliceDemand& demand, double round_us) {
  const double work = demand.share * round_us / std::max(1U, demand.groups);
  const double slice = std::clamp(kSliceLossUs + work, kSliceLossUs + 1, double{kLongSliceUs});
  return static_cast<uint32_t>(std::lround(slice));
}

}  // namespace corun::policy
