// Who is parked to make room, who comes back, and what is never done.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/policy/memory_node.h"

namespace corun::policy {
namespace {

using ::testing::HasSubstr;

class Parking : public testing::Test {
 protected:
  /// `notebook` is idle, `train` works.
  void idle_notebook(Nanos idle = 75 * kSecond) {
    node.start(1, workload("notebook"), 30 * kGiB);
    node.start(2, workload("train"), 40 * kGiB);
    node.run(idle, {2});
  }
  MemoryNode node{80 * kGiB};
};

TEST_F(Parking, AnAllocationThatFindsNoMemoryGetsThatOfAnIdleWorkload) {
  idle_notebook();
  node.want(2, 30 * kGiB);
  EXPECT_EQ(node.place(1), ParkState::kParking);
  EXPECT_TRUE(node.orders<AnswerMemory>().empty());
  node.run(30 * kSecond, {});
  EXPECT_EQ(node.place(1), ParkState::kParked);
  ASSERT_EQ(node.orders<AnswerMemory>().size(), 1U);
  EXPECT_TRUE(node.orders<AnswerMemory>()[0].first.try_again);
  const auto [park, why] = node.orders<Park>().at(0);
  EXPECT_EQ(park.workload, "0/notebook");
  EXPECT_TRUE(park.only_if_idle);
  EXPECT_THAT(why, HasSubstr("no call for 75 s"));
  EXPECT_THAT(why, HasSubstr("0/train waits for 30 GiB"));
}

TEST_F(Parking, WithNobodyIdleTheRefusalComesAtOnce) {
  idle_notebook(59 * kSecond);
  node.want(2, 30 * kGiB);
  EXPECT_TRUE(node.orders<Park>().empty());
  ASSERT_EQ(node.orders<AnswerMemory>().size(), 1U);
  EXPECT_FALSE(node.orders<AnswerMemory>()[0].first.try_again);
  EXPECT_THAT(node.orders<AnswerMemory>()[0].second, HasSubstr("nobody who could make room"));
}

TEST_F(Parking, AThreadThatWaitsForTheGpuIsNoIdleness) {
  node.start(1, workload("notebook"), 30 * kGiB);
  node.start(2, workload("train"), 40 * kGiB);
  for (int i = 0; i < 700; ++i) {
    node.now = node.now + 100 * kMs;
    Tick tick;
    tick.readings[1] = node[1].last;
    tick.readings[1].waiting = true;
    node.happen(tick);
  }
  node.want(2, 30 * kGiB);
  EXPECT_TRUE(node.orders<Park>().empty());
}

struct Never {
  const char* name;
  std::function<void(MemoryNode&)> how;
};
class NeverParked : public testing::TestWithParam<Never> {};

TEST_P(NeverParked, StaysOnTheGpu) {
  MemoryNode node{80 * kGiB};
  Workload notebook = workload("notebook");
  if (std::string(GetParam().name) == "LatencyCritical") {
    notebook.service_class = ServiceClass::kLatencyCritical;
  }
  node.start(1, notebook, 30 * kGiB);
  node.start(2, workload("train"), 45 * kGiB);
  GetParam().how(node);
  node.run(75 * kSecond, {2});
  node.want(2, 20 * kGiB);
  node.run(5 * kSecond, {2});
  EXPECT_TRUE(node.orders<Park>().empty());
}

INSTANTIATE_TEST_SUITE_P(
    Memory, NeverParked,
    testing::Values(Never{"LatencyCritical", [](MemoryNode&) {}},
                    Never{"AProcessThatCannotBe", [](MemoryNode& node) { node.fixed.insert(1); }},
                    Never{"WhereItIsTurnedOff",
                          [](MemoryNode& node) {
                            node.change([](Settings& settings) { settings.park_idle = Nanos(0); });
                          }},
                    Never{"WhereTheBackendCannot",
                          [](MemoryNode& node) {
                            node.change(
                                [](Settings& settings) { settings.backend.parking = false; });
                          }},
                    Never{"WhoHoldsNextToNothing",
                          [](MemoryNode& node) { node.held[1] = 1 << 20; }}),
    [](const auto& test) { return std::string(test.param.name); });

TEST_F(Parking, TheLongestIdleGoFirstAndNoMoreThanNeeded) {
  for (SessionId id = 1; id <= 3; ++id) {
    node.start(id, workload("w" + std::to_string(id)), 20 * kGiB);
    node.run(10 * kSecond, {});
  }
  node.start(4, workload("train"), 9 * kGiB);
  node.run(90 * kSecond, {4});
  node.want(4, 30 * kGiB);
  EXPECT_EQ(node.place(1), ParkState::kParking);
  EXPECT_EQ(node.place(2), ParkState::kRunning) << "11 GiB are free: 20 more are enough";
  node.want(4, 45 * kGiB);
  EXPECT_EQ(node.place(2), ParkState::kParking);
  EXPECT_EQ(node.place(3), ParkState::kRunning);
}

TEST_F(Parking, NobodyIsParkedWhereAllTogetherWouldNotDo) {
  idle_notebook();
  node.want(2, 60 * kGiB);
  EXPECT_TRUE(node.orders<Park>().empty());
  EXPECT_FALSE(node.orders<AnswerMemory>().at(0).first.try_again);
}

TEST_F(Parking, LittleFreeMemoryAloneParksTheIdle) {
  node.start(1, workload("notebook"), 30 * kGiB);
  node.start(2, workload("train"), 49 * kGiB + 800 * (kGiB >> 10));
  node.run(61 * kSecond, {2});
  EXPECT_EQ(node.place(1), ParkState::kParking);
  EXPECT_THAT(node.orders<Park>().at(0).second, HasSubstr("less than the reserve of 512 MiB"));
}

TEST_F(Parking, WherePolicyOrdersNothingNobodyIsParkedForAnAllocation) {
  node.change([](Settings& settings) { settings.kind = PolicyKind::kNone; });
  idle_notebook();
  EXPECT_EQ(node.state.sessions.at(2).memory_wait, Nanos(0));
  node.want(2, 30 * kGiB);
  node.run(75 * kSecond, {2});
  EXPECT_TRUE(node.orders<Park>().empty());
  EXPECT_FALSE(node.orders<AnswerMemory>().at(0).first.try_again);
}

TEST_F(Parking, WherePolicyOrdersNothingWhoIsParkedComesBackAllTheSame) {
  idle_notebook();
  node.want(2, 30 * kGiB);
  node.run(30 * kSecond, {2});
  ASSERT_EQ(node.place(1), ParkState::kParked);
  node.change([](Settings& settings) { settings.kind = PolicyKind::kNone; });
  node.call(1);
  for (int i = 0; i < 300 && node.place(1) != ParkState::kRunning; ++i) node.run(kSecond, {1, 2});
  EXPECT_EQ(node.place(1), ParkState::kRunning);
}

TEST_F(Parking, MemoryOfProcessesOutsideOfCorunIsPressureToo) {
  idle_notebook();
  EXPECT_TRUE(node.orders<Park>().empty());
  Tick tick;
  tick.device_used_bytes = 80 * kGiB - 100;
  node.happen(tick);
  EXPECT_EQ(node.place(1), ParkState::kRunning) << "one reading may be of an allocation's moment";
  node.happen(tick);
  EXPECT_EQ(node.place(1), ParkState::kParking);
}

TEST_F(Parking, WhatTheRescueOfADeadDaemonBroughtBackIsNotInItsOwnWay) {
  node.start(1, workload("notebook"), 50 * kGiB);
  node.happen(ParkChanged{.workload = "0/notebook", .state = ParkState::kParked, .adopted = true});
  Tick tick;
  tick.device_used_bytes = 51 * kGiB;
  node.happen(tick);
  node.happen(tick);
  node.happen(ResumeAsked{"0/notebook"});
  EXPECT_EQ(node.place(1), ParkState::kResuming);
}

class Parked : public Parking {
 protected:
  Parked() {
    idle_notebook();
    node.want(2, 30 * kGiB);
    node.run(30 * kSecond, {2});
    EXPECT_EQ(node.place(1), ParkState::kParked);
  }
};

TEST_F(Parked, ComesBackWithItsNextCallWhereThereIsRoom) {
  node.stop(2);
  node.run(10 * kSecond, {});
  EXPECT_EQ(node.place(1), ParkState::kParked) << "nobody asked";
  node.call(1);
  EXPECT_EQ(node.place(1), ParkState::kResuming);
  EXPECT_THAT(node.orders<Resume>().at(0).second, HasSubstr("a call of it waited"));
  node.run(10 * kSecond, {});
  EXPECT_EQ(node.place(1), ParkState::kRunning);
}

TEST_F(Parked, ACallBeforeItWasParkedCountsAsWell) {
  node.stop(2);
  node.calls_held[1] = 1;
  node.pass(100 * kMs, {});
  EXPECT_EQ(node.place(1), ParkState::kResuming);
}

TEST_F(Parked, ParksAnotherIdleOneToComeBack) {
  node.run(61 * kSecond, {});
  node.call(1);
  EXPECT_EQ(node.place(2), ParkState::kParking) << "train was idle for a minute";
  EXPECT_EQ(node.place(1), ParkState::kParked);
  node.run(60 * kSecond, {});
  EXPECT_EQ(node.place(1), ParkState::kRunning);
}

TEST_F(Parked, ComesBackAfterABoundedTimeBesideAWorkloadThatIsNeverIdle) {
  node.call(1);
  EXPECT_EQ(node.place(2), ParkState::kRunning) << "it has worked for too short a time";
  Nanos waited{};
  while (node.place(1) != ParkState::kRunning && waited < 600 * kSecond) {
    node.pass(100 * kMs, {2});
    waited += 100 * kMs;
  }
  EXPECT_LT(waited, 400 * kSecond);
  EXPECT_LE(node.most_on_gpu, 80 * kGiB);
  // And so does the other one.
  waited = Nanos{};
  while (node.place(2) != ParkState::kRunning && waited < 600 * kSecond) {
    node.pass(100 * kMs, {1, 2});
    waited += 100 * kMs;
  }
  EXPECT_LT(waited, 400 * kSecond);
}

TEST_F(Parked, ANewWorkloadIsNotMovedBeforeItHasWorked) {
  node.stop(2);
  node.start(3, workload("new"), 60 * kGiB);
  node.call(1);
  EXPECT_EQ(node.place(3), ParkState::kRunning);
  node.run(10 * kSecond, {3});
  EXPECT_EQ(node.place(3), ParkState::kRunning);
  node.run(400 * kSecond, {1, 3});
  EXPECT_GT(node.work[1], Nanos{});
}

TEST_F(Parked, BestEffortMakesRoomBeforeNormal) {
  node.stop(2);
  node.start(3, workload("normal"), 28 * kGiB);
  node.start(4, workload("effort", ServiceClass::kBestEffort), 28 * kGiB);
  node.run(300 * kSecond, {3, 4});
  node.call(1);
  node.pass(100 * kMs, {3, 4});
  EXPECT_EQ(node.place(4), ParkState::kParking);
  EXPECT_EQ(node.place(3), ParkState::kRunning);
}

TEST_F(Parked, AnAllocationDoesNotDriveOutWhoWorks) {
  node.run(300 * kSecond, {2});
  node.start(3, workload("late"), kGiB);
  node.want(3, 20 * kGiB);
  EXPECT_EQ(node.place(2), ParkState::kRunning);
  EXPECT_FALSE(node.orders<AnswerMemory>().back().first.try_again);
}

TEST_F(Parked, AnotherProcessOfItBringsItBack) {
  node.stop(2);
  node.start(5, workload("notebook"), 0);
  EXPECT_EQ(node.place(1), ParkState::kResuming);
}

TEST_F(Parked, WhileItComesBackNobodyTakesItsMemory) {
  node.held[2] = 45 * kGiB;
  node.pass(100 * kMs, {2});
  node.call(1);
  ASSERT_EQ(node.place(1), ParkState::kResuming);
  EXPECT_GT(node[2].memory_room_bytes, 0U);
  EXPECT_LE(node[2].memory_room_bytes, 50 * kGiB);
  node.run(20 * kSecond, {2});
  EXPECT_EQ(node.place(1), ParkState::kRunning);
  EXPECT_EQ(node[2].memory_room_bytes, 0U);
}

TEST_F(Parking, AnOperatorsParkLastsUntilHeEndsIt) {
  idle_notebook(kSecond);
  node.happen(
      ParkChanged{.workload = "0/notebook", .state = ParkState::kParking, .until_resume = true});
  node.happen(ParkChanged{.workload = "0/notebook", .state = ParkState::kParked});
  node.call(1);
  node.run(10 * kSecond, {});
  EXPECT_EQ(node.place(1), ParkState::kParked);
  node.happen(ResumeAsked{"0/notebook"});
  EXPECT_EQ(node.place(1), ParkState::kResuming);
}

TEST_F(Parking, AParkThatFailedIsTriedAgainLaterAndLater) {
  node.parking_fails = true;
  node.start(1, workload("notebook"), 30 * kGiB);
  node.start(2, workload("train"), 49 * kGiB + 800 * (kGiB >> 10));
  std::vector<double> tries;
  for (int i = 0; i < 3600; ++i) {
    const size_t before = node.orders<Park>().size();
    node.pass(kSecond, {2});
    if (node.orders<Park>().size() > before) tries.push_back(to_seconds(Nanos(node.now.ns)));
  }
  ASSERT_GE(tries.size(), 4U);
  for (size_t i = 2; i < tries.size(); ++i) {
    EXPECT_GE(tries[i] - tries[i - 1], tries[i - 1] - tries[i - 2]);
  }
  EXPECT_LT(tries.size(), 30U);
}

TEST_F(Parking, OneThatWasUsedMeanwhileIsNotAFailure) {
  idle_notebook();
  node.want(2, 30 * kGiB);
  node.happen(ParkChanged{.workload = "0/notebook", .ok = false, .busy = true});
  EXPECT_EQ(node.state.residency.at("0/notebook").failures, 0);
  EXPECT_EQ(node.place(1), ParkState::kRunning);
  node.pass(100 * kMs, {2});
  EXPECT_EQ(node.orders<Park>().size(), 1U) << "it is not idle any more";
}

TEST_F(Parking, AnAllocationWaitsForParkingNoLongerThanToldTo) {
  node.change([](Settings& settings) { settings.memory_wait = 3 * kSecond; });
  idle_notebook();
  node.want(2, 30 * kGiB);
  node.run(3 * kSecond, {});
  EXPECT_TRUE(node.orders<AnswerMemory>().empty());
  node.run(kSecond, {});
  EXPECT_FALSE(node.orders<AnswerMemory>().at(0).first.try_again);
}

TEST_F(Parking, MemoryThatTheDriverDidNotFindIsLookedForAlthoughItSeemsFree) {
  node.start(1, workload("notebook"), 30 * kGiB);
  node.start(2, workload("train"), 10 * kGiB);
  node.run(75 * kSecond, {2});
  node.want(2, 20 * kGiB);
  EXPECT_EQ(node.place(1), ParkState::kParking) << "fragments, or memory that nobody counts";
}

TEST_F(Parking, ACapacityBelowTheGpusBindsEveryone) {
  node.change([](Settings& settings) { settings.memory_capacity_bytes = 50 * kGiB; });
  node.start(1, workload("a"), 20 * kGiB);
  node.start(2, workload("b"), 10 * kGiB);
  node.pass(kSecond, {1, 2});
  EXPECT_EQ(node[1].memory_room_bytes, 40 * kGiB);
  EXPECT_EQ(node[2].memory_room_bytes, 30 * kGiB);
  node.change([](Settings& settings) { settings.memory_capacity_bytes = 0; });
  EXPECT_EQ(node[1].memory_room_bytes, 0U);
}

TEST_F(Parking, MeasuredSpeedsReplaceTheUsualOnes) {
  idle_notebook();
  node.speed = {3e9, 9e9};
  node.want(2, 30 * kGiB);
  node.run(30 * kSecond, {});
  EXPECT_NEAR(node.state.speed.park, 3e9, 1e7);
  EXPECT_EQ(node.state.speed.resume, 0);
}

}  // namespace
}  // namespace corun::policy
