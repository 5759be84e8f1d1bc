// What a replay does with a recording: the same pieces of work in the same order, by kernels of
// corun_burn that take the same space on the SMs for the same time.
//
// Space. A block of corun_burn takes an eighth of an SM (256 of 2048 threads). A recorded kernel
// filled `grid / (blocks that fit on an SM * SMs)` of its GPU, in waves where that is above 1; its
// replay fills as much of this one, in as many waves (at most kMostWaves, none below
// kShortestWaveUs), so that a neighbour finds as much room, and finds it as often.
#pragma once

#include <cstdint>
#include <vector>

#include "workloads/synthetic/recording.h"

namespace corun::synthetic {

inline constexpr uint32_t kBurnBlocksPerSm = 8;
inline constexpr uint32_t kMostWaves = 16;
inline constexpr double kShortestWaveUs = 4;
/// Merged kernels last no longer: a kernel's end is where another process's work can come in.
inline constexpr double kMostMergedUs = 100;

struct ReplayOp {
  OpKind kind = OpKind::kKernel;
  uint32_t blocks = 0;   ///< of corun_burn, for a kernel
  double target_us = 0;  ///< from its begin to the next one's in a full queue
  uint64_t bytes = 0;    ///< of a copy or memset
  double due_us = 0;     ///< when the host submits it, after the step's begin
};

struct ReplayPlan {
  std::vector<ReplayOp> ops;
  double step_us = 0;        ///< of a step, as recorded without the profiler
  double host_us = 0;        ///< the host's part of a step
  double gpu_us = 0;         ///< the kernels' targets together
  double span_us = 0;        ///< from the first kernel's begin to the last one's end
  uint32_t launches = 0;     ///< kernels of a step
  size_t first_kernel = 0;   ///< into ops
  size_t after_kernels = 0;  ///< into ops: one behind the last kernel
};

/// How many blocks of a kernel an SM holds at once; at least 1.
uint32_t resident_blocks(const RecordedShape& shape, const RecordedGpu& gpu);

/// Blocks of corun_burn on a GPU of `sm_count` SMs for a kernel that takes `duration_us`.
uint32_t burn_blocks(const RecordedShape& shape, double duration_us, const RecordedGpu& gpu,
                     uint32_t sm_count);

/// From the recorded step whose GPU time is the median. `merge`: kernels of like size in a row
/// become one that takes as long as they together.
ReplayPlan plan_replay(const Recording& recording, uint32_t sm_count, bool merge);

/// Time of corun_burn with so many blocks, by its iterations.
struct BurnLine {
  double base_us = 0;
  double slope_us = 1;  ///< > 0
  /// At least 1, since a kernel is launched in any case.
  uint32_t iterations(double target_us) const;
  double time_us(uint32_t iterations) const { return base_us + slope_us * iterations; }
};
/// Through two measurements; a time that does not grow gives a line with the least slope.
BurnLine burn_line(uint32_t iterations_1, double us_1, uint32_t iterations_2, double us_2);

}  // namespace corun::synthetic
