// The policy `fair`: weights, whatever the class.
#include <gtest/gtest.h>

#include "tests/policy/node.h"

namespace corun::policy {
namespace {

double work(const SessionState& session) { return session.slice_us - 33.0; }

TEST(Fair, ClassesDoNotMatter) {
  Node node;
  node.use(PolicyKind::kFair);
  node.join(1, workload("serve", ServiceClass::kLatencyCritical));
  node.join(2, workload("train", ServiceClass::kBestEffort));
  EXPECT_EQ(node[1].slice_us, node[2].slice_us);
  EXPECT_EQ(node[1].gate, -1);
  EXPECT_EQ(node[2].armed, 0U);
}

TEST(Fair, SlicesFollowTheWeights) {
  Node node;
  node.use(PolicyKind::kFair);
  node.join(1, workload("a", ServiceClass::kNormal, 3));
  node.join(2, workload("b"));
  node.join(3, workload("c"));
  EXPECT_NEAR(work(node[1]) / work(node[2]), 3, 0.001);
  EXPECT_EQ(node[2].slice_us, node[3].slice_us);
}

TEST(Fair, ContextsDivideAWorkloadsSlice) {
  Node node;
  node.use(PolicyKind::kFair);
  node.join(1, workload("a"));
  node.join(2, workload("b"));
  Tick tick;
  tick.readings[1].contexts = 2;
  tick.readings[1].launches = 1;
  tick.readings[2].contexts = 1;
  tick.readings[2].launches = 1;
  node.event(tick);
  EXPECT_NEAR(work(node[2]) / work(node[1]), 2, 0.001);
}

TEST(Fair, AnIdleWorkloadDoesNotCountButKeepsASlice) {
  Node node;
  node.use(PolicyKind::kFair);
  node.join(1, workload("a"));
  node.join(2, workload("b"));
  node.join(3, workload("idle"));
  for (int i = 0; i < 12; ++i) node.tick(100 * kMs, {1, 2});
  EXPECT_NEAR(node[1].slice_us, 21'000, 100);
  EXPECT_GE(node[3].slice_us, 5'000U);
  node.tick(100 * kMs, {1, 2, 3});
  EXPECT_EQ(node[1].slice_us, node[3].slice_us);
}

TEST(Fair, WithoutSlicesUnequalWeightsTakeTurns) {
  Node node;
  node.use(PolicyKind::kFair);
  node.on({.slices = false, .gate = true, .mps = false});
  node.join(1, workload("a"));
  node.join(2, workload("b"));
  EXPECT_FALSE(node.state.turns);
  node.event(Changed{workload("a", ServiceClass::kNormal, 3)});
  ASSERT_TRUE(node.state.turns);
  int first = 0;
  constexpr int kTicks = 2000;
  for (int i = 0; i < kTicks; ++i) {
    node.tick(10 * kMs, {1, 2});
    EXPECT_NE(node[1].turn_open, node[2].turn_open);
    if (node[1].turn_open) ++first;
  }
  EXPECT_NEAR(first / double{kTicks}, 0.75, 0.01);
}

}  // namespace
}  // namespace corun::policy
