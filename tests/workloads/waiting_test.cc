#include "workloads/tenant/waiting.h"

#include <gtest/gtest.h>

#include <thread>

#include "core/abi/cuda.h"

namespace corun::tenant {
namespace {

struct Case {
  const char* name;
  WaitChoice choice;
  Processors processors;
  unsigned flag;
};

class GpuWait : public testing::TestWithParam<Case> {};

TEST_P(GpuWait, FollowsTheProcessors) {
  EXPECT_EQ(gpu_wait_flag(GetParam().choice, GetParam().processors), GetParam().flag);
}

INSTANTIATE_TEST_SUITE_P(
    All, GpuWait,
    testing::Values(
        Case{"alone_but_placed", WaitChoice::kAuto, {14, 16}, cuda::kContextScheduleYield},
        Case{"own_pair", WaitChoice::kAuto, {2, 16}, cuda::kContextScheduleYield},
        Case{"own_single", WaitChoice::kAuto, {1, 16}, cuda::kContextScheduleYield},
        Case{"not_placed", WaitChoice::kAuto, {16, 16}, cuda::kContextScheduleBlockingSync},
        Case{"asked_to_spin", WaitChoice::kSpin, {16, 16}, cuda::kContextScheduleSpin},
        Case{"asked_to_block", WaitChoice::kBlock, {2, 16}, cuda::kContextScheduleBlockingSync}),
    [](const auto& test) { return test.param.name; });

TEST(Waiter, NeverComesBackEarly) {
  for (const bool spin : {false, true}) {
    const Instant due = monotonic_now() + std::chrono::milliseconds(2);
    EXPECT_GE(Waiter(spin).until(due), due);
  }
}

TEST(Waiter, APastMomentTakesNoTime) {
  const Instant before = monotonic_now();
  EXPECT_GE(Waiter(true).until(Instant{0}), before);
}

TEST(Waiting, AsksForTheShortestSliceWhereTheKernelHasSlices) {
  std::thread([] {
    if (!slice_of_this_thread()) GTEST_SKIP() << "slices of threads came with Linux 6.12";
    ask_to_run_soon();
    EXPECT_EQ(slice_of_this_thread(), kShortestSlice);
  }).join();
}

TEST(Waiting, OnlyAMachineWithManyProcessorsSpendsThemOnWaiting) {
  EXPECT_EQ(spin_margin(false, 64), Nanos(0));
  EXPECT_EQ(spin_margin(true, 2), kShortSpin);
  EXPECT_EQ(spin_margin(true, kProcessorsForLongSpin), kLongSpin);
}

}  // namespace
}  // namespace corun::tenant
