// The policy `rotate`: the whole GPU for one workload at a time.
#include <gtest/gtest.h>

#include "tests/policy/node.h"

namespace corun::policy {
namespace {

class Rotate : public testing::Test {
 protected:
  void SetUp() override {
    node.use(PolicyKind::kRotate);
    node.join(1, workload("a"));
    node.join(2, workload("b"));
  }
  int open() const {
    int count = 0;
    for (const auto& [id, session] : node.state.sessions) count += session.turn_open ? 1 : 0;
    return count;
  }
  Node node;
};

TEST_F(Rotate, OneWorkloadAtATimeForASecond) {
  const SessionId first = node[1].turn_open ? 1 : 2;
  for (int i = 0; i < 9; ++i) {
    node.tick(100 * kMs, {1, 2});
    EXPECT_TRUE(node[first].turn_open);
    EXPECT_EQ(open(), 1);
  }
  node.tick(100 * kMs, {1, 2});
  EXPECT_FALSE(node[first].turn_open);
  EXPECT_EQ(open(), 1);
}

TEST_F(Rotate, AllSessionsOfTheHolderWork) {
  node.join(3, workload("a"));
  for (int i = 0; i < 30; ++i) {
    node.tick(100 * kMs, {1, 2, 3});
    EXPECT_EQ(node[1].turn_open, node[3].turn_open);
    EXPECT_NE(node[1].turn_open, node[2].turn_open);
  }
}

TEST_F(Rotate, WeightsLengthenTurns) {
  node.event(Changed{workload("a", ServiceClass::kNormal, 3)});
  int first = 0;
  constexpr int kTicks = 2000;
  for (int i = 0; i < kTicks; ++i) {
    node.tick(100 * kMs, {1, 2});
    first += node[1].turn_open ? 1 : 0;
  }
  EXPECT_NEAR(first / double{kTicks}, 0.75, 0.03);
}

TEST_F(Rotate, AnIdleHolderPassesItsTurn) {
  const SessionId first = node[1].turn_open ? 1 : 2;
  const SessionId second = 3 - first;
  node.tick(100 * kMs, {second});
  EXPECT_TRUE(node[second].turn_open);
}

TEST_F(Rotate, AnIdleWorkloadStaysHeldAndIsProbedNowAndThen) {
  int open_ticks = 0;
  for (int i = 0; i < 1000; ++i) {
    node.tick(100 * kMs, {1});
    EXPECT_EQ(open(), 1);
    open_ticks += node[2].turn_open ? 1 : 0;
  }
  EXPECT_GE(open_ticks, 5);
  EXPECT_LE(open_ticks, 40);
}

TEST_F(Rotate, AWokenWorkloadGetsTheNextTurn) {
  for (int i = 0; i < 20; ++i) node.tick(100 * kMs, {1});
  EXPECT_TRUE(node[1].turn_open);
  for (int i = 0; i < 11 && !node[2].turn_open; ++i) node.tick(100 * kMs, {1, 2});
  EXPECT_TRUE(node[2].turn_open);
}

TEST_F(Rotate, AWorkloadAloneIsNotHeld) {
  node.leave(1);
  EXPECT_EQ(node[2].armed, 0U);
  EXPECT_TRUE(node[2].turn_open);
}

TEST_F(Rotate, LeavingItEndsTheTurns) {
  node.use(PolicyKind::kFair);
  EXPECT_EQ(open(), 2);
  EXPECT_EQ(node[1].armed | node[2].armed, 0U);
}

}  // namespace
}  // namespace corun::policy
