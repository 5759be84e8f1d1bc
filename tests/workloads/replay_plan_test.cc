#include "workloads/synthetic/replay_plan.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "workloads/synthetic/replay_kernels.h"

namespace corun::synthetic {
namespace {

const RecordedGpu kRecordedGpu{.name = "r", .sm_count = 100};

Recording handwritten(const char* name) {
  return load_recording(std::string(CORUN_SOURCE_DIR "/tests/workloads/recordings/") + name, "/")
      .value();
}

/// A GPU on which a wave of burn blocks takes 1 us and 0.28 us for each iteration.
double burn_us(uint32_t blocks, uint32_t iterations, uint32_t sm_count) {
  const double waves = std::ceil(blocks / (8.0 * sm_count));
  return 0.5 + waves * (1.0 + 0.28 * iterations);
}

TEST(ReplayPlan, BlocksOnAnSmAreBoundByThreadsRegistersAndSharedMemory) {
  struct ResidentCase {
    uint32_t threads, shared, registers, blocks;
  };
  for (const ResidentCase& c :
       {ResidentCase{256, 0, 32, 8}, ResidentCase{256, 0, 0, 8}, ResidentCase{32, 0, 16, 32},
        ResidentCase{33, 0, 16, 32}, ResidentCase{1024, 0, 32, 2},
        ResidentCase{384, 196608, 168, 1}, ResidentCase{128, 0, 255, 2},
        ResidentCase{256, 50000, 32, 4}, ResidentCase{1024, 0, 255, 1}}) {
    const RecordedShape shape{.name = "k",
                              .block_threads = c.threads,
                              .shared_bytes = c.shared,
                              .registers = c.registers};
    EXPECT_EQ(resident_blocks(shape, kRecordedGpu), c.blocks) << c.threads << " " << c.shared;
  }
}

TEST(ReplayPlan, AKernelTakesAsMuchOfEachGpuInAsManyWaves) {
  struct SizeCase {
    RecordedShape shape;
    double us;
    uint32_t sm_count, blocks;
  };
  const RecordedShape gemm{"gemm", 100, 384, 196608, 168};  // one block fills an SM
  const RecordedShape half{"half", 50, 384, 196608, 168};
  const RecordedShape three{"three", 300, 384, 196608, 168};
  const RecordedShape tail{"tail", 250, 384, 196608, 168};
  const RecordedShape many{"many", 100'000, 128, 0, 24};  // 16 on an SM: 62.5 waves
  const RecordedShape one{"one", 1, 256, 0, 32};
  for (const SizeCase& c : {
           SizeCase{gemm, 100, 100, 800},
           SizeCase{gemm, 100, 132, 1056},
           SizeCase{half, 100, 100, 400},
           SizeCase{three, 100, 100, 2400},
           SizeCase{tail, 100, 100, 2000},
           SizeCase{three, 10, 100, 1600},    // two waves of 5 us: shorter ones are of no use
           SizeCase{many, 1000, 100, 12800},  // 16 waves at most
           SizeCase{many, 3, 100, 800},       // a single one
           SizeCase{one, 5, 100, 1},
       }) {
    EXPECT_EQ(burn_blocks(c.shape, c.us, kRecordedGpu, c.sm_count), c.blocks) << c.shape.name;
  }
}

TEST(ReplayPlan, TheStepWithTheMedianGpuTimeIsReplayedInItsOrder) {
  const ReplayPlan plan = plan_replay(handwritten("handwritten-request.json"), 100, false);
  ASSERT_EQ(plan.ops.size(), 32U);
  EXPECT_EQ(plan.launches, 30U);
  EXPECT_EQ(plan.ops.front().kind, OpKind::kCopyIn);
  EXPECT_EQ(plan.ops.front().bytes, 150528U);
  EXPECT_EQ(plan.first_kernel, 1U);
  EXPECT_EQ(plan.after_kernels, 31U);
  EXPECT_EQ(plan.ops[1].blocks, 800U);
  EXPECT_EQ(plan.ops[2].blocks, 400U);
  EXPECT_EQ(plan.ops[3].blocks, 2U) << "one of 512 threads";
  EXPECT_EQ(plan.ops[1].target_us, 42 + 1) << "and the gap to the next";
  // 52 us of kernels and 3 us of gaps, ten times, the last gap being none.
  EXPECT_NEAR(plan.span_us, 549, 1e-9);
}

TEST(ReplayPlan, TheHostsTimesShrinkToAStepWithoutTheProfiler) {
  const ReplayPlan plan = plan_replay(handwritten("handwritten-step.json"), 100, false);
  EXPECT_EQ(plan.step_us, 2000);
  EXPECT_NEAR(plan.host_us, 2000, 1e-9) << "recorded: 2500";
  EXPECT_NEAR(plan.ops[2].due_us, 50 * 0.8, 1e-9);
  for (size_t i = 1; i < plan.ops.size(); ++i) {
    EXPECT_GE(plan.ops[i].due_us, plan.ops[i - 1].due_us);
  }
  // The wait of the GPU for the host is still there.
  EXPECT_GT(plan.ops[14].due_us - plan.ops[13].due_us, 1000);
}

TEST(ReplayPlan, AllLaunchesAndTheirGpuTimeWithinOnePercentStayOnAnyGpu) {
  for (const char* name : {"handwritten-request.json", "handwritten-step.json"}) {
    const Recording recording = handwritten(name);
    for (const uint32_t sm_count : {16U, 100U, 132U}) {
      for (const bool merge : {false, true}) {
        const ReplayPlan plan = plan_replay(recording, sm_count, merge);
        const auto lines = fit_lines(plan, sm_count, [&](uint32_t blocks, uint32_t iterations) {
          return Result<double>(burn_us(blocks, iterations, sm_count));
        });
        ASSERT_TRUE(lines);
        const FittedKernels fitted = fit_kernels(plan, *lines);
        double replayed_us = 0;
        for (size_t i = 0; i < plan.ops.size(); ++i) {
          if (plan.ops[i].kind != OpKind::kKernel) continue;
          replayed_us += burn_us(plan.ops[i].blocks, fitted.iterations[i], sm_count);
        }
        const double whole_us = plan_replay(recording, sm_count, false).gpu_us;
        EXPECT_NEAR(replayed_us, whole_us, 0.01 * whole_us) << name << " " << sm_count;
        EXPECT_NEAR(fitted.gpu_us, replayed_us, 1e-6);
      }
    }
  }
}

TEST(ReplayPlan, OnlyLikeKernelsInARowAreMergedAndOnlyOnDemand) {
  const Recording recording = handwritten("handwritten-step.json");
  const ReplayPlan plain = plan_replay(recording, 100, false);
  const ReplayPlan merged = plan_replay(recording, 100, true);
  EXPECT_EQ(plain.launches, 16U);
  EXPECT_EQ(merged.launches, 13U) << "the four small ones at the end became one";
  EXPECT_NEAR(merged.gpu_us, plain.gpu_us, 1e-9);
  EXPECT_LE(merged.ops.back().target_us, kMostMergedUs);
  EXPECT_EQ(merged.ops[0].bytes, plain.ops[0].bytes);
}

TEST(ReplayKernels, AWholeGraphIsFittedToTheRecordedSpan) {
  const ReplayPlan plan = plan_replay(handwritten("handwritten-request.json"), 132, false);
  const auto lines = fit_lines(plan, 132, [](uint32_t blocks, uint32_t iterations) {
    return Result<double>(burn_us(blocks, iterations, 132));
  });
  // In a graph each kernel of this GPU costs 0.4 us less than by itself.
  int measured = 0;
  const auto whole = [&](const std::vector<uint32_t>& iterations) {
    ++measured;
    double us = 0;
    for (size_t i = 0; i < plan.ops.size(); ++i) {
      if (plan.ops[i].kind != OpKind::kKernel) continue;
      us += burn_us(plan.ops[i].blocks, iterations[i], 132) - 0.4;
    }
    return Result<double>(us);
  };
  const auto fitted = fit_whole(plan, *lines, plan.span_us, whole);
  ASSERT_TRUE(fitted);
  EXPECT_NEAR(fitted->gpu_us, plan.span_us, 0.005 * plan.span_us);
  EXPECT_LE(measured, 4);
}

TEST(ReplayKernels, WhatCannotBeAsShortIsAsShortAsCanBe) {
  const ReplayPlan plan = plan_replay(handwritten("handwritten-request.json"), 132, false);
  const std::map<uint32_t, BurnLine> slow = [&] {
    std::map<uint32_t, BurnLine> lines;
    for (const ReplayOp& op : plan.ops) lines[op.blocks] = {.base_us = 100, .slope_us = 1};
    return lines;
  }();
  const auto fitted = fit_whole(plan, slow, plan.span_us, [](const auto& iterations) {
    double us = 0;
    for (const uint32_t n : iterations) us += n > 0 ? 100.0 + n : 0.0;
    return Result<double>(us);
  });
  ASSERT_TRUE(fitted);
  EXPECT_EQ(std::set<uint32_t>(fitted->iterations.begin(), fitted->iterations.end()),
            (std::set<uint32_t>{0, 1}));
}

TEST(ReplayKernels, ALineThatDoesNotGrowStillGivesIterations) {
  EXPECT_EQ(burn_line(256, 10, 1024, 10).iterations(10), 256U);
  EXPECT_EQ(burn_line(256, 10, 1024, 40).iterations(5), 128U);
  EXPECT_EQ(burn_line(256, 10, 1024, 40).iterations(-5), 1U);
}

}  // namespace
}  // namespace corun::synthetic
