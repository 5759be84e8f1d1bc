// The arithmetic of shares and slices, without state.
//
// A slice of q us does about q - 33 us of work and occupies the GPU for q + 179 us, the switch
// included (measured over eight pairs of slices, results/h200/first-readings). So slices are
// 33 us + work, with work in proportion to the shares, and long ones lose little.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/clock.h"

namespace corun::policy {

inline constexpr double kSliceLossUs = 33;  ///< of a slice, no work is done in these
inline constexpr double kSwitchUs = 179;    ///< behind a slice, the GPU changes the group
inline constexpr uint32_t kLongSliceUs = 1'000'000;
inline constexpr uint32_t kShortestTurnUs = 5'000;  ///< no slice by weight is shorter, where it can
/// Work per slice at which 1 % is lost between saturating channel groups: 99 x (33 + 179) us.
inline constexpr double kOnePercentWorkUs = 99 * (kSliceLossUs + kSwitchUs);
/// No workload that is entitled to anything gets less than this.
inline constexpr double kLeastShare = 0.01;

struct ShareBounds {
  double weight = 1.0;
  double min_share = 0.0;
  double max_share = 1.0;
};
/// Shares of one GPU in proportion to the weights, each within its bounds, none below kLeastShare
/// (or half an equal share, where there are many). They sum up to 1, or to the sum of the maxima
/// where that is less. Minima that sum up to more than 1 shrink in proportion.
std::vector<double> fill_shares(std::span<const ShareBounds> demands);

struct SliceDemand {
  double share = 0.0;   ///< of the workload
  uint32_t groups = 1;  ///< active compute channel groups that divide it
};
/// Work of all turns of a round together, us: as much as loses 1 %, within one and two quanta; more
/// where the smallest slice would be below kShortestTurnUs, up to slices of a second.
double round_work_us(std::span<const SliceDemand> demands, Nanos quantum);
/// Slice of each channel group of a workload, us.
uint32_t slice_us(const SliceDemand& demand, double round_us);

}  // namespace corun::policy
