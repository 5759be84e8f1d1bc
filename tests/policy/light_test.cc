// Turns among workloads that work a part of the time: what they leave is not lost.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "tests/policy/node.h"

namespace corun::policy {
namespace {

constexpr Nanos kStep = std::chrono::microseconds(500);

/// Work that comes in periods; with period 0 there is always some.
struct Demand {
  Nanos work{};
  Nanos period{};
};

/// Sessions on one GPU that only the turn words order, and that tell their queues.
class Turns {
 public:
  Turns() {
    node.join(1, workload("server", ServiceClass::kLatencyCritical));
    node.tick(kMs, {1});
  }

  void add(SessionId id, const Workload& workload, Demand demand) {
    node.join(id, workload);
    sessions[id].demand = demand;
  }

  /// Also has the copy engine's work of `id` done beside everybody, if it copies only.
  void run(Nanos length) {
    const Instant end = node.now + length;
    Instant tick_at = node.now;
    while (node.now < end) {
      if (node.now >= tick_at) {
        tick();
        tick_at = next_turn(node.state).value_or(node.now + 100 * kMs);
      }
      work();
      node.now = node.now + kStep;
    }
  }

  double share(SessionId id, Nanos length) {
    return to_seconds(sessions[id].got) / to_seconds(length);
  }

  struct Session {
    Demand demand;
    Nanos queue{};
    Nanos got{};
    Instant period_began{};
    uint64_t launches = 1;
    uint64_t calls = 1;
    int periods = 0;
    bool copies = false;
  };
  Node node;
  std::map<SessionId, Session> sessions;
  bool tell = true;

 private:
  void tick() {
    Tick tick;
    for (auto& [id, session] : sessions) {
      SessionReading& reading = tick.readings[id];
      reading.launches = session.launches;
      reading.calls = session.calls;
      reading.gpu_time = Nanos(static_cast<int64_t>(session.calls) * 1000);
      reading.computes = !session.copies;
      if (tell && armed_turn(node[id])) reading.queued = session.queue > Nanos(0);
    }
    node.event(tick);
  }

  void work() {
    bool taken = false;
    for (auto& [id, session] : sessions) {
      const bool always = session.demand.period == Nanos(0);
      if (always ||
          (session.queue <= Nanos(0) && node.now - session.period_began >= session.demand.period)) {
        if (session.queue <= Nanos(0)) {
          session.period_began = node.now;
          ++session.periods;
          session.queue = always ? Nanos(kMs) : session.demand.work;
          ++session.calls;
          session.launches += session.copies ? 0 : 1;
        }
      }
      const bool open = !armed_turn(node[id]) || node[id].turn_open;
      if (!open || session.queue <= Nanos(0) || (taken && !session.copies)) continue;
      taken = taken || !session.copies;
      session.queue -= kStep;
      session.got += kStep;
    }
  }
};

constexpr Nanos kRun = std::chrono::seconds(4);

TEST(LightWork, WhatOneLeavesAnotherHas) {
  Turns turns;
  turns.add(2, workload("service"), {4 * kMs, 20 * kMs});
  turns.add(3, workload("train", ServiceClass::kBestEffort), {});
  turns.run(kRun);
  EXPECT_GT(turns.share(3, kRun), 0.65);        // 0.8 are left by the service
  EXPECT_GT(turns.share(2, kRun), 0.2 * 0.85);  // each of its periods begins at most 3 ms late
}

TEST(LightWork, WithoutKnowingQueuesATurnIsLostWhileItsHolderPauses) {
  Turns turns;
  turns.tell = false;
  turns.add(2, workload("service"), {4 * kMs, 20 * kMs});
  turns.add(3, workload("train", ServiceClass::kBestEffort), {});
  turns.run(kRun);
  EXPECT_LT(turns.share(3, kRun), 0.4);
}

TEST(LightWork, OfFourTheOneThatAlwaysWorksHasTheRest) {
  Turns turns;
  turns.add(2, workload("service"), {4 * kMs, 20 * kMs});
  turns.add(3, workload("text"), {120 * kMs, 500 * kMs});
  turns.add(4, workload("notebook"), {30 * kMs, 1500 * kMs});
  turns.add(5, workload("train", ServiceClass::kBestEffort), {});
  turns.run(kRun);
  EXPECT_GT(turns.share(5, kRun), 0.4);  // 0.54 are left
  EXPECT_GT(turns.share(2, kRun), 0.12);
  EXPECT_GT(turns.share(3, kRun), 0.2);
}

TEST(LightWork, WhoeverAlwaysWorksHasNoClaimBeforeATurnIsOver) {
  Turns turns;
  turns.add(2, workload("a"), {});
  turns.add(3, workload("b"), {});
  turns.run(std::chrono::seconds(1));
  int changes = 0;
  for (int i = 0; i < 100; ++i) {
    const std::string before = turns.node.state.turn_of;
    turns.run(10 * kMs);
    changes += turns.node.state.turn_of != before ? 1 : 0;
  }
  EXPECT_LE(changes, 21);  // turns of 50 ms
  EXPECT_NEAR(turns.share(2, kRun), turns.share(3, kRun), 0.02);
}

TEST(LightWork, AnEmptyQueueOfAMomentKeepsTheTurn) {
  Turns turns;
  turns.add(2, workload("steps"), {10 * kMs, 11 * kMs});  // a pause of 1 ms between steps
  turns.add(3, workload("other"), {});
  turns.run(std::chrono::seconds(1));
  const double before = turns.share(2, kRun);
  turns.run(kRun);
  EXPECT_NEAR(turns.share(2, kRun) - before, 0.5 * 10 / 11, 0.06);
}

TEST(LightWork, AnIdleSessionThatTellsItsQueueIsSeldomLookedAtInVain) {
  Turns turns;
  turns.add(2, workload("train", ServiceClass::kBestEffort), {});
  turns.add(3, workload("notebook"), {30 * kMs, std::chrono::hours(1)});
  turns.run(std::chrono::seconds(2));
  EXPECT_FALSE(turns.node[3].turn_open);
  const Nanos before = turns.sessions[2].got;
  turns.run(std::chrono::seconds(10));  // two probes, which pass on
  EXPECT_GE(turns.sessions[2].got - before, std::chrono::seconds(10) - 15 * kMs);
  EXPECT_LT(turns.sessions[2].got - before, std::chrono::seconds(10));
  turns.sessions[3].demand.period = 500 * kMs;  // its cells begin
  turns.run(kRun);
  EXPECT_GT(turns.share(3, kRun), 0.05);
}

TEST(LightWork, AHardCapIsKeptBesideIdleSessions) {
  Turns turns;
  Workload capped = workload("train");
  capped.max_share = 0.3;
  turns.add(2, capped, {});
  turns.add(3, workload("notebook"), {30 * kMs, std::chrono::hours(1)});
  turns.run(kRun);
  EXPECT_NEAR(turns.share(2, kRun), 0.3, 0.02);
}

TEST(Copier, WhoOnlyCopiesTakesNoTurns) {
  Turns turns;
  turns.add(2, workload("cache", ServiceClass::kBestEffort), {});
  turns.add(3, workload("bus", ServiceClass::kBestEffort), {});
  turns.sessions[3].copies = true;
  turns.run(kRun);
  EXPECT_FALSE(armed_turn(turns.node[3]));
  EXPECT_FALSE(armed_turn(turns.node[2]));  // nobody to take turns with
  EXPECT_TRUE(turns.node[3].turn_open);
  EXPECT_EQ(turns.node[3].slice_us, 1U);  // its visits to the GPU are to be short
  EXPECT_EQ(turns.node[2].slice_us, 4U);  // and not to be met by one as short
  EXPECT_GT(turns.share(2, kRun), 0.75);  // all of it once that is seen

  turns.sessions[3].copies = false;  // it begins to compute
  turns.run(20 * kMs + 100 * kMs);
  EXPECT_TRUE(armed_turn(turns.node[3]));
}

TEST(Copier, WhoDoesNotTellItsWorkIsNotTakenForOne) {
  Turns turns;
  turns.tell = false;
  turns.add(2, workload("a"), {});
  turns.add(3, workload("bus"), {});
  turns.sessions[3].copies = true;
  turns.run(kRun);
  EXPECT_TRUE(armed_turn(turns.node[3]));
}

}  // namespace
}  // namespace corun::policy
