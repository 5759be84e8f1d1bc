// How long the device's owner may sleep. That no result comes before next_result() in any program
// is tested with random ones (engine_property_test.cc); here, that it is told late enough to help.
#include "tests/simgpu/engine_bench.h"

namespace corun::simgpu {
namespace {

std::shared_ptr<std::vector<GraphNode>> kernels(int count, double us) {
  return std::make_shared<std::vector<GraphNode>>(count, full_kernel(us));
}

class Lookahead : public testing::Test {
 protected:
  /// Wakes when the device says so until it has nothing to do; how often that was.
  int wake_until_idle() {
    int wakes = 0;
    for (auto due = device.next_result(); due; due = device.next_result()) {
      device.advance(*due, log);
      ++wakes;
    }
    return wakes;
  }

  Device device{h100(), {}};
  std::vector<Completion> log;
};

TEST_F(Lookahead, TheOwnerSleepsThroughTheNodesOfAGraph) {
  const Lane lane = add_lane(device);
  device.submit(lane.stream, GraphWork{kernels(20, 30)}, 0, {});
  EXPECT_LE(wake_until_idle(), 2);  // the first context's restore is one more reason
  EXPECT_EQ(log.size(), 1U);
  EXPECT_GE(device.events(), 40U);
}

TEST_F(Lookahead, TheOwnerSleepsThroughWavesOfBlocks) {
  const Lane lane = add_lane(device);
  KernelWork kernel = full_kernel(20);
  kernel.blocks *= 40;
  device.submit(lane.stream, kernel, 0, {});
  EXPECT_LE(wake_until_idle(), 10);
  EXPECT_EQ(log.size(), 1U);
}

TEST_F(Lookahead, AGraphWaitsForTheSlicesOfOthers) {
  const Lane busy = add_lane(device);
  const Lane lane = add_lane(device);
  device.submit(busy.stream, full_kernel(20'000), 0, {});
  device.submit(lane.stream, GraphWork{kernels(20, 30)}, 0, {});
  EXPECT_LE(wake_until_idle(), 60);  // 20.6 ms in all, with a switch every 2 ms
  EXPECT_EQ(log.size(), 2U);
}

TEST_F(Lookahead, EventsDoNotPileUp) {
  const Lane lane = add_lane(device);
  KernelWork kernel = full_kernel(20);
  kernel.blocks *= 500;
  device.submit(lane.stream, kernel, 0, {});
  device.advance(at_us(1000), log);
  EXPECT_GT(*device.next_result(), at_us(1500));
  EXPECT_LT(*device.next_result(), at_us(2500));
}

TEST_F(Lookahead, AHostFunctionInAGraphIsAResult) {
  const Lane lane = add_lane(device);
  const auto nodes = kernels(2, 100);
  nodes->insert(nodes->begin() + 1, HostWork{});
  device.submit(lane.stream, GraphWork{nodes}, 0, {});
  while (log.empty()) device.advance(device.next_result().value(), log);
  EXPECT_EQ(log[0].kind, CompletionKind::kReached);
  EXPECT_LT(log[0].at, at_us(200));
  EXPECT_EQ(device.next_result(), std::nullopt);  // until it is resumed
}

TEST_F(Lookahead, AFaultInsideAGraphIsAResult) {
  const Lane lane = add_lane(device);
  const auto nodes = kernels(3, 100);
  std::get<KernelWork>((*nodes)[1]).illegal_address = true;
  device.submit(lane.stream, GraphWork{nodes}, 0, {});
  Instant now;
  for (; log.empty(); device.advance(now, log)) now = device.next_result().value();
  EXPECT_EQ(log[0].kind, CompletionKind::kFailed);
  EXPECT_EQ(log[0].at, now);
}

}  // namespace
}  // namespace corun::simgpu
