#include "workloads/synthetic/replay_kernels.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace corun::synthetic {

namespace {

// Two points of a line, divided by the waves: about 70 and 280 us each with eight blocks an SM.
constexpr uint32_t kShortBurn = 256;
constexpr uint32_t kLongBurn = 1024;
constexpr int kWholeRounds = 6;
constexpr double kWholeTolerance = 0.005;
constexpr double kLeastScale = 0.05;
constexpr double kMostScale = 4;

}  // namespace

Result<std::map<uint32_t, BurnLine>> fit_lines(const ReplayPlan& plan, uint32_t sm_count,
                                               const MeasureBurn& measure) {
  std::map<uint32_t, BurnLine> lines;
  for (const ReplayOp& op : plan.ops) {
    if (op.kind != OpKind::kKernel || lines.contains(op.blocks)) continue;
    const uint32_t full = kBurnBlocksPerSm * sm_count;
    const uint32_t waves = std::max(1U, (op.blocks + full - 1) / full);
    const uint32_t few = kShortBurn / waves, many = kLongBurn / waves;
    CORUN_ASSIGN(const double few_us, measure(op.blocks, few));
    CORUN_ASSIGN(const double many_us, measure(op.blocks, many));
    lines.emplace(op.blocks, burn_line(few, few_us, many, many_us));
  }
  return lines;
}

FittedKernels fit_kernels(const ReplayPlan& plan, const std::map<uint32_t, BurnLine>& lines,
                          double scale) {
  FittedKernels fitted;
  fitted.sizes = lines.size();
  for (const ReplayOp& op : plan.ops) {
    if (op.kind != OpKind::kKernel) {
      fitted.iterations.push_back(0);
      continue;
    }
    const BurnLine& line = lines.at(op.blocks);
    fitted.iterations.push_back(line.iterations(op.target_us * scale));
    fitted.gpu_us += line.time_us(fitted.iterations.back());
  }
  return fitted;
}

Result<FittedKernels> fit_whole(const ReplayPlan& plan, const std::map<uint32_t, BurnLine>& lines,
                                double span_us, const MeasureWhole& measure) {
  double scale = 1;
  FittedKernels best;
  double best_off_us = std::numeric_limits<double>::infinity();
  for (int round = 0; round < kWholeRounds; ++round) {
    FittedKernels fitted = fit_kernels(plan, lines, scale);
    CORUN_ASSIGN(const double whole_us, measure(fitted.iterations));
    const double off_us = std::abs(whole_us - span_us);
    const double missing_us = span_us - whole_us;
    if (off_us < best_off_us) {
      best_off_us = off_us;
      best = std::move(fitted);
      best.gpu_us = whole_us;
    }
    const double next = std::clamp(scale + missing_us / plan.gpu_us, kLeastScale, kMostScale);
    if (off_us <= kWholeTolerance * span_us || next == scale) break;
    scale = next;
  }
  return best;
}

}  // namespace corun::synthetic
