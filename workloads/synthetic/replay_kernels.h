// The kernels of a replay's plan, fitted to this GPU.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include "core/result.h"
#include "workloads/synthetic/replay_plan.h"

namespace corun::synthetic {

/// GPU time of one launch of corun_burn in a full queue.
using MeasureBurn = std::function<Result<double>(uint32_t blocks, uint32_t iterations)>;
/// GPU time of the plan's kernels as one graph, with these iterations.
using MeasureWhole = std::function<Result<double>(const std::vector<uint32_t>& iterations)>;

struct FittedKernels {
  std::vector<uint32_t> iterations;  ///< by op of the plan; 0 for what is no kernel
  double gpu_us = 0;                 ///< what the lines say that the kernels take together
  size_t sizes = 0;                  ///< distinct grids that were measured
};

/// The time of each grid in the plan, by its iterations. Errors: those of `measure`.
Result<std::map<uint32_t, BurnLine>> fit_lines(const ReplayPlan& plan, uint32_t sm_count,
                                               const MeasureBurn& measure);
/// Each kernel's iterations for `scale` times its target.
FittedKernels fit_kernels(const ReplayPlan& plan, const std::map<uint32_t, BurnLine>& lines,
                          double scale = 1);
/// Scales the targets until the whole takes `span_us`, within 0.5 % where kernels can be as short
/// as that asks. Errors: those of `measure`.
Result<FittedKernels> fit_whole(const ReplayPlan& plan, const std::map<uint32_t, BurnLine>& lines,
                                double span_us, const MeasureWhole& measure);

}  // namespace corun::synthetic
