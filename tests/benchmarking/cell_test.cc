#include "benchmarking/cell.h"

#include <gtest/gtest.h>

#include <csignal>

#include "benchmarking/measured_cell.h"
#include "fake_site.h"

namespace corun::benchmarking {
namespace {

CellRequest request(FakeMode& mode, std::vector<TenantSpec> tenants) {
  CellRequest result{
      .id = "cell", .solo = false, .mode = &mode, .tenants = std::move(tenants), .seeds = {}};
  result.seeds.resize(result.tenants.size(), 7);
  return result;
}

MeasuredCell measured(const CellOutcome& outcome) {
  MeasuredCell cell = measure({.run = "run", .gpu = {}, .idle_power_w = {}},
                              {.id = "cell", .mode = "together", .mix = "mix"}, outcome, 1);
  settle(cell, BracketBook(), VoidLimits::strict(), false);
  return cell;
}

TEST(Cell, TwoGoodTenantsGiveExactRatesOverOneCommonWindow) {
  FakeSite fake;
  CellOutcome outcome = run_cell(
      fake.site,
      request(fake.together, {fake_tenant("a", "good", 100), fake_tenant("b", "open", 200)}));
  ASSERT_EQ(outcome.tenants.size(), 2U);
  EXPECT_EQ(outcome.tenants[0].window.begin, outcome.tenants[1].window.begin);
  EXPECT_EQ(outcome.end - outcome.begin, fake.site.windows.window);
  MeasuredCell cell = measured(outcome);
  EXPECT_TRUE(cell.record.valid) << cell.record.reason;
  EXPECT_NEAR(*cell.rows[0].throughput, 100, 1e-6);
  EXPECT_NEAR(*cell.rows[1].throughput, 200, 1e-6);
  EXPECT_NEAR(*cell.rows[1].offered, 200, 5.1);
  EXPECT_EQ(cell.rows[1].latency_ms->n, 40U);
  EXPECT_FALSE(cell.rows[0].latency_ms);
  EXPECT_EQ(fake.together.in_force, 0);
  EXPECT_EQ(fake.together.applied, 1);
}

TEST(Cell, WhatTheModesDaemonCountedInTheWindowIsInTheRow) {
  FakeSite fake;
  fake.together.counts = true;
  MeasuredCell cell =
      measured(run_cell(fake.site, request(fake.together, {fake_tenant("a", "good", 100)})));
  ASSERT_TRUE(cell.rows[0].managed);
  EXPECT_EQ(cell.rows[0].managed->launches, 10U) << "the look before it is taken off";
  EXPECT_EQ(cell.rows[0].managed->mechanism, "gate");
}

TEST(Cell, ListsOfTheEnvironmentAreGrownInFront) {
  FakeSite fake;
  fake.site.node_prepend_env = {{"FAKE_LIST", "node"}};
  TenantSpec tenant = fake_tenant("a", "good", 100);
  tenant.workload.env["FAKE_LIST"] = "own";
  const auto file = fake.folder() / "list";
  tenant.workload.command = {"sh", "-c",
                             "printf %s \"$FAKE_LIST\" > " + file.string() + "; exec " +
                                 (fake.site.program_dir / "fake_tenant").string() + " good 100"};
  CellOutcome outcome = run_cell(fake.site, request(fake.together, {tenant}));
  EXPECT_TRUE(measured(outcome).record.valid);
  EXPECT_EQ(read_file(file).value(), "mode:node:own");
}

TEST(Cell, TurnsAreDisjointAndRatesAreOverAllTurns) {
  FakeSite fake;
  CellOutcome outcome =
      run_cell(fake.site,
               request(fake.turns, {fake_tenant("a", "good", 100), fake_tenant("b", "good", 200)}));
  EXPECT_TRUE(outcome.took_turns);
  const TenantWindow& first = outcome.tenants[0].window;
  const TenantWindow& second = outcome.tenants[1].window;
  EXPECT_GE(second.begin, first.begin + from_seconds(first.seconds));
  MeasuredCell cell = measured(outcome);
  EXPECT_TRUE(cell.record.valid) << cell.record.reason;
  EXPECT_NEAR(*cell.rows[0].throughput, 50, 1e-6);
  EXPECT_NEAR(*cell.rows[1].throughput, 100, 1e-6);
}

struct Misbehaviour {
  const char* behaviour;
  const char* rule;
  const char* text;  ///< part of the reason
};

class BadTenant : public testing::TestWithParam<Misbehaviour> {};

TEST_P(BadTenant, VoidsItsCellWithTheReasonAndLeavesNothing) {
  FakeSite fake;
  fake.site.windows.start_timeout = std::chrono::milliseconds(1500);
  fake.site.windows.patience = std::chrono::milliseconds(1500);
  CellOutcome outcome = run_cell(
      fake.site, request(fake.together,
                         {fake_tenant("good", "good"), fake_tenant("bad", GetParam().behaviour)}));
  MeasuredCell cell = measured(outcome);
  EXPECT_FALSE(cell.record.valid);
  auto reasons = void_reasons(cell.facts, VoidLimits::strict());
  ASSERT_FALSE(reasons.empty());
  EXPECT_EQ(reasons[0].rule, GetParam().rule) << cell.record.reason;
  EXPECT_EQ(reasons[0].workload, "bad");
  EXPECT_NE(cell.record.reason.find(GetParam().text), std::string::npos) << cell.record.reason;
  EXPECT_EQ(fake.together.in_force, 0);
}

INSTANTIATE_TEST_SUITE_P(
    All, BadTenant,
    testing::Values(
        Misbehaviour{"never-initialised", "never-ready", "no `initialised` within 1.5 s"},
        Misbehaviour{"never-ready", "never-ready", "no `ready` within 1.8 s of warm-up"},
        Misbehaviour{"exits-early", "early-exit", "its last line: something broke"},
        Misbehaviour{"hangs", "hang", "no `done` within 1.6 s after the window's end"},
        Misbehaviour{"garbage", "protocol", "this is not JSON"},
        Misbehaviour{"flood", "protocol", "broke the row protocol"},
        Misbehaviour{"wrong-checksum", "checksum", "wrong checksum"},
        Misbehaviour{"late", "generator-lag", "load generator was late (p99 5000 us"},
        Misbehaviour{"error", "workload-error", "gave up: out of memory"}));

TEST(Cell, ASaturatedTenantIsMarkedAndItsPercentilesWithheld) {
  FakeSite fake;
  MeasuredCell cell =
      measured(run_cell(fake.site, request(fake.together, {fake_tenant("a", "saturated", 1000)})));
  EXPECT_TRUE(cell.record.valid) << cell.record.reason;
  EXPECT_TRUE(cell.rows[0].saturated);
  EXPECT_FALSE(cell.rows[0].latency_ms->p50);
}

TEST(Cell, ACommandThatDoesNotExistIsAReason) {
  FakeSite fake;
  TenantSpec tenant = fake_tenant("a", "good");
  tenant.workload.command = {"no-such-program"};
  MeasuredCell cell = measured(run_cell(fake.site, request(fake.together, {tenant})));
  EXPECT_FALSE(cell.record.valid);
  EXPECT_NE(cell.record.reason.find("no-such-program"), std::string::npos) << cell.record.reason;
  EXPECT_EQ(fake.together.in_force, 0);
}

TEST(Cell, AModeThatCannotBeAppliedIsAReason) {
  FakeSite fake;
  fake.together.apply_status = failed("the MPS daemon does not start");
  MeasuredCell cell =
      measured(run_cell(fake.site, request(fake.together, {fake_tenant("a", "good")})));
  EXPECT_EQ(cell.record.reason, "the MPS daemon does not start");
}

TEST(Cell, AModeThatIsNotInForceVoidsTheCellBeforeItIsMeasured) {
  FakeSite fake;
  fake.together.check_status = failed("a is not an MPS client");
  CellOutcome outcome = run_cell(fake.site, request(fake.together, {fake_tenant("a", "good")}));
  EXPECT_EQ(measured(outcome).record.reason, "a is not an MPS client");
  EXPECT_EQ(outcome.tenants[0].window.seconds, 0);
  EXPECT_EQ(fake.together.in_force, 0);
}

TEST(Cell, AForeignProcessVoidsIt) {
  FakeSite fake;
  fake.watch.on_gpu = {GpuProcess{.pid = 1, .memory_bytes = {}, .sm_utilization = {}}};
  MeasuredCell cell =
      measured(run_cell(fake.site, request(fake.together, {fake_tenant("a", "good")})));
  EXPECT_EQ(cell.record.reason, "foreign process on the GPU: PID 1");
}

TEST(Cell, ASilentCommandIsReadyAfterItsDelayAndHasNoThroughput) {
  FakeSite fake;
  TenantSpec tenant = fake_tenant("a", "silent");
  tenant.speaks = Speaks::kNothing;
  tenant.ready_after = std::chrono::milliseconds(50);
  MeasuredCell cell =
      measured(run_cell(fake.site, request(fake.together, {tenant, fake_tenant("b", "good")})));
  EXPECT_TRUE(cell.record.valid) << cell.record.reason;
  EXPECT_FALSE(cell.rows[0].throughput);
  EXPECT_NEAR(*cell.rows[1].throughput, 100, 1e-6);
}

TEST(Cell, ASilentCommandCannotTakeTurns) {
  FakeSite fake;
  TenantSpec tenant = fake_tenant("a", "silent");
  tenant.speaks = Speaks::kNothing;
  tenant.ready_after = std::chrono::milliseconds(10);
  MeasuredCell cell =
      measured(run_cell(fake.site, request(fake.turns, {tenant, fake_tenant("b", "good")})));
  EXPECT_NE(cell.record.reason.find("cannot take turns"), std::string::npos) << cell.record.reason;
}

TEST(Cell, AnInterruptEndsItAtOnceAndUndoesTheMode) {
  FakeSite fake;
  InterruptGuard guard;
  fake.site.interrupt = &guard;
  fake.site.windows.window = std::chrono::seconds(60);
  // Ctrl-C in the middle of the window: as soon as the tenants' mode is checked before it.
  fake.site.tick = [&] {
    if (!guard.requested()) raise(SIGINT);
  };
  Instant begin = monotonic_now();
  CellOutcome outcome = run_cell(fake.site, request(fake.together, {fake_tenant("a", "good")}));
  EXPECT_TRUE(outcome.interrupted);
  EXPECT_LT(monotonic_now() - begin, std::chrono::seconds(20));
  EXPECT_EQ(fake.together.in_force, 0);
}

TEST(Cell, ThirtyTwoTenantsWork) {
  FakeSite fake;
  std::vector<TenantSpec> tenants;
  for (int i = 0; i < 32; ++i) tenants.push_back(fake_tenant("t" + std::to_string(i), "good", 10));
  MeasuredCell cell = measured(run_cell(fake.site, request(fake.together, tenants)));
  EXPECT_TRUE(cell.record.valid) << cell.record.reason;
  EXPECT_EQ(cell.rows.size(), 32U);
  EXPECT_NEAR(*cell.record.aggregate, 320, 1e-3);
}

}  // namespace
}  // namespace corun::benchmarking
