// The policy `quota`: minimum and maximum shares.
#include <gtest/gtest.h>

#include "tests/policy/node.h"

namespace corun::policy {
namespace {

Workload bounded(std::string name, double least, double most, double weight = 1) {
  Workload one = workload(std::move(name), ServiceClass::kNormal, weight);
  one.min_share = least;
  one.max_share = most;
  return one;
}

double work_us(const SessionState& session) { return session.slice_us - 33.0; }

/// Fraction of the ticks in which each of the sessions 1 and 2 could work.
std::pair<double, double> open_for(Node& node, int ticks, const std::set<SessionId>& busy) {
  int first = 0;
  int second = 0;
  for (int i = 0; i < ticks; ++i) {
    node.tick(kMs, busy);
    first += node[1].turn_open ? 1 : 0;
    if (node.state.sessions.contains(2)) second += node[2].turn_open ? 1 : 0;
  }
  return {first / double(ticks), second / double(ticks)};
}

class Quota : public testing::Test {
 protected:
  void SetUp() override { node.use(PolicyKind::kQuota); }
  Node node;
};

TEST_F(Quota, AMinimumIsMetBySlices) {
  node.join(1, bounded("a", 0.6, 1));
  node.join(2, bounded("b", 0, 1, 9));
  EXPECT_NEAR(work_us(node[1]) / (work_us(node[1]) + work_us(node[2])), 0.6, 0.001);
  EXPECT_FALSE(node.state.turns);
}

TEST_F(Quota, AMinimumThatIsNotDemandedGoesToTheOthers) {
  node.join(1, bounded("a", 0.6, 1));
  node.join(2, bounded("b", 0, 1));
  node.join(3, bounded("c", 0, 1));
  for (int i = 0; i < 12; ++i) node.tick(100 * kMs, {2, 3});
  EXPECT_NEAR(node[2].slice_us, 21'000, 100);
}

TEST_F(Quota, AMaximumHoldsThoughNobodyElseIsThere) {
  node.join(1, bounded("a", 0, 0.3));
  const auto [open, unused] = open_for(node, 3000, {1});
  EXPECT_NEAR(open, 0.3, 0.01);
}

TEST_F(Quota, AMaximumHoldsBesideAnIdleOne) {
  node.join(1, bounded("a", 0, 0.25));
  node.join(2, bounded("b", 0, 1));
  for (int i = 0; i < 12; ++i) node.tick(100 * kMs, {1});
  const auto [open, unused] = open_for(node, 3000, {1});
  EXPECT_NEAR(open, 0.25, 0.01);
}

TEST_F(Quota, WhatAMaximumLeavesGoesToTheOther) {
  node.join(1, bounded("a", 0, 0.25));
  node.join(2, bounded("b", 0, 1));
  const auto [capped, other] = open_for(node, 4000, {1, 2});
  EXPECT_NEAR(capped, 0.25, 0.01);
  EXPECT_NEAR(other, 0.75, 0.01);
}

TEST_F(Quota, TwoMaximaBelowOneLeaveTheGpuIdle) {
  node.join(1, bounded("a", 0, 0.3));
  node.join(2, bounded("b", 0, 0.5));
  const auto [first, second] = open_for(node, 4000, {1, 2});
  EXPECT_NEAR(first, 0.3, 0.01);
  EXPECT_NEAR(second, 0.5, 0.01);
}

TEST_F(Quota, AMaximumIsNotExceededWhenTheOtherPassesItsTurns) {
  node.join(1, bounded("a", 0, 0.4));
  node.join(2, bounded("b", 0, 0.4));
  const auto [first, second] = open_for(node, 4000, {1});
  EXPECT_LE(first, 0.41);
}

TEST_F(Quota, ATinyMaximumStillGetsTurns) {
  node.join(1, bounded("a", 0, 0.005));
  node.join(2, bounded("b", 0, 1));
  const auto [tiny, other] = open_for(node, 8000, {1, 2});
  EXPECT_GT(tiny, 0.003);
  EXPECT_LT(tiny, 0.02);
}

TEST(QuotaElsewhere, AMaximumHoldsBesideLatencyCriticalToo) {
  Node node;
  node.join(1, bounded("a", 0, 0.5));
  node.join(3, workload("serve", ServiceClass::kLatencyCritical));
  int open = 0;
  constexpr int kTicks = 2000;
  for (int i = 0; i < kTicks; ++i) {
    node.tick(kMs, {1, 3});
    open += node[1].turn_open ? 1 : 0;
  }
  EXPECT_NEAR(open / double{kTicks}, 0.5, 0.01);
}

}  // namespace
}  // namespace corun::policy
