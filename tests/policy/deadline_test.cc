// The policy `deadline`: how the leak follows the measured p99.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/policy/node.h"

namespace corun::policy {
namespace {

class Deadline : public testing::Test {
 protected:
  void SetUp() override {
    node.use(PolicyKind::kDeadline);
    Workload serve = workload("serve", ServiceClass::kLatencyCritical);
    serve.latency_target = 10 * kMs;
    node.join(1, serve);
    node.join(2, workload("train"));
  }

  std::vector<Action> bursts(size_t count, Nanos each, Nanos step = 100 * kMs) {
    node.now = node.now + step;
    Tick tick;
    tick.readings[1].new_bursts.assign(count, each);
    return node.event(tick);
  }
  double leak() { return node.state.leak["0/serve"]; }

  Node node;
};

TEST_F(Deadline, StartsWithoutALeak) {
  EXPECT_EQ(node[1].close_permille, 1000U);
  EXPECT_EQ(node[1].gate, 0);
  EXPECT_EQ(node[2].slice_us, 1U);
}

TEST_F(Deadline, RoomBelowTheTargetRaisesTheLeak) {
  const auto actions = of_kind<SetClosePermille>(bursts(100, 5 * kMs));
  ASSERT_EQ(actions.size(), 1U);
  EXPECT_EQ(actions[0].first.permille, 980U);
  EXPECT_THAT(actions[0].second, testing::HasSubstr("2.0 %"));
}

TEST_F(Deadline, BetweenEightyPercentAndTheTargetItRests) {
  bursts(100, 5 * kMs);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(bursts(100, 9 * kMs).empty());
  EXPECT_DOUBLE_EQ(leak(), 0.02);
}

TEST_F(Deadline, AMissHalvesTheLeakAndLetsItRest) {
  for (int i = 0; i < 10; ++i) bursts(100, kMs);
  EXPECT_NEAR(leak(), 0.2, 1e-9);
  bursts(100, 11 * kMs);
  EXPECT_NEAR(leak(), 0.1, 1e-9);
  bursts(100, kMs);
  EXPECT_NEAR(leak(), 0.1, 1e-9);
  bursts(100, kMs, 3000 * kMs);
  EXPECT_NEAR(leak(), 0.12, 1e-9);
}

TEST_F(Deadline, OneSlowBurstOfAHundredIsNotTheP99) {
  bursts(1, 50 * kMs);
  bursts(99, kMs);
  EXPECT_DOUBLE_EQ(leak(), 0.02);
}

TEST_F(Deadline, TwoSlowBurstsOfAHundredAre) {
  for (int i = 0; i < 4; ++i) bursts(100, kMs);
  bursts(2, 50 * kMs);
  bursts(98, kMs);
  EXPECT_DOUBLE_EQ(leak(), 0.04);
}

TEST_F(Deadline, FewBurstsAreJudgedAfterTwoSeconds) {
  bursts(5, kMs);
  EXPECT_DOUBLE_EQ(leak(), 0);
  bursts(5, kMs, 2000 * kMs);
  EXPECT_DOUBLE_EQ(leak(), 0.02);
}

TEST_F(Deadline, RepeatedMissesEndTheLeak) {
  for (int i = 0; i < 3; ++i) bursts(100, kMs);
  for (int i = 0; i < 5; ++i) bursts(100, 20 * kMs);
  EXPECT_EQ(leak(), 0);
  EXPECT_EQ(node[1].close_permille, 1000U);
}

TEST_F(Deadline, TheLeakStopsAtOne) {
  for (int i = 0; i < 80; ++i) bursts(100, kMs);
  EXPECT_EQ(leak(), 1);
  EXPECT_EQ(node[1].close_permille, 0U);
}

TEST_F(Deadline, WithoutATargetTheLeakIsNone) {
  for (int i = 0; i < 5; ++i) bursts(100, kMs);
  node.event(Changed{workload("serve", ServiceClass::kLatencyCritical)});
  bursts(100, kMs);
  EXPECT_EQ(node[1].close_permille, 1000U);
}

TEST_F(Deadline, AnotherPolicyClosesEveryBurstAgain) {
  for (int i = 0; i < 5; ++i) bursts(100, kMs);
  node.use(PolicyKind::kPriority);
  EXPECT_EQ(node[1].close_permille, 1000U);
}

}  // namespace
}  // namespace corun::policy
