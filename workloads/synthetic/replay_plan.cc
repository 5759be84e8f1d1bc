#include "workloads/synthetic/replay_plan.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/check.h"
#include "core/stats/quantile.h"

namespace corun::synthetic {

namespace {

constexpr uint32_t kMostResident = 32;
constexpr uint32_t kWarp = 32;
constexpr uint32_t kRegisterUnit = 8;      // of a thread
constexpr uint32_t kSharedOfBlock = 1024;  // what the system takes of each block's
constexpr double kLongestCloseGapUs = 5;   // kernels further apart wait for the host
constexpr double kLeastSlopeUs = 1e-6;

uint32_t rounded_up(uint32_t value, uint32_t unit) { return (value + unit - 1) / unit * unit; }

double kernel_time(const RecordedStep& step) {
  double sum = 0;
  for (const RecordedOp& op : step.ops) {
    if (op.kind == OpKind::kKernel) sum += op.duration_us;
  }
  return sum;
}

const RecordedStep& typical_step(const Recording& recording) {
  std::vector<const RecordedStep*> steps;
  for (const RecordedStep& step : recording.steps) steps.push_back(&step);
  std::sort(steps.begin(), steps.end(), [](const RecordedStep* a, const RecordedStep* b) {
    return kernel_time(*a) < kernel_time(*b);
  });
  return *steps[(steps.size() - 1) / 2];
}

/// Between kernels that the GPU had in its queue; the median, 0 where there are none.
double close_gap(const RecordedStep& step) {
  std::vector<double> gaps;
  for (size_t i = 1; i < step.ops.size(); ++i) {
    const RecordedOp& before = step.ops[i - 1];
    const double gap = step.ops[i].start_us - (before.start_us + before.duration_us);
    if (before.kind == OpKind::kKernel && gap >= 0 && gap < kLongestCloseGapUs) gaps.push_back(gap);
  }
  if (gaps.empty()) return 0;
  std::sort(gaps.begin(), gaps.end());
  return stats::quantile_of_sorted(gaps, 0.5);
}

/// Few distinct sizes, since each is fitted by itself: below an eighth of an SM each a power of
/// two, else multiples of that.
uint32_t coarse(double blocks, uint32_t sm_count) {
  const double unit = std::max(1.0, sm_count / 8.0);
  if (blocks >= unit) return static_cast<uint32_t>(std::lround(std::round(blocks / unit) * unit));
  const double power = std::round(std::log2(std::max(1.0, blocks)));
  return static_cast<uint32_t>(std::lround(std::exp2(power)));
}

ReplayOp planned(const RecordedOp& op, const Recording& recording, uint32_t sm_count, double gap) {
  ReplayOp result{.kind = op.kind, .bytes = op.bytes};
  if (op.kind != OpKind::kKernel) return result;
  result.target_us = op.duration_us + gap;
  result.blocks = burn_blocks(recording.shapes[op.shape], op.duration_us, recording.gpu, sm_count);
  return result;
}

std::vector<ReplayOp> merged(const std::vector<ReplayOp>& ops) {
  std::vector<ReplayOp> result;
  for (const ReplayOp& op : ops) {
    const bool joins = !result.empty() && op.kind == OpKind::kKernel &&
                       result.back().kind == OpKind::kKernel && result.back().blocks == op.blocks &&
                       result.back().target_us + op.target_us <= kMostMergedUs;
    if (joins) {
      result.back().target_us += op.target_us;
    } else {
      result.push_back(op);
    }
  }
  return result;
}

}  // namespace

uint32_t resident_blocks(const RecordedShape& shape, const RecordedGpu& gpu) {
  const uint32_t threads = rounded_up(shape.block_threads, kWarp);
  uint32_t blocks = std::min(kMostResident, gpu.threads_per_sm / threads);
  if (shape.registers > 0) {
    const uint32_t registers = rounded_up(shape.registers, kRegisterUnit) * threads;
    blocks = std::min(blocks, gpu.registers_per_sm / registers);
  }
  blocks = std::min(blocks, gpu.shared_bytes_per_sm / (shape.shared_bytes + kSharedOfBlock));
  return std::max(blocks, 1U);
}

uint32_t burn_blocks(const RecordedShape& shape, double duration_us, const RecordedGpu& gpu,
                     uint32_t sm_count) {
  const double room = static_cast<double>(resident_blocks(shape, gpu)) * gpu.sm_count;
  const double waves = static_cast<double>(shape.grid_blocks) / room;
  const double full = static_cast<double>(kBurnBlocksPerSm) * sm_count;
  if (waves <= 1) return coarse(waves * full, sm_count);
  const double most =
      std::clamp(std::floor(duration_us / kShortestWaveUs), 1.0, static_cast<double>(kMostWaves));
  if (std::ceil(waves) > most) return static_cast<uint32_t>(most * full);
  // The last wave fills its part of the GPU, to an eighth.
  return static_cast<uint32_t>(std::round(waves * kBurnBlocksPerSm)) * sm_count;
}

ReplayPlan plan_replay(const Recording& recording, uint32_t sm_count, bool merge) {
  const RecordedStep& step = typical_step(recording);
  const double gap = close_gap(step);
  ReplayPlan plan;
  plan.step_us = recording.step_us;
  // The profiler slowed the host down: its times shrink so that a step fits into step_us.
  const double scale = step.host_us > 0 ? std::min(1.0, recording.step_us / step.host_us) : 1.0;
  plan.host_us = step.host_us * scale;
  std::vector<ReplayOp> ops;
  double due_us = 0;
  for (const RecordedOp& op : step.ops) {
    ReplayOp next = planned(op, recording, sm_count, gap);
    // In the order in which the GPU did them, which is that of the stream they are replayed in.
    due_us = std::max(due_us, (op.launch_us - step.host_begin_us) * scale);
    next.due_us = due_us;
    ops.push_back(next);
  }
  plan.ops = merge ? merged(ops) : std::move(ops);
  double begin_us = std::numeric_limits<double>::infinity(), end_us = -begin_us;
  for (const RecordedOp& op : step.ops) {
    if (op.kind != OpKind::kKernel) continue;
    begin_us = std::min(begin_us, op.start_us);
    end_us = std::max(end_us, op.start_us + op.duration_us);
  }
  plan.span_us = end_us - begin_us;
  plan.first_kernel = plan.ops.size();
  for (size_t i = 0; i < plan.ops.size(); ++i) {
    if (plan.ops[i].kind != OpKind::kKernel) continue;
    plan.first_kernel = std::min(plan.first_kernel, i);
    plan.after_kernels = i + 1;
    plan.gpu_us += plan.ops[i].target_us;
    ++plan.launches;
  }
  return plan;
}

uint32_t BurnLine::iterations(double target_us) const {
  return static_cast<uint32_t>(
      std::lround(std::clamp((target_us - base_us) / slope_us, 1.0, 4.0e9)));
}

BurnLine burn_line(uint32_t iterations_1, double us_1, uint32_t iterations_2, double us_2) {
  CORUN_CHECK(iterations_1 < iterations_2, "a line needs two points in order");
  const double slope = std::max(kLeastSlopeUs, (us_2 - us_1) / (iterations_2 - iterations_1));
  return {.base_us = us_1 - slope * iterations_1, .slope_us = slope};
}

}  // namespace corun::synthetic
