// Jobs whose memory does not fit together, in turns: who is on the GPU, and what moving costs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/policy/memory_node.h"

namespace corun::policy {
namespace {

constexpr uint64_t kGB = 1'000'000'000;

class RotateMemory : public testing::Test {
 protected:
  explicit RotateMemory(uint64_t memory = 80 * kGB) : node(memory) {
    node.use(PolicyKind::kRotate);
  }

  /// Lets the busy sessions work for so long; how long each did without progress at most.
  std::map<SessionId, Nanos> work_for(Nanos time, const std::set<SessionId>& busy) {
    std::map<SessionId, Nanos> longest, idle, before;
    for (Nanos passed{}; passed < time; passed += 100 * kMs) {
      node.pass(100 * kMs, busy);
      for (const SessionId id : busy) {
        idle[id] = node.work[id] > before[id] ? Nanos{} : idle[id] + 100 * kMs;
        longest[id] = std::max(longest[id], idle[id]);
        before[id] = node.work[id];
      }
    }
    return longest;
  }
  double worked(Nanos time) const {
    double sum = 0;
    for (const auto& [id, work] : node.work) sum += to_seconds(work);
    return sum / to_seconds(time);
  }

  MemoryNode node;
};

/// The jobs start one after the other and allocate what they hold; the second waits for its turn.
void start_two(MemoryNode& node, uint64_t bytes) {
  node.start(1, workload("a"), bytes);
  node.start(2, workload("b"), 0);
  node.pass(kSecond, {1});
  node.want(2, bytes);
}

TEST_F(RotateMemory, AJobThatDoesNotFitWaitsForItsTurnAndIsNotRefused) {
  start_two(node, 48 * kGB);
  EXPECT_EQ(node[2].memory_wait, std::nullopt);
  EXPECT_TRUE(node.orders<AnswerMemory>().empty());
  for (int i = 0; i < 1200 && node.orders<AnswerMemory>().empty(); ++i) node.pass(100 * kMs, {1});
  ASSERT_EQ(node.orders<AnswerMemory>().size(), 1U);
  EXPECT_TRUE(node.orders<AnswerMemory>()[0].first.try_again);
  EXPECT_EQ(node.held[2], 48 * kGB);
  EXPECT_EQ(node.place(1), ParkState::kParked);
  EXPECT_THAT(node.orders<Park>().at(0).second, testing::HasSubstr("0/b waits for"));
}

TEST_F(RotateMemory, WhoAsksShortensATurnThatBeganWithoutRivals) {
  start_two(node, 48 * kGB);
  const auto alone = [this] {
    return node.state.turn_of == "0/b" && node.place(1) == ParkState::kParked &&
           node.place(2) == ParkState::kRunning;
  };
  for (int i = 0; i < 3000 && !(alone() && !node[1].wants); ++i) node.pass(100 * kMs, {2});
  ASSERT_TRUE(alone());
  ASSERT_GT(node.state.turn_until - node.now, std::chrono::minutes(5));
  auto longest = work_for(300 * kSecond, {1, 2});
  EXPECT_LE(longest[1], std::chrono::minutes(2));
  EXPECT_LE(longest[2], std::chrono::minutes(2));
}

TEST_F(RotateMemory, OneThatFitsInNoTurnIsRefused) {
  start_two(node, 48 * kGB);
  node.want(2, 81 * kGB);
  work_for(600 * kSecond, {1});
  ASSERT_FALSE(node.orders<AnswerMemory>().empty());
  EXPECT_FALSE(node.orders<AnswerMemory>().back().first.try_again);
}

TEST_F(RotateMemory, TwoJobsOf48GBWorkInEveryTwoMinutes) {
  start_two(node, 48 * kGB);
  work_for(120 * kSecond, {1, 2});
  node.work.clear();
  constexpr Nanos kTime = std::chrono::hours(1);
  const auto longest = work_for(kTime, {1, 2});
  EXPECT_LT(longest.at(1), 120 * kSecond);
  EXPECT_LT(longest.at(2), 120 * kSecond);
  EXPECT_GE(worked(kTime), 0.40) << "what that costs: moving takes 43 s for each turn";
  EXPECT_NEAR(to_seconds(node.work[1]), to_seconds(node.work[2]), 60);
}

TEST_F(RotateMemory, TwoJobsOf48GBLoseAFifthAtMostWhereTheyMayBeAwayForLonger) {
  node.change([](Settings& settings) { settings.longest_away = Nanos(0); });
  start_two(node, 48 * kGB);
  work_for(200 * kSecond, {1, 2});
  node.work.clear();
  constexpr Nanos kTime = std::chrono::hours(3);
  const auto longest = work_for(kTime, {1, 2});
  EXPECT_GE(worked(kTime), 0.79);
  EXPECT_NEAR(to_seconds(node.work[1]), to_seconds(node.work[2]), 200);
  EXPECT_LE(node.most_on_gpu, 80 * kGB);
  // Out and back take 43 s: a turn of four times that, and two changes.
  EXPECT_LT(longest.at(1), 280 * kSecond);
  EXPECT_LT(longest.at(2), 280 * kSecond);
}

class RotateSmaller : public RotateMemory {
 protected:
  RotateSmaller() : RotateMemory(30 * kGB) {}
};

TEST_F(RotateSmaller, TwoJobsOf20GBWorkInEveryTwoMinutesToo) {
  start_two(node, 20 * kGB);
  work_for(120 * kSecond, {1, 2});
  node.work.clear();
  constexpr Nanos kTime = std::chrono::hours(1);
  const auto longest = work_for(kTime, {1, 2});
  EXPECT_GE(worked(kTime), 0.79);
  EXPECT_LT(longest.at(1), 120 * kSecond);
  EXPECT_LT(longest.at(2), 120 * kSecond);
}

TEST_F(RotateSmaller, TurnsFollowTheSpeedsThatWereMeasured) {
  node.speed = {15e9, 47e9};
  start_two(node, 20 * kGB);
  const auto longest = work_for(600 * kSecond, {1, 2});
  node.work.clear();
  const auto later = work_for(600 * kSecond, {1, 2});
  EXPECT_LT(later.at(1), 20 * kSecond);
  EXPECT_GE(worked(600 * kSecond), 0.79);
}

TEST_F(RotateSmaller, WeightsHoldOverTheTimeOnTheGpu) {
  start_two(node, 20 * kGB);
  node.happen(Changed{workload("a", ServiceClass::kNormal, 3)});
  work_for(std::chrono::hours(2), {1, 2});
  EXPECT_NEAR(to_seconds(node.work[1]) / to_seconds(node.work[1] + node.work[2]), 0.75, 0.04);
}

TEST_F(RotateMemory, WhatFitsTogetherIsNotMoved) {
  node.start(1, workload("a"), 30 * kGB);
  node.start(2, workload("b"), 30 * kGB);
  work_for(300 * kSecond, {1, 2});
  EXPECT_TRUE(node.orders<Park>().empty());
  EXPECT_NEAR(worked(300 * kSecond), 1, 0.02);
}

TEST_F(RotateMemory, OfThreeJobsOnlyThoseInTheWayAreMoved) {
  node.change([](Settings& settings) { settings.longest_away = Nanos(0); });
  node.start(1, workload("a"), 50 * kGB);
  node.start(2, workload("b"), 20 * kGB);
  node.start(3, workload("c"), 20 * kGB);
  work_for(std::chrono::hours(1), {1, 2, 3});
  for (const SessionId id : {1UL, 2UL, 3UL}) EXPECT_GT(node.work[id], 600 * kSecond);
  EXPECT_GE(worked(std::chrono::hours(1)), 0.75);
}

TEST_F(RotateMemory, AHolderThatIsIdleForAMomentIsNotMovedForIt) {
  start_two(node, 48 * kGB);
  work_for(120 * kSecond, {1, 2});
  const size_t before = node.orders<Park>().size();
  const SessionId holder = node[1].turn_open ? 1 : 2;
  work_for(5 * kSecond, {3 - holder});
  EXPECT_EQ(node.orders<Park>().size(), before);
  work_for(60 * kSecond, {3 - holder});
  EXPECT_EQ(node.orders<Park>().size(), before + 1) << "idle for longer than moving takes";
}

TEST_F(RotateSmaller, AHolderThatPausesIsMovedOnlyWhenItsTurnIsOver) {
  node.change([](Settings& settings) { settings.park_idle = kSecond; });
  start_two(node, 20 * kGB);
  constexpr int kPauses = 300;
  for (int i = 0; i < kPauses; ++i) {
    work_for(2 * kSecond, {1, 2});
    work_for(2 * kSecond, {});
  }
  // A turn is 72 s, a change 18 s.
  EXPECT_LE(node.orders<Park>().size(), kPauses * 4 / (72 + 18) + 2);
  EXPECT_GE(node.work[1], 200 * kSecond);
  EXPECT_GE(node.work[2], 200 * kSecond);
}

TEST_F(RotateMemory, WhileNobodyCanBeParkedTheOthersWork) {
  node.parking_fails = true;
  start_two(node, 48 * kGB);
  work_for(1200 * kSecond, {1, 2});
  EXPECT_GE(node.work[1], 950 * kSecond);
  EXPECT_TRUE(node.orders<AnswerMemory>().empty()) << "it still waits";
  node.parking_fails = false;
  work_for(1200 * kSecond, {1, 2});
  EXPECT_EQ(node.held[2], 48 * kGB);
  EXPECT_GT(node.work[2], 100 * kSecond);
}

TEST_F(RotateMemory, OneThatAnOperatorParkedHasNoTurns) {
  start_two(node, 48 * kGB);
  work_for(200 * kSecond, {1, 2});
  work_for(200 * kSecond, {1, 2});
  const SessionId away = node.place(1) == ParkState::kParked ? 1 : 2;
  const std::string key = node[away].workload;
  node.happen(ParkChanged{.workload = key, .state = ParkState::kParking, .until_resume = true});
  node.happen(ParkChanged{.workload = key, .state = ParkState::kParked});
  node.work.clear();
  work_for(1200 * kSecond, {1, 2});
  EXPECT_EQ(node.work[away], Nanos{});
  EXPECT_GE(node.work[3 - away], 1150 * kSecond);
}

}  // namespace
}  // namespace corun::policy
