// Slices corrected by measured GPU time: shares hold for workloads that give up parts of slices.
#include "engine/policy/correction.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <vector>

#include "tests/policy/node.h"

namespace corun::policy {
namespace {

/// A GPU that goes round its sessions: each uses so much of its slice before its queue is empty.
class RoundRobin {
 public:
  explicit RoundRobin(std::map<SessionId, double> used) : used_(std::move(used)) {
    node_.use(PolicyKind::kFair);
  }
  Node& node() { return node_; }

  /// A second of rounds; returns what each got of it.
  std::map<SessionId, double> second() {
    double round = 0;
    for (const auto& [id, used] : used_) round += node_[id].slice_us * used;
    std::map<SessionId, double> got;
    Tick tick;
    for (const auto& [id, used] : used_) {
      got[id] = node_[id].slice_us * used / round;
      time_[id] += from_seconds(got[id]);
      SessionReading reading = node_[id].last;
      reading.launches += 10;
      reading.workload_time = measured ? time_[id] : Nanos(0);
      tick.readings[id] = reading;
    }
    node_.now = node_.now + std::chrono::seconds(1);
    node_.event(tick);
    return got;
  }
  std::map<SessionId, double> after(int seconds) {
    std::map<SessionId, double> got;
    for (int i = 0; i < seconds; ++i) got = second();
    return got;
  }

  bool measured = true;

 private:
  Node node_;
  std::map<SessionId, double> used_;
  std::map<SessionId, Nanos> time_;
};

TEST(Correction, WhoGivesUpPartsOfSlicesGetsItsShareAllTheSame) {
  RoundRobin gpu({{1, 0.71}, {2, 1.0}});
  gpu.node().join(1, workload("copies"));
  gpu.node().join(2, workload("computes"));
  EXPECT_NEAR(gpu.second()[1], 0.415, 0.01);
  EXPECT_NEAR(gpu.after(12)[1], 0.5, 0.01);
}

TEST(Correction, UnequalWeightsOfThree) {
  RoundRobin gpu({{1, 0.7}, {2, 1.0}, {3, 0.9}});
  gpu.node().join(1, workload("a", ServiceClass::kNormal, 3));
  gpu.node().join(2, workload("b"));
  gpu.node().join(3, workload("c"));
  auto got = gpu.after(14);
  EXPECT_NEAR(got[1], 0.6, 0.01);
  EXPECT_NEAR(got[2], 0.2, 0.01);
  EXPECT_NEAR(got[3], 0.2, 0.01);
}

/// Trainings with steps of so many ms: at the end of each the rest of the slice is given up.
struct Trainings {
  std::vector<double> weights;
  std::vector<double> steps_ms;
};

class Steps : public testing::TestWithParam<Trainings> {};

/// Rounds of slices with a reading every 100 ms; what each got of the last ten of twenty seconds.
std::vector<double> got_of(const Trainings& trainings) {
  Node node;
  node.use(PolicyKind::kFair);
  const size_t count = trainings.weights.size();
  for (size_t i = 0; i < count; ++i) {
    node.join(i + 1, workload(std::string(1, static_cast<char>('a' + i)), ServiceClass::kNormal,
                              trainings.weights[i]));
  }
  std::vector<double> left = trainings.steps_ms;
  std::vector<double> got_ms(count);
  std::vector<double> half_ms;
  double now_ms = 0;
  for (int tick = 1; tick <= 200; ++tick) {
    for (; now_ms < tick * 100; now_ms += 0.2) {
      for (size_t i = 0; i < count; ++i) {
        const double used = std::min(node[i + 1].slice_us / 1e3, left[i]);
        left[i] = left[i] > used ? left[i] - used : trainings.steps_ms[i];
        got_ms[i] += used;
        now_ms += used;
      }
    }
    Tick reading;
    for (size_t i = 0; i < count; ++i) {
      reading.readings[i + 1] = node[i + 1].last;
      reading.readings[i + 1].launches += 10;
      reading.readings[i + 1].waiting = true;  // they run some steps ahead, and wait
      reading.readings[i + 1].workload_time = from_seconds(got_ms[i] / 1e3);
    }
    node.now = node.now + 100 * kMs;
    node.event(reading);
    if (tick == 100) half_ms = got_ms;
  }
  double all = 0;
  for (size_t i = 0; i < count; ++i) all += got_ms[i] -= half_ms[i];
  for (double& one : got_ms) one /= all;
  return got_ms;
}

TEST_P(Steps, EachGetsItsShareOverTenSeconds) {
  const std::vector<double>& weights = GetParam().weights;
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  const auto got = got_of(GetParam());
  for (size_t i = 0; i < weights.size(); ++i) EXPECT_NEAR(got[i], weights[i] / sum, 0.015) << i;
}

INSTANTIATE_TEST_SUITE_P(Correction, Steps,
                         testing::Values(Trainings{{1, 1}, {21.1, 29}},
                                         Trainings{{3, 1, 1}, {21.1, 41, 29}},
                                         Trainings{{3, 1}, {21.1, 29}}, Trainings{{2, 1}, {10, 50}},
                                         Trainings{{1, 1}, {200, 7}},
                                         Trainings{{1, 1, 1, 1}, {15, 22, 33, 80}}));

TEST(Correction, WhereSharesHoldNothingIsOrderedAnew) {
  RoundRobin gpu({{1, 1.0}, {2, 1.0}});
  gpu.node().join(1, workload("a"));
  gpu.node().join(2, workload("b"));
  gpu.after(1);
  for (int i = 0; i < 10; ++i) {
    gpu.second();
    EXPECT_TRUE(of_kind<SetSlice>(gpu.node().log).empty());
  }
}

TEST(Correction, OneThatHardlyWorksMovesSlicesToABoundOnly) {
  RoundRobin gpu({{1, 0.02}, {2, 1.0}});
  gpu.node().join(1, workload("seldom"));
  gpu.node().join(2, workload("always"));
  gpu.after(60);
  const double ratio = 1.0 * gpu.node()[1].slice_us / gpu.node()[2].slice_us;
  EXPECT_LE(ratio, kMostCorrection * kMostCorrection * 1.05);
  EXPECT_GT(ratio, 2);
}

TEST(Correction, OtherWeightsBeginAnew) {
  RoundRobin gpu({{1, 0.71}, {2, 1.0}});
  gpu.node().join(1, workload("a"));
  gpu.node().join(2, workload("b"));
  gpu.after(8);
  EXPECT_NE(gpu.node()[1].slice_us, gpu.node()[2].slice_us);
  gpu.node().event(Changed{workload("a", ServiceClass::kNormal, 3)});
  EXPECT_NEAR(gpu.node()[1].slice_us / 3.0, gpu.node()[2].slice_us, 40);
}

TEST(Correction, WithoutMeasuredTimesSlicesFollowTheWeights) {
  RoundRobin gpu({{1, 0.71}, {2, 1.0}});
  gpu.measured = false;
  gpu.node().join(1, workload("a"));
  gpu.node().join(2, workload("b"));
  gpu.after(8);
  EXPECT_EQ(gpu.node()[1].slice_us, gpu.node()[2].slice_us);
}

/// Two servers at 3 : 1 that are asked back to back: whatever their slices, they alternate.
struct Alternating {
  Node node;
  bool first_waits = true;

  Alternating() {
    node.use(PolicyKind::kFair);
    node.join(1, workload("three", ServiceClass::kNormal, 3));
    node.join(2, workload("one"));
  }
  /// So many ticks of 100 ms; each got half of the time.
  void go_on(int ticks) {
    for (int i = 0; i < ticks; ++i) {
      Tick tick;
      for (const SessionId id : {SessionId{1}, SessionId{2}}) {
        SessionReading reading = node[id].last;
        reading.launches += 20;
        reading.workload_time += 50 * kMs;
        reading.waiting = id == 2 || first_waits;
        tick.readings[id] = reading;
      }
      node.now = node.now + 100 * kMs;
      node.event(tick);
    }
  }
};

TEST(Correction, WhereNoSliceGivesTheSharesTurnsDo) {
  Alternating servers;
  servers.go_on(10);
  EXPECT_FALSE(servers.node.state.turns) << "two judgements are not believed yet";
  servers.go_on(10);
  EXPECT_TRUE(servers.node.state.turns);
  EXPECT_TRUE(armed_turn(servers.node[1]));
  EXPECT_TRUE(armed_turn(servers.node[2]));
  std::map<SessionId, int> turns;
  for (int i = 0; i < 80; ++i) {
    servers.node.tick(10 * kMs, {1, 2});
    EXPECT_NE(servers.node[1].turn_open, servers.node[2].turn_open);
    ++turns[servers.node[1].turn_open ? 1 : 2];
  }
  EXPECT_NEAR(turns[1] / 80.0, 0.75, 0.06);
}

TEST(Correction, WhoGetsLessAndDoesNotWaitWantsNoMore) {
  Alternating servers;
  servers.first_waits = false;
  servers.go_on(60);
  EXPECT_FALSE(servers.node.state.turns);
}

TEST(Correction, WhoHadNoWorkIsOwedNothing) {
  Node node;
  node.use(PolicyKind::kFair);
  node.join(1, workload("begins later"));
  node.join(2, workload("works"));
  const auto look = [&node](Nanos first, Nanos second) {
    Tick tick;
    const std::map<SessionId, Nanos> got = {{1, first}, {2, second}};
    for (const auto& [id, time] : got) {
      SessionReading reading = node[id].last;
      reading.workload_time += time;
      if (time > Nanos(0)) reading.launches += 10;
      tick.readings[id] = reading;
    }
    node.now = node.now + 100 * kMs;
    node.event(tick);
  };
  look(1 * kMs, 1 * kMs);
  for (int i = 0; i < 9; ++i) look(Nanos(0), 100 * kMs);  // a second later it would not count
  for (int i = 0; i < 10; ++i) {
    look(50 * kMs, 50 * kMs);
    EXPECT_EQ(node[1].slice_us, node[2].slice_us) << i;
  }
}

TEST(Correction, OtherSharesGiveSlicesAnotherChance) {
  Alternating servers;
  servers.go_on(20);
  ASSERT_TRUE(servers.node.state.turns);
  servers.node.event(Changed{workload("three", ServiceClass::kNormal, 1)});
  EXPECT_FALSE(servers.node.state.turns);
  EXPECT_FALSE(armed_turn(servers.node[1]));
}

TEST(Correction, TheReasonSaysSo) {
  RoundRobin gpu({{1, 0.71}, {2, 1.0}});
  gpu.node().join(1, workload("a"));
  gpu.node().join(2, workload("b"));
  std::string why;
  for (int i = 0; i < 4 && why.empty(); ++i) {
    gpu.second();
    for (const auto& [slice, text] : of_kind<SetSlice>(gpu.node().log)) {
      if (slice.session == 1) why = text;
    }
  }
  EXPECT_NE(why.find("by the GPU times measured"), std::string::npos) << why;
}

}  // namespace
}  // namespace corun::policy
