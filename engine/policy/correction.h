// Shares held against what was measured.
//
// Slices in proportion to the weights give the weights only to workloads whose queues are never
// empty. A training that copies its batch to the device between two steps gives up the rest of its
// slice at each copy: of two with equal weights it got 41 % (measured, results/h200/pairs). So the
// slices of workloads are lengthened and shortened until what they got is what they were to get.
// Where a step is about as long as a slice no length gives the share (a little shorter, and a step
// takes two rounds): then what is owed makes the slices alternate, and the share holds over
// seconds.
//
// And where all work that a workload has at a time fits into any slice, lengths do nothing: of two
// servers that are asked back to back each waits for its answer before it has more work, and they
// alternate whatever their slices (3 : 1 became 50 : 50, measured, results/h200/published). Whoever
// gets clearly less than its share for some judgements in a row, though its slices are not below it
// and a thread of it waits for the GPU, is taken for one of these; turns by the clock then hold the
// others back.
#pragma once

#include <vector>

#include "engine/policy/view.h"

namespace corun::policy {

/// Measured GPU time of all contenders together between two judgements.
inline constexpr Nanos kJudgedTime = std::chrono::milliseconds(450);
/// What was got may be off by so much, as a ratio, before slices change.
inline constexpr double kShareTolerance = 0.015;
/// Slices of a share differ from it by this factor at most, and 1 / this at least.
inline constexpr double kMostCorrection = 2.5;

/// Less than so much of a share counts as clearly less, if a thread waited in most looks, and so
/// many judgements in a row are believed.
inline constexpr double kClearlyLess = 0.85;
inline constexpr double kMostLooks = 0.7;
/// Who has shown work in fewer looks had none for a part of the time, which is not judged then.
inline constexpr double kAllLooks = 0.9;
inline constexpr int kStarvedFor = 3;

/// `shares`: beside view.workloads, 0 for those that do not contend. Returns them as slices are to
/// be in proportion to: the same sum. Learns in `state` from the GPU times of its sessions' last
/// readings, and whether slices fail; begins anew when shares or contenders change, or nothing is
/// measured.
std::vector<double> correct_shares(const View& view, const std::vector<double>& shares,
                                   State& state);

}  // namespace corun::policy
