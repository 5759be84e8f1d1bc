// Accounting of GPU time: measured by context switches where they can be read, estimated where not;
// whether it adds up; who had the GPU when.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/client/slices.h"
#include "tests/daemon/sharing_fixture.h"
#include "tests/gpu/switch_events.h"

namespace corun::daemon::testing {

namespace {

using client::Label;
using gpu::testing::switch_event;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr uint32_t kHeavy = 71;
constexpr uint32_t kLight = 72;
constexpr int64_t kSwitchUs = 85;

/// What the driver writes down while processes take turns. Times in us since the test's begin.
class Turns {
 public:
  struct Turn {
    uint32_t pid = 0;
    int64_t us = 0;
  };
  explicit Turns(Instant begin) : begin_(begin) {}

  void take_turns(std::vector<Turn> turns) { turns_ = std::move(turns); }
  gpu::SwitchBatch until(Instant now) {
    const int64_t now_us = (now - begin_).count() / 1000;
    gpu::SwitchBatch batch{.records = {}, .lost = 0, .read_at = now};
    while (!turns_.empty() && at_us_ <= now_us) {
      const Turn& turn = turns_[next_ % turns_.size()];
      batch.records.push_back(switch_event(start_, turn.pid, at_us_));
      at_us_ += start_ ? turn.us : kSwitchUs;
      if (!start_) ++next_;
      start_ = !start_;
    }
    return batch;
  }

 private:
  Instant begin_;
  std::vector<Turn> turns_;
  size_t next_ = 0;
  bool start_ = true;
  int64_t at_us_ = 0;
};

class AccountingTest : public SharingTest {
 protected:
  void begin(bool names_all = true) {
    switches = true;
    switches_name_all = names_all;
    restart({});
    join("heavy", {}, true, kHeavy);
    heavy = page;
    join("light", {}, true, kLight);
    light = page;
    turns.emplace(now);
  }
  /// Time goes by, with readings of switches as the daemon makes them.
  void go(Nanos time, std::optional<double> utilization = 1.0) {
    const Instant end = now + time;
    while (now < end) {
      now = now + kTick;
      sharing->take_switches({turns->until(now)});
      sharing->advance(now);
      if ((now - origin).count() % Nanos(seconds(1)).count() == 0) {
        sharing->set_utilization({}, utilization, now);
      }
    }
  }
  client::WorkloadStatus workload(const std::string& name) {
    for (const auto& one : sharing->status(now).workloads) {
      if (one.name == name) return one;
    }
    ADD_FAILURE() << "no workload " << name;
    return {};
  }
  client::Figure figure(const std::string& workload_name, const std::string& name) {
    const client::WorkloadStatus status = workload(workload_name);
    const client::Figure* found = status.find(name);
    EXPECT_NE(found, nullptr) << name;
    return found == nullptr ? client::Figure{} : *found;
  }
  double value(const std::string& workload_name, const std::string& name) {
    return figure(workload_name, name).value.value_or(-1);
  }
  double of_gpu(const std::string& name) {
    const client::DaemonStatus status = sharing->status(now);
    const client::Figure* found = status.find(name);
    EXPECT_NE(found, nullptr) << name;
    return found == nullptr ? -1 : found->value.value_or(-1);
  }
  std::vector<std::string> events() {
    std::vector<std::string> texts;
    for (const auto& event : sharing->events(0).entries) {
      if (event.kind == "gpu-time") texts.push_back(event.text);
    }
    return texts;
  }
  std::vector<client::SliceEntry> slices_of(const std::string& what) {
    std::vector<client::SliceEntry> found;
    const client::Slices all = *sharing->slices("", 0);
    for (const auto& entry : all.entries) {
      if (entry.what == what) found.push_back(entry);
    }
    return found;
  }

  const Instant origin = now;
  wire::SessionPage* heavy = nullptr;
  wire::SessionPage* light = nullptr;
  std::optional<Turns> turns;
};

// --- measured -----------------------------------------------------------------------------------

TEST_F(AccountingTest, TheRunsAreTheGpuTimeOfTheirWorkloads) {
  begin();
  turns->take_turns({{kHeavy, 30'000}, {kLight, 10'000}});
  go(seconds(1));
  EXPECT_EQ(sharing->status(now).gpu_time, Label::kMeasured);
  const double heavy_before = value("heavy", "gpu_seconds");
  const double light_before = value("light", "gpu_seconds");
  const double wall_before = of_gpu("wall_seconds");
  go(seconds(12));
  const double heavy_seconds = value("heavy", "gpu_seconds") - heavy_before;
  const double light_seconds = value("light", "gpu_seconds") - light_before;
  EXPECT_EQ(figure("heavy", "gpu_seconds").label, Label::kMeasured);
  EXPECT_NEAR(heavy_seconds / (heavy_seconds + light_seconds), 0.75, 0.002);
  EXPECT_NEAR(of_gpu("wall_seconds") - wall_before, 12, 1e-6);
  EXPECT_NEAR(heavy_seconds + light_seconds + of_gpu("switching_seconds"), 12, 0.01);
  EXPECT_NEAR(of_gpu("accounting_error"), 0, 0.001);
  EXPECT_NEAR(of_gpu("context_switches_per_s"), 2 / 0.04017, 0.5);
  EXPECT_NEAR(value("light", "longest_wait_us"), 30'000 + 2 * kSwitchUs, 1);
  EXPECT_NEAR(value("light", "context_switches"), 13 / 0.04017, 2);
  EXPECT_EQ(events().size(), 1U);
}

TEST_F(AccountingTest, GpuTimeIsEstimatedUntilTheFirstSecondWithRecordsIsOver) {
  begin();
  heavy->counters.gpu_estimated_ns = 300'000'000;
  go(seconds(1));
  EXPECT_EQ(sharing->status(now).gpu_time, Label::kEstimated);
  EXPECT_EQ(sharing->status(now).gpu_time_why, "no context switch was recorded yet");
  EXPECT_DOUBLE_EQ(value("heavy", "gpu_seconds"), 0.3);
  EXPECT_EQ(figure("heavy", "context_switches").value, std::nullopt);
  turns->take_turns({{kHeavy, 30'000}, {kLight, 10'000}});
  go(seconds(1));
  EXPECT_EQ(events().at(0), "measured from now on: the driver's record of context switches");
  heavy->counters.gpu_estimated_ns = 5'000'000'000;
  go(seconds(1));
  EXPECT_NEAR(value("heavy", "gpu_seconds"), 0.3 + 0.75, 0.03) << "estimates are not added to it";
}

TEST_F(AccountingTest, WhoHoldsTheGpuAndDoesNothingIsIdle) {
  begin();
  turns->take_turns({{kHeavy, 1'000'000'000}});
  go(seconds(2), 0.2);
  const double before = value("heavy", "gpu_seconds");
  const double idle_before = of_gpu("idle_seconds");
  go(seconds(10), 0.2);
  EXPECT_NEAR(value("heavy", "gpu_seconds") - before, 2, 0.01);
  EXPECT_NEAR(of_gpu("idle_seconds") - idle_before, 8, 0.01);
  EXPECT_DOUBLE_EQ(value("light", "gpu_seconds"), 0);
  EXPECT_NEAR(of_gpu("accounting_error"), 0, 0.001);
}

TEST_F(AccountingTest, ProcessesThatAreNoWorkloadsAreCountedApart) {
  begin();
  turns->take_turns({{kHeavy, 10'000}, {999, 30'000}});
  go(seconds(11));
  EXPECT_NEAR(of_gpu("other_seconds"), 10 * 0.75, 0.05);
  EXPECT_NEAR(value("heavy", "gpu_seconds"), 10 * 0.25, 0.05);
}

TEST_F(AccountingTest, PartsThatDoNotAddUpAreSaidOnce) {
  begin();
  turns->take_turns({{kHeavy, 30'000}, {kLight, 10'000}});
  go(seconds(12));
  EXPECT_EQ(events().size(), 1U);
  gpu::SwitchBatch batch = turns->until(now + milliseconds(900));
  now = now + milliseconds(900);
  batch.records.clear();
  batch.lost = 46;
  batch.read_at = now;
  sharing->take_switches({batch});
  go(seconds(6));
  ASSERT_EQ(events().size(), 2U);
  EXPECT_NE(events()[1].find("the parts are -"), std::string::npos) << events()[1];
  EXPECT_NE(events()[1].find("46 records lost"), std::string::npos) << events()[1];
  EXPECT_LT(of_gpu("accounting_error"), -kMostConservationError);
  EXPECT_EQ(of_gpu("lost_records"), 46);
  go(seconds(12));
  ASSERT_EQ(events().size(), 3U);
  EXPECT_NE(events()[2].find("add up"), std::string::npos);
}

TEST_F(AccountingTest, AProcessThatDiedOnTheGpuHoldsItNoLonger) {
  begin();
  turns->take_turns({{kHeavy, 1'000'000'000}});
  go(seconds(2));
  EXPECT_EQ(sharing->gpu_holder(), static_cast<int>(kHeavy));
  sharing->gpu_holder_gone(now);
  EXPECT_EQ(sharing->gpu_holder(), std::nullopt);
  const double before = value("heavy", "gpu_seconds");
  go(seconds(3), 0.0);
  EXPECT_DOUBLE_EQ(value("heavy", "gpu_seconds"), before);
}

TEST_F(AccountingTest, WhoIsParkedHoldsTheGpuNoLonger) {
  begin();
  turns->take_turns({{kHeavy, 1'000'000'000}});
  go(seconds(2));
  for (const ParkState state : {ParkState::kParking, ParkState::kParked}) {
    EXPECT_EQ(sharing->gpu_holder(), static_cast<int>(kHeavy));
    sharing->park_changed({.workload = "1000/heavy", .state = state}, "", now);
  }
  EXPECT_EQ(sharing->gpu_holder(), std::nullopt);
}

TEST_F(AccountingTest, ASessionThatEndsLeavesItsTimeWithItsWorkload) {
  begin();
  turns->take_turns({{kHeavy, 30'000}, {kLight, 10'000}});
  go(seconds(4));
  const double before = value("heavy", "gpu_seconds");
  sharing->leave(1, "it ended", now);
  join("heavy", {}, true, kHeavy + 100);
  turns->take_turns({{kHeavy + 100, 30'000}, {kLight, 10'000}});
  go(seconds(2));
  EXPECT_NEAR(value("heavy", "gpu_seconds"), before + 1.5, 0.05);
}

// --- not measured -------------------------------------------------------------------------------

TEST_F(AccountingTest, WithoutTheRecordGpuTimeIsEstimated) {
  join("heavy", {}, true, kHeavy);
  turns.emplace(now);
  for (int i = 1; i <= 12; ++i) {
    page->counters.gpu_estimated_ns = static_cast<uint64_t>(i) * 400'000'000;
    go(seconds(1), 0.4);
  }
  const client::DaemonStatus status = sharing->status(now);
  EXPECT_EQ(status.gpu_time, Label::kEstimated);
  EXPECT_EQ(status.gpu_time_why, "not here");
  EXPECT_DOUBLE_EQ(value("heavy", "gpu_seconds"), 4.8);
  EXPECT_EQ(figure("heavy", "gpu_seconds").label, Label::kEstimated);
  EXPECT_EQ(figure("heavy", "longest_wait_us").value, std::nullopt);
  EXPECT_NEAR(of_gpu("idle_seconds"), 12 * 0.6, 1e-6);
  EXPECT_EQ(status.find("idle_seconds")->label, Label::kMeasured);
  EXPECT_EQ(status.find("accounting_error")->label, Label::kEstimated);
  EXPECT_NEAR(of_gpu("accounting_error"), 0, 0.001);
  EXPECT_EQ(status.find("lost_records")->value, std::nullopt);
}

TEST_F(AccountingTest, EstimatesThatDoNotAddUpAreNoEvent) {
  join("heavy", {}, true, kHeavy);
  turns.emplace(now);
  for (int i = 1; i <= 12; ++i) {
    page->counters.gpu_estimated_ns = static_cast<uint64_t>(i) * 900'000'000;
    go(seconds(1), 0.4);
  }
  EXPECT_NEAR(of_gpu("accounting_error"), 0.5, 0.001);
  EXPECT_TRUE(events().empty());
}

TEST_F(AccountingTest, ClientsOfMpsMayOverlap) {
  Persistent mps;
  mps.settings = policy::default_settings();
  mps.settings.backend.mps = true;
  restart(mps);
  join("heavy", {}, true, kHeavy);
  heavy = page;
  join("light", {}, true, kLight);
  turns.emplace(now);
  for (int i = 1; i <= 12; ++i) {
    page->counters.gpu_estimated_ns = static_cast<uint64_t>(i) * 900'000'000;
    heavy->counters.gpu_estimated_ns = static_cast<uint64_t>(i) * 900'000'000;
    go(seconds(1), 0.95);
  }
  EXPECT_NEAR(of_gpu("gpu_seconds"), 12 * 0.95, 0.001) << "the union of all";
  EXPECT_EQ(of_gpu("accounting_error"), 0);
}

TEST_F(AccountingTest, RecordsWithoutNamesMeasureNothing) {
  begin(false);
  turns->take_turns({{0, 30'000}, {0, 10'000}});
  go(seconds(3));
  const client::DaemonStatus status = sharing->status(now);
  EXPECT_EQ(status.gpu_time, Label::kEstimated);
  EXPECT_NE(status.gpu_time_why.find("names no workload"), std::string::npos)
      << status.gpu_time_why;
  EXPECT_TRUE(slices_of("run").empty());
}

TEST_F(AccountingTest, NamesOfOnesOwnProcessesAreEnough) {
  begin(false);
  turns->take_turns({{kHeavy, 30'000}, {0, 10'000}});
  go(seconds(3));
  EXPECT_EQ(sharing->status(now).gpu_time, Label::kMeasured);
  EXPECT_NEAR(of_gpu("other_seconds"), 0.5, 0.05);
}

TEST_F(AccountingTest, ARecordThatEndsLeavesTheEstimates) {
  begin();
  turns->take_turns({{kHeavy, 30'000}, {kLight, 10'000}});
  go(seconds(3));
  sharing->lose_switches("poll said no", now);
  turns->take_turns({});
  heavy->counters.gpu_estimated_ns = 500'000'000;
  go(seconds(1));
  const double before = value("heavy", "gpu_seconds");
  heavy->counters.gpu_estimated_ns = 900'000'000;
  go(seconds(1));
  EXPECT_NEAR(value("heavy", "gpu_seconds") - before, 0.4, 1e-6);
  EXPECT_EQ(sharing->status(now).gpu_time_why, "poll said no");
  ASSERT_EQ(events().size(), 2U);
  EXPECT_EQ(events()[1], "estimated from now on: poll said no");
}

// --- who had the GPU when -----------------------------------------------------------------------

TEST_F(AccountingTest, RunsAreSlicesInTheDaemonsTime) {
  begin();
  turns->take_turns({{kHeavy, 30'000}, {kLight, 10'000}});
  go(seconds(2));
  const auto runs = slices_of("run");
  ASSERT_GT(runs.size(), 20U);
  for (size_t i = 0; i < runs.size(); ++i) {
    EXPECT_EQ(runs[i].label, Label::kMeasured);
    const bool is_heavy = runs[i].workload == "1000/heavy";
    EXPECT_EQ(runs[i].pid, static_cast<int>(is_heavy ? kHeavy : kLight));
    EXPECT_DOUBLE_EQ(runs[i].seconds, is_heavy ? 0.03 : 0.01);
    EXPECT_NEAR(static_cast<double>(runs[i].end_ns - runs[i].begin_ns), runs[i].seconds * 1e9, 2e6);
    if (i > 0) {
      EXPECT_GE(runs[i].begin_ns, runs[i - 1].end_ns);
      EXPECT_LE(runs[i].begin_ns, runs[i - 1].end_ns + kSwitchUs * 1000);
    }
  }
  EXPECT_LE(runs.back().end_ns, now.ns);
  EXPECT_GT(runs.back().end_ns, now.ns - 50'000'000);
}

TEST_F(AccountingTest, SlicesAreAskedForFromANumberOn) {
  begin();
  turns->take_turns({{kHeavy, 200}, {kLight, 200}});
  go(seconds(2));
  const client::Slices first = *sharing->slices("", 0);
  ASSERT_EQ(first.entries.size(), client::kMostSlices);
  EXPECT_TRUE(first.more);
  EXPECT_FALSE(first.missed);
  const client::Slices second = *sharing->slices("", first.next);
  EXPECT_EQ(second.entries.at(0).seq, first.entries.back().seq + 1);
  EXPECT_FALSE(second.more);
  EXPECT_TRUE(sharing->slices("", second.next)->entries.empty());
  EXPECT_EQ(sharing->slices("", second.next + 1000)->next, second.next) << "nobody has been there";
}

TEST_F(AccountingTest, SlicesOfOneWorkload) {
  begin();
  turns->take_turns({{kHeavy, 30'000}, {kLight, 10'000}});
  go(seconds(2));
  const client::Slices of_light = *sharing->slices("1000/light", 0);
  ASSERT_FALSE(of_light.entries.empty());
  for (const auto& entry : of_light.entries) EXPECT_EQ(entry.workload, "1000/light");
  EXPECT_EQ(of_light.next, sharing->slices("", 0)->next);
  EXPECT_EQ(sharing->slices("1000/nobody", 0).error().kind, ErrorKind::kUsage);
}

TEST_F(AccountingTest, OldSlicesAreOverwritten) {
  begin();
  turns->take_turns({{kHeavy, 200}, {kLight, 200}});
  go(seconds(12));
  const client::Slices late = *sharing->slices("", 1);
  EXPECT_TRUE(late.missed);
  EXPECT_GT(late.entries.at(0).seq, 1U);
  EXPECT_FALSE(sharing->slices("", 0)->missed) << "0 asks for what there is";
}

TEST_F(AccountingTest, SlicesReadBackTheSame) {
  begin();
  turns->take_turns({{kHeavy, 30'000}, {999, 10'000}});
  go(seconds(2));
  const client::Slices slices = *sharing->slices("", 0);
  const auto read = client::slices_from_json(client::to_json(slices));
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_EQ(*read, slices);
}

TEST_F(AccountingTest, TurnsAreGrantedSlices) {
  const auto id = join("heavy", {}, true, kHeavy);
  decide({{policy::SetArmed{id, wire::kArmedTurn, 100}, "by turns"},
          {policy::SetTurn{id, true}, "next by weight"}});
  const Instant begun = now;
  advance(milliseconds(30));
  decide({{policy::SetTurn{id, false}, "its turn is over"}});
  const auto granted = slices_of("turn");
  ASSERT_EQ(granted.size(), 1U);
  EXPECT_EQ(granted[0].label, Label::kGranted);
  EXPECT_EQ(granted[0].begin_ns, begun.ns);
  EXPECT_EQ(granted[0].end_ns, now.ns);
  EXPECT_EQ(granted[0].workload, "1000/heavy");
}

TEST_F(AccountingTest, ATurnEndsWithItsSession) {
  const auto id = join("heavy", {}, true, kHeavy);
  decide({{policy::SetArmed{id, wire::kArmedTurn, 100}, "by turns"},
          {policy::SetTurn{id, true}, "next by weight"}});
  now = now + milliseconds(7);
  sharing->leave(id, "it ended", now);
  ASSERT_EQ(slices_of("turn").size(), 1U);
  EXPECT_DOUBLE_EQ(slices_of("turn")[0].seconds, 0.007);
}

TEST_F(AccountingTest, WhoIsAwayHasNoTurnAndWaitsForNone) {
  const auto id = join("heavy", {}, true, kHeavy);
  decide({{policy::SetArmed{id, wire::kArmedTurn, 100}, "by turns"},
          {policy::SetTurn{id, true}, "next by weight"}});
  sharing->park_changed({.workload = "1000/heavy", .state = ParkState::kParking}, "", now);
  page->counters.gate_waits = 1;
  decide({{policy::SetTurn{id, false}, "its turn is over"}});
  advance(seconds(5));
  EXPECT_TRUE(slices_of("turn").empty());
  EXPECT_EQ(value("heavy", "gpu_wait_seconds"), 0);
  now = now + milliseconds(7);
  sharing->park_changed({.workload = "1000/heavy", .state = ParkState::kRunning}, "", now);
  page->counters.gate_waits = 2;
  advance(seconds(1));
  EXPECT_DOUBLE_EQ(value("heavy", "gpu_wait_seconds"), 1);
}

TEST_F(AccountingTest, ClosedGatesAreCountedAndTold) {
  join("lc", {{policy::AssignGate{1, 0, 50}, "latency-critical"}}, true, kHeavy);
  wire::SessionPage* lc = page;
  advance(kTick);
  lc->counters.gate_closed_ns = 40'000'000;
  advance(kTick);
  EXPECT_DOUBLE_EQ(value("lc", "gate_closed_seconds"), 0.04);
  const auto gates_told = slices_of("gate");
  ASSERT_EQ(gates_told.size(), 1U);
  EXPECT_EQ(gates_told[0].label, Label::kMeasured);
  EXPECT_DOUBLE_EQ(gates_told[0].seconds, 0.04);
  EXPECT_EQ(gates_told[0].end_ns - gates_told[0].begin_ns, Nanos(kTick).count());
}

TEST_F(AccountingTest, AGateThatTheDaemonOpenedWasClosedUntilThen) {
  join("lc", {{policy::AssignGate{1, 0, 50}, "latency-critical"}}, true, kHeavy);
  close_gate(0);
  advance(milliseconds(1));
  advance(milliseconds(150));
  ASSERT_TRUE(is_open(0));
  EXPECT_NEAR(value("lc", "gate_closed_seconds"), 0.151, 0.002);
}

TEST_F(AccountingTest, WhoWaitsForAGateWaitsAsLongAsItIsClosed) {
  join("lc", {{policy::AssignGate{1, 0, 50}, "latency-critical"}}, true, kHeavy);
  wire::SessionPage* lc = page;
  const auto effort = join("be", {}, true, kLight);
  wire::SessionPage* be = page;
  decide({{policy::SetArmed{effort, 1, 100}, "gate 0 is 1000/lc's"}});
  advance(kTick);
  lc->counters.gate_closed_ns = 40'000'000;
  be->counters.gate_waits = 3;
  advance(kTick);
  EXPECT_DOUBLE_EQ(value("be", "gpu_wait_seconds"), 0.04);
  EXPECT_DOUBLE_EQ(value("lc", "gpu_wait_seconds"), 0);
  EXPECT_EQ(figure("be", "gpu_wait_seconds").label, Label::kEstimated);
}

TEST_F(AccountingTest, SharesByEstimateStandInForRuns) {
  join("heavy", {}, true, kHeavy);
  advance(kTick);
  page->counters.gpu_estimated_ns = 60'000'000;
  advance(kTick);
  const auto shares = slices_of("share");
  ASSERT_EQ(shares.size(), 1U);
  EXPECT_EQ(shares[0].label, Label::kEstimated);
  EXPECT_DOUBLE_EQ(shares[0].seconds, 0.06);
  EXPECT_EQ(shares[0].pid, 0);
}

TEST_F(AccountingTest, MeasuredRunsNeedNoShares) {
  begin();
  turns->take_turns({{kHeavy, 30'000}, {kLight, 10'000}});
  go(seconds(2));
  const size_t before = slices_of("share").size();
  heavy->counters.gpu_estimated_ns = 700'000'000;
  go(seconds(1));
  EXPECT_EQ(slices_of("share").size(), before);
}

}  // namespace

}  // namespace corun::daemon::testing
