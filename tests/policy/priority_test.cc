// The policy `priority`, order by order.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/policy/node.h"

namespace corun::policy {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

constexpr ServiceClass kCritical = ServiceClass::kLatencyCritical;
constexpr ServiceClass kBestEffort = ServiceClass::kBestEffort;

TEST(Priority, ASessionAloneIsLeftAsTheDriverHasIt) {
  Node node;
  node.join(1, workload("a"));
  EXPECT_EQ(node[1].slice_us, 2000U);
  EXPECT_EQ(node[1].armed, 0U);
  EXPECT_EQ(node[1].gate, -1);
  EXPECT_TRUE(node[1].turn_open);
}

TEST(Priority, WithoutLatencyCriticalNothingIsArmed) {
  Node node;
  node.join(1, workload("a"));
  node.join(2, workload("b"));
  EXPECT_EQ(node[1].armed | node[2].armed, 0U);
  EXPECT_EQ(node[1].gate, -1);
}

TEST(Priority, TwoEqualsGetLongEqualSlices) {
  Node node;
  node.join(1, workload("a"));
  node.join(2, workload("b"));
  EXPECT_EQ(node[1].slice_us, node[2].slice_us);
  EXPECT_NEAR(node[1].slice_us, 21'000, 100);
}

TEST(Priority, ANormalWorkloadHasFourTimesTheWorkOfABestEffortOne) {
  Node node;
  node.join(1, workload("a"));
  node.join(2, workload("b", kBestEffort));
  EXPECT_NEAR((node[1].slice_us - 33.0) / (node[2].slice_us - 33.0), 4, 0.001);
}

TEST(Priority, AWorkloadOfTwoProcessesHasOneShare) {
  Node node;
  node.join(1, workload("a"));
  node.join(2, workload("a"));
  node.join(3, workload("b"));
  EXPECT_EQ(node[1].slice_us, node[2].slice_us);
  EXPECT_NEAR((node[3].slice_us - 33.0) / (node[1].slice_us - 33.0), 2, 0.001);
}

TEST(Priority, ALatencyCriticalSessionPreemptsTheOther) {
  Node node;
  node.join(1, workload("serve", kCritical));
  node.join(2, workload("train", kBestEffort));
  EXPECT_EQ(node[1].slice_us, 1'000'000U);
  EXPECT_EQ(node[2].slice_us, 1U);
  EXPECT_EQ(node[1].gate, 0);
  EXPECT_TRUE(node[1].hold);
  EXPECT_EQ(node[1].armed, 0U);
  EXPECT_EQ(node[2].armed, 0U);  // it cannot get onto a held GPU
  EXPECT_TRUE(node[2].turn_open);
}

TEST(Priority, WhereNothingCanHoldTheGpuGatesDo) {
  Node node;
  node.join(1, workload("serve", kCritical));
  node.join(2, workload("train", kBestEffort));
  node.state.sessions.at(1).last.cannot_hold = true;
  node.tick(kMs, {1, 2});
  EXPECT_FALSE(node[1].hold);
  EXPECT_EQ(node[1].linger_us, 0U);
  EXPECT_EQ(node[2].armed, 1U);
  EXPECT_EQ(node[2].wait_every_us, 100U);
}

TEST(Priority, SeveralOthersWaitForGatesThoughTheGpuIsHeld) {
  Node node;
  node.join(1, workload("serve", kCritical));
  node.join(2, workload("train", kBestEffort));
  node.join(3, workload("sweep", kBestEffort));
  EXPECT_TRUE(node[1].hold);
  EXPECT_EQ(node[2].armed & 1U, 1U);
  EXPECT_EQ(node[3].armed & 1U, 1U);
}

Node beside_kernels_of(uint32_t longest_us) {
  Node node;
  node.join(1, workload("serve", kCritical));
  node.join(2, workload("train", kBestEffort));
  node.state.sessions.at(2).last.longest_kernel_us = longest_us;
  node.tick(std::chrono::milliseconds(100), {1, 2});
  return node;
}

TEST(Priority, ShortKernelsAreStoppedByTheGateAlone) {
  const Node node = beside_kernels_of(200);
  EXPECT_EQ(node[2].slice_us, 2000U);
  EXPECT_EQ(node[1].linger_us, 200U);
  EXPECT_EQ(node[1].regain_us, 400U);
  EXPECT_FALSE(node[1].hold);
  EXPECT_THAT(of_kind<SetSlice>(node.log).at(0).second, HasSubstr("kernels of at most 200 us"));
}

TEST(Priority, BesideLongKernelsWhichArePreemptedTheGpuIsHeld) {
  const Node node = beside_kernels_of(301);
  EXPECT_EQ(node[2].slice_us, 1U);
  EXPECT_TRUE(node[1].hold);
  EXPECT_EQ(node[1].linger_us, 200U);
  EXPECT_EQ(node[1].regain_us, 720U);
}

TEST(Priority, PreemptedKernelsComeBackUnlessTheGpuIsHeldSoNothingLingers) {
  Node node = beside_kernels_of(301);
  Settings settings = node.state.settings;
  settings.hold = false;
  node.event(SettingsChanged{settings});
  EXPECT_FALSE(node[1].hold);
  EXPECT_EQ(node[1].linger_us, 0U);
}

TEST(Priority, WithoutGatesTheGpuIsHeldAllTheSame) {
  Node node = beside_kernels_of(301);
  Settings settings = node.state.settings;
  settings.gate_with_slices = false;
  const auto told = of_kind<AssignGate>(node.event(SettingsChanged{settings}));
  EXPECT_EQ(node[1].gate, -1);
  EXPECT_TRUE(node[1].hold);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_THAT(told[0].second, HasSubstr("up to 200 us after each, busy with a thread of its own"));
}

TEST(Priority, AFixedLingerIsNotLearned) {
  Node node = beside_kernels_of(301);
  Settings settings = node.state.settings;
  settings.learn_linger = false;
  settings.linger_us = 70;
  node.event(SettingsChanged{settings});
  EXPECT_EQ(node[1].linger_us, 70U);
  EXPECT_EQ(node[1].regain_us, 0U);
}

TEST(Priority, KernelsOfUnknownLengthArePreempted) {
  EXPECT_EQ(beside_kernels_of(0)[2].slice_us, 1U);
}

TEST(Priority, WithoutGatesShortKernelsArePreemptedToo) {
  Node node = beside_kernels_of(200);
  node.state.settings.gate_with_slices = false;
  node.tick(std::chrono::milliseconds(100), {1, 2});
  EXPECT_EQ(node[2].slice_us, 1U);
}

TEST(Priority, TheLastLatencyCriticalToLeaveDisarmsEverything) {
  Node node;
  node.join(1, workload("serve", kCritical));
  node.join(2, workload("train"));
  node.join(3, workload("other"));
  node.leave(1);
  for (const SessionId id : {2U, 3U}) {
    EXPECT_EQ(node[id].armed, 0U);
    EXPECT_TRUE(node[id].turn_open);
    EXPECT_GT(node[id].slice_us, 10'000U);
  }
}

TEST(Priority, WhoeverRemainsAloneIsNeutralAgain) {
  Node node;
  node.join(1, workload("serve", kCritical));
  node.join(2, workload("train"));
  node.leave(1);
  EXPECT_EQ(node[2].slice_us, 2000U);
  EXPECT_EQ(node[2].armed, 0U);
  EXPECT_TRUE(node[2].turn_open);
}

TEST(Priority, OthersWaitForEveryGate) {
  Node node;
  node.join(1, workload("serve", kCritical));
  node.join(2, workload("chat", kCritical));
  node.join(3, workload("train"));
  EXPECT_EQ(node[1].gate, 0);
  EXPECT_EQ(node[2].gate, 1);
  EXPECT_EQ(node[3].armed, 0b11U);
  EXPECT_FALSE(node[1].hold || node[2].hold);  // each would wait for the other's linger
  node.leave(1);
  EXPECT_EQ(node[3].armed & 0b01U, 0U);
  EXPECT_EQ(node[2].gate, 1);
}

TEST(Priority, ANinthLatencyCriticalSessionIsToldWhyItHasNoGateAndGetsTheNextFreeOne) {
  Node node;
  for (SessionId id = 1; id <= 8; ++id) node.join(id, workload("serve", kCritical));
  const auto told = of_kind<AssignGate>(node.join(9, workload("late", kCritical)));
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].first.gate, -1);
  EXPECT_THAT(told[0].second, HasSubstr("all 8 are held"));
  EXPECT_THAT(of_kind<AssignGate>(node.tick(kMs, {})), IsEmpty());
  node.leave(3);
  EXPECT_EQ(node[9].gate, 2);
}

TEST(Priority, SeveralOthersTakeTurnsOneAtATime) {
  Node node;
  node.join(1, workload("serve", kCritical));
  node.join(2, workload("a"));
  node.join(3, workload("b"));
  EXPECT_NE(node[2].turn_open, node[3].turn_open);
  EXPECT_TRUE(armed_turn(node[2]));
  EXPECT_TRUE(armed_turn(node[3]));
  EXPECT_EQ(node[2].slice_us, node[2].turn_open ? 1U : 1000U);
  EXPECT_EQ(node[3].slice_us, node[3].turn_open ? 1U : 1000U);
  EXPECT_TRUE(node[1].turn_open);
  EXPECT_EQ(node[1].armed, 0U);
}

TEST(Priority, ATurnIsTakenBeforeTheNextIsGiven) {
  Node node;
  node.join(1, workload("serve", kCritical));
  node.join(2, workload("a"));
  node.join(3, workload("b"));
  for (int i = 0; i < 5; ++i) node.tick(10 * kMs, {2, 3});
  const auto turns = of_kind<SetTurn>(node.log);
  ASSERT_EQ(turns.size(), 2U);
  EXPECT_FALSE(turns[0].first.open);
  EXPECT_TRUE(turns[1].first.open);
}

TEST(Priority, TurnsBesideLatencyCriticalFollowTheWeights) {
  Node node;
  node.join(1, workload("serve", kCritical));
  node.join(2, workload("a", ServiceClass::kNormal, 3));
  node.join(3, workload("b"));
  int first = 0;
  constexpr int kTicks = 2000;
  for (int i = 0; i < kTicks; ++i) {
    node.tick(10 * kMs, {2, 3});
    if (node[2].turn_open) ++first;
  }
  EXPECT_NEAR(first / double{kTicks}, 0.75, 0.01);
}

TEST(Priority, ATurnWithoutWorkPassesOn) {
  Node node;
  node.join(1, workload("serve", kCritical));
  node.join(2, workload("a"));
  node.join(3, workload("b"));
  const SessionId holder = node[2].turn_open ? 2 : 3;
  const SessionId other = 5 - holder;
  node.tick(10 * kMs, {other});
  node.tick(10 * kMs, {other});
  EXPECT_TRUE(node[other].turn_open);
  EXPECT_FALSE(node[holder].turn_open);
}

TEST(Priority, AnIdleSessionDoesNotCountAndIsProbedNowAndThen) {
  Node node;
  node.join(1, workload("serve", kCritical));
  node.join(2, workload("a"));
  node.join(3, workload("notebook"));
  for (int i = 0; i < 1500; ++i) node.tick(kMs, {2});
  int probed = 0;
  for (int i = 0; i < 10'000; ++i) {
    node.tick(kMs, {2});
    EXPECT_NE(node[2].turn_open, node[3].turn_open);
    probed += node[3].turn_open ? 1 : 0;
  }
  EXPECT_GE(probed, 20);
  EXPECT_LE(probed, 60);
}

TEST(Priority, AnIdleSessionThatLaunchesGetsATurn) {
  Node node;
  node.join(1, workload("serve", kCritical));
  node.join(2, workload("a"));
  node.join(3, workload("notebook"));
  for (int i = 0; i < 200; ++i) node.tick(10 * kMs, {2});
  int waited = 0;
  while (!node[3].turn_open && waited < 100) {
    node.tick(10 * kMs, {2, 3});
    ++waited;
  }
  EXPECT_LE(waited, 11);
}

TEST(Priority, WhereAllAreIdleNobodyIsHeldBack) {
  Node node;
  node.join(1, workload("serve", kCritical));
  node.join(2, workload("a"));
  node.join(3, workload("b"));
  for (int i = 0; i < 200; ++i) node.tick(10 * kMs, {1});
  EXPECT_FALSE(node.state.turns);
  EXPECT_TRUE(node[2].turn_open && node[3].turn_open);
}

TEST(Priority, ContextsOfOneSessionBesideLatencyCriticalKeepASensibleSlice) {
  Node node;
  node.join(1, workload("serve", kCritical));
  node.join(2, workload("a"));
  Tick tick;
  tick.readings[2].contexts = 3;
  tick.readings[2].launches = 1;
  node.event(tick);
  EXPECT_EQ(node[2].slice_us, 1000U);
}

TEST(Priority, GatesWithoutSlicesSetNoSlice) {
  Node node;
  node.on({.slices = false, .gate = true, .mps = false});
  node.join(1, workload("serve", kCritical));
  node.join(2, workload("a"));
  EXPECT_EQ(node[1].slice_us, 0U);
  EXPECT_EQ(node[2].slice_us, 0U);
  EXPECT_EQ(node[1].gate, 0);
  EXPECT_EQ(node[2].armed, 1U);
}

TEST(Priority, UnderMpsEqualsRunTogetherAndWeightsNeedTurns) {
  Node node;
  node.on({.slices = false, .gate = true, .mps = true});
  node.join(1, workload("serve", kCritical));
  node.join(2, workload("a"));
  node.join(3, workload("b"));
  EXPECT_FALSE(node.state.turns);
  EXPECT_EQ(node[2].armed, 1U);
  Workload heavier = workload("b", ServiceClass::kNormal, 2);
  node.event(Changed{heavier});
  EXPECT_TRUE(node.state.turns);
  EXPECT_NE(node[2].turn_open, node[3].turn_open);
}

TEST(Priority, WithoutSlicesAndGateNothingIsOrdered) {
  Node node;
  node.on({.slices = false, .gate = false, .mps = false});
  EXPECT_THAT(node.join(1, workload("serve", kCritical)), IsEmpty());
  EXPECT_THAT(node.join(2, workload("a")), IsEmpty());
}

TEST(Priority, AClassChangedByTheOperatorActsAtOnce) {
  Node node;
  node.join(1, workload("a"));
  node.join(2, workload("b"));
  node.event(Changed{workload("a", kCritical)});
  EXPECT_EQ(node[1].gate, 0);
  EXPECT_EQ(node[2].slice_us, 1U);
  node.event(Changed{workload("a", kBestEffort)});
  EXPECT_EQ(node[1].gate, -1);
  EXPECT_EQ(node[2].armed, 0U);
}

}  // namespace
}  // namespace corun::policy
