// Where the GPU's time went: what was idle of the time that was held, whether the parts add up, and
// whose it was.
#include "engine/daemon/gpu_time.h"

#include <gtest/gtest.h>

#include <ostream>

#include "engine/daemon/waits.h"
#include "tests/gpu/switch_events.h"

namespace corun::daemon {
namespace {

using gpu::testing::switch_events;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

// --- split_idle ---

struct Split {
  const char* name;
  HeldWindow window;
  std::optional<double> utilization;
  std::vector<Nanos> busy;
  Nanos idle;
};
void PrintTo(const Split& split, std::ostream* out) { *out << split.name; }

HeldWindow window(std::vector<HeldWindow::Holder> holders, Nanos switching = {}, Nanos nobody = {},
                  Nanos unknown = {}) {
  return {std::move(holders), switching, nobody, unknown};
}

class SplitIdleTest : public ::testing::TestWithParam<Split> {};

TEST_P(SplitIdleTest, TakesTheIdleTimeOffTheHolders) {
  const IdleSplit split = split_idle(GetParam().window, GetParam().utilization);
  ASSERT_EQ(split.busy.size(), GetParam().busy.size());
  for (size_t i = 0; i < split.busy.size(); ++i) {
    EXPECT_NEAR(to_millis(split.busy[i]), to_millis(GetParam().busy[i]), 0.001) << i;
  }
  EXPECT_NEAR(to_millis(split.idle), to_millis(GetParam().idle), 0.001);
}

INSTANTIATE_TEST_SUITE_P(
    Windows, SplitIdleTest,
    ::testing::Values(
        Split{"without NVML who holds it is busy",
              window({{"a", milliseconds(700), milliseconds(100)}}, {}, milliseconds(300)),
              std::nullopt,
              {milliseconds(700)},
              milliseconds(300)},
        Split{"one that holds it alone and works a fifth of the time",
              window({{"lc", milliseconds(1000), milliseconds(180)}}),
              0.2,
              {milliseconds(200)},
              milliseconds(800)},
        Split{"two that saturate it",
              window({{"a", milliseconds(740), milliseconds(700)},
                      {"b", milliseconds(240), milliseconds(260)}},
                     milliseconds(20)),
              1.0,
              {milliseconds(740), milliseconds(240)},
              Nanos(0)},
        Split{"switches that NVML takes for idle are nobody's fault",
              window({{"a", milliseconds(740), milliseconds(100)},
                      {"b", milliseconds(220), milliseconds(100)}},
                     milliseconds(40)),
              0.96,
              {milliseconds(740), milliseconds(220)},
              Nanos(0)},
        Split{"who worked as long as he held it was not idle",
              window({{"lc", milliseconds(500), milliseconds(180)},
                      {"be", milliseconds(500), milliseconds(500)}}),
              0.7,
              {milliseconds(200), milliseconds(500)},
              milliseconds(300)},
        Split{"both were idle, as their estimates say",
              window({{"lc", milliseconds(500), milliseconds(180)},
                      {"be", milliseconds(500), milliseconds(400)}}),
              0.58,
              {milliseconds(180), milliseconds(400)},
              milliseconds(420)},
        Split{"estimates that are too long do not keep idle time",
              window({{"lc", milliseconds(500), milliseconds(900)},
                      {"be", milliseconds(500), milliseconds(900)}}),
              0.5,
              {milliseconds(250), milliseconds(250)},
              milliseconds(500)},
        Split{"an empty GPU", window({}, {}, milliseconds(1000)), 0.0, {}, milliseconds(1000)},
        Split{"other processes are judged the same way",
              window({{"", milliseconds(900), {}}, {"a", milliseconds(100), milliseconds(100)}}),
              0.1,
              {Nanos(0), milliseconds(100)},
              milliseconds(900)}));

// --- conservation ---

struct Sums {
  const char* name;
  TimeSums sums;
  bool overlap;
  std::optional<double> error;
};
void PrintTo(const Sums& sums, std::ostream* out) { *out << sums.name; }

class ConservationTest : public ::testing::TestWithParam<Sums> {};

TEST_P(ConservationTest, TheErrorIsWhatThePartsAreOff) {
  const auto error = conservation_error(GetParam().sums, GetParam().overlap);
  ASSERT_EQ(error.has_value(), GetParam().error.has_value());
  EXPECT_NEAR(error.value_or(0), GetParam().error.value_or(0), 1e-9);
}

INSTANTIATE_TEST_SUITE_P(
    Windows, ConservationTest,
    ::testing::Values(
        Sums{"no time, no error", {}, false, std::nullopt},
        Sums{"all parts",
             {seconds(10), seconds(6), seconds(1), milliseconds(500), milliseconds(2500), 0},
             false,
             0.0},
        Sums{"records were lost", {seconds(10), seconds(9), {}, {}, {}, 0}, false, -0.1},
        Sums{
            "estimates are too long", {seconds(10), seconds(9), {}, {}, seconds(3), 0}, false, 0.2},
        Sums{
            "clients of MPS overlap", {seconds(10), seconds(25), {}, {}, seconds(1), 0}, true, 0.0},
        Sums{"but do not leave gaps",
             {seconds(10), seconds(5), {}, {}, seconds(1), 0},
             true,
             -0.4}));

TEST(Conservation, LooksAtTheLastTenSecondsOnly) {
  Conservation conservation;
  TimeSums sums;
  const auto second = [&](Nanos workloads) {
    sums.wall += seconds(1);
    sums.workloads += workloads;
    conservation.add(sums);
    const auto window = conservation.window();
    return window ? conservation_error(*window, false) : std::nullopt;
  };
  conservation.add(sums);
  for (int i = 0; i < 9; ++i) EXPECT_FALSE(second(Nanos(0))) << "there is no whole window yet";
  EXPECT_NEAR(second(seconds(1)).value_or(0), -0.9, 1e-9);
  for (int i = 0; i < 8; ++i) second(seconds(1));
  EXPECT_NEAR(second(seconds(1)).value_or(1), 0, 1e-9);
}

// --- whose time it was ---

Instant at(int64_t us) { return Instant{7'000'000'000} + microseconds(us); }

class HeldTimeTest : public ::testing::Test {
 protected:
  std::vector<HeldRun> take(const std::string& events, int64_t read_us, uint64_t lost = 0) {
    return held.take({switch_events(events), lost, at(read_us)});
  }
  static std::string text(const std::vector<HeldRun>& runs) {
    std::string all;
    for (const HeldRun& run : runs) {
      all += (all.empty() ? "" : " ") + (run.workload.empty() ? "?" : run.workload) + "[" +
             std::to_string((run.begin - at(0)).count() / 1000) + "," +
             std::to_string((run.end - at(0)).count() / 1000) + ")";
    }
    return all;
  }
  /// Milliseconds of a holder in the window that ends now.
  std::map<std::string, double> held_ms() {
    std::map<std::string, double> all;
    const HeldWindow window = held.take_window();
    for (const auto& holder : window.holders) all[holder.workload] = to_millis(holder.held);
    all["switching"] = to_millis(window.switching);
    all["nobody"] = to_millis(window.nobody);
    all["unknown"] = to_millis(window.unknown);
    return all;
  }
  HeldTime held;
};

TEST_F(HeldTimeTest, RunsBelongToTheWorkloadsOfTheirProcesses) {
  held.join(1, "0/a");
  held.join(2, "0/b");
  EXPECT_EQ(text(take("S1@0 E1@6000 S2@6085 E2@8085 S9@8170 E9@9000 S1@9085", 9085)),
            "0/a[0,6000) 0/b[6085,8085) ?[8170,9000)");
  auto ms = held_ms();
  EXPECT_DOUBLE_EQ(ms["0/a"], 6);
  EXPECT_DOUBLE_EQ(ms["0/b"], 2);
  EXPECT_DOUBLE_EQ(ms[""], 0.83);
  EXPECT_DOUBLE_EQ(ms["switching"], 0.255);
  EXPECT_EQ(held.switches(), 3U);
  EXPECT_EQ(held_ms()["0/a"], 0) << "a window is taken once";
}

TEST_F(HeldTimeTest, AWorkloadHasAllItsProcesses) {
  held.join(1, "0/a");
  held.join(2, "0/a");
  take("S1@0 E1@1000 S2@1085 E2@3085", 3085);
  EXPECT_DOUBLE_EQ(held_ms()["0/a"], 3);
  EXPECT_EQ(held.counts("0/a").runs, 2U);
  EXPECT_EQ(held.counts("0/a").held, Nanos(milliseconds(3))) << "whatever windows were taken";
}

TEST_F(HeldTimeTest, AProcessThatLeftIsItsWorkloadsForAMoment) {
  held.join(1, "0/a");
  take("S1@0 E1@1000", 1000);
  held.leave(1, at(1000));
  take("S1@2000 E1@3000", 3000);
  EXPECT_DOUBLE_EQ(held_ms()["0/a"], 2);
  take("S1@9000000 E1@9001000", 9'001'000);
  auto ms = held_ms();
  EXPECT_DOUBLE_EQ(ms["0/a"], 0);
  EXPECT_DOUBLE_EQ(ms[""], 1);
}

TEST_F(HeldTimeTest, ALongRunIsToldInParts) {
  held.join(1, "0/a");
  take("S1@0", 0);
  EXPECT_EQ(text(take("", 900'000)), "");
  EXPECT_EQ(text(take("", 1'100'000)), "0/a[0,1100000)");
  EXPECT_EQ(text(take("E1@1300000 S2@1300085", 1'300'085)), "0/a[1100000,1300000)");
  EXPECT_EQ(held.counts("0/a").runs, 1U) << "it is one run all the same";
}

TEST_F(HeldTimeTest, TheLongestWaitIsThatOfTheLastSeconds) {
  held.join(1, "0/a");
  EXPECT_FALSE(held.counts("0/a").longest_wait);
  take("S1@0 E1@1000 S2@1085 E2@5915 S1@6000 E1@7000 S2@7085 E2@7915 S1@8000", 8000);
  EXPECT_EQ(held.counts("0/a").longest_wait, Nanos(milliseconds(5)));
  take("E1@30000000 S2@30000085 E2@30000900 S1@30001000 E1@30002000", 30'002'000);
  take("S2@30002085 E2@41000000 S1@41000085 E1@41000090", 41'000'090);
  EXPECT_EQ(held.counts("0/a").longest_wait, Nanos(microseconds(10'998'085)));
}

TEST_F(HeldTimeTest, WhoIsGoneHoldsNothing) {
  held.join(1, "0/a");
  take("S1@0", 0);
  EXPECT_EQ(held.holder(), 1);
  EXPECT_EQ(text(held.process_gone(1, at(4000))), "0/a[0,4000)");
  EXPECT_EQ(held.holder(), std::nullopt);
  take("", 10'000);
  EXPECT_DOUBLE_EQ(held_ms()["nobody"], 6);
}

TEST_F(HeldTimeTest, OthersAreNoHolderThatAnybodyLooksAfter) {
  take("S9@0", 0);
  EXPECT_EQ(held.holder(), std::nullopt);
  EXPECT_FALSE(held.named());
}

TEST_F(HeldTimeTest, LostTimeIsNobodys) {
  held.join(1, "0/a");
  take("S1@0 E1@1000 S2@1085", 5000, 7);
  take("S1@6085", 6085);
  auto ms = held_ms();
  EXPECT_DOUBLE_EQ(ms["unknown"], 5);
  EXPECT_EQ(held.lost(), 7U);
}

// --- waits ---

TEST(WaitTime, ClosedGatesCountWhileWorkWaits) {
  WaitTime waits;
  waits.look({}, 0, at(0));
  waits.look(milliseconds(20), 0, at(100'000));
  EXPECT_EQ(waits.total(), Nanos(0)) << "it had nothing to wait with";
  waits.look(milliseconds(20), 5, at(200'000));
  EXPECT_EQ(waits.total(), milliseconds(20));
  waits.look(milliseconds(30), 5, at(300'000));
  EXPECT_EQ(waits.total(), milliseconds(50)) << "what was enqueued before may have waited on";
  waits.look(milliseconds(30), 5, at(400'000));
  EXPECT_EQ(waits.total(), milliseconds(50));
}

TEST(WaitTime, NobodyWaitsLongerThanTimeGoesBy) {
  WaitTime waits;
  waits.look({}, 0, at(0));
  waits.look(seconds(9), 1, at(100'000));
  EXPECT_EQ(waits.total(), milliseconds(100));
}

TEST(WaitTime, ATurnOfOthersCountsFromItsBeginOnceSomethingWaits) {
  WaitTime waits;
  waits.look({}, 5, at(0));
  waits.set_turn_closed(true, 5, at(10'000));
  waits.look({}, 5, at(100'000));
  EXPECT_EQ(waits.total(), Nanos(0));
  waits.look({}, 6, at(200'000));
  EXPECT_EQ(waits.total(), milliseconds(190));
  waits.set_turn_closed(false, 6, at(250'000));
  EXPECT_EQ(waits.total(), milliseconds(240));
  waits.look({}, 6, at(300'000));
  EXPECT_EQ(waits.total(), milliseconds(240));
}

TEST(WaitTime, AClosedGateWithinATurnOfOthersDoesNotCountTwice) {
  WaitTime waits;
  waits.look({}, 5, at(0));
  waits.set_turn_closed(true, 5, at(0));
  waits.look(milliseconds(40), 6, at(100'000));
  EXPECT_EQ(waits.total(), milliseconds(100));
}

}  // namespace
}  // namespace corun::daemon
