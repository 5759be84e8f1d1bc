// Joining, orders and leaving, with a daemon that behaves well or badly.
#include <gtest/gtest.h>

#include <chrono>

#include "core/clock.h"
#include "tests/shim/fake_daemon.h"
#include "tests/shim/workload.h"

namespace corun::shim {
namespace {

using std::chrono::milliseconds;
using testing::counting_library;
using testing::eventually;
using testing::FakeDaemon;
using testing::Manner;
using testing::Workload;

Workload::Options under(const FakeDaemon& daemon) {
  return {.behind = counting_library(), .environment = {{"CORUN_RUN_DIR", daemon.run_dir()}}};
}

class BadDaemonTest : public ::testing::TestWithParam<Manner> {};

TEST_P(BadDaemonTest, TheWorkloadRunsAsIfCorunWereAbsent) {
  FakeDaemon daemon(GetParam());
  Workload workload(under(daemon));
  const auto before = monotonic_now();
  ASSERT_EQ(workload.ask("start"), "0");
  EXPECT_EQ(workload.ask("launch 5"), "0");
  EXPECT_LT(monotonic_now() - before, milliseconds(1500));  // 200 on an idle machine
  EXPECT_EQ(workload.ask("calls cuLaunchKernel"), "5");
  EXPECT_EQ(workload.ask("alloc plain 1000000000"), "0");
  EXPECT_EQ(workload.ask("present"), "0");
}

INSTANTIATE_TEST_SUITE_P(Daemons, BadDaemonTest,
                         ::testing::Values(Manner::kHang, Manner::kOtherVersion, Manner::kRefuse,
                                           Manner::kGarbage, Manner::kFewDescriptors,
                                           Manner::kShortPages, Manner::kOtherPages,
                                           Manner::kClose));

TEST(Session, WithoutADaemonTheWorkloadRuns) {
  Workload workload({.environment = {{"CORUN_RUN_DIR", "/nonexistent"}}});
  ASSERT_EQ(workload.ask("start"), "0");
  EXPECT_EQ(workload.ask("launch 5"), "0");
  EXPECT_EQ(workload.ask("calls cuLaunchKernel"), "5");
}

TEST(Session, ADaemonThatComesLaterIsJoined) {
  FakeDaemon daemon(Manner::kRefuse);
  Workload workload(under(daemon));
  ASSERT_EQ(workload.ask("start"), "0");
  daemon.set_manner(Manner::kWelcome);
  EXPECT_TRUE(workload.becomes("present", "1"));
}

TEST(Session, TheRequestSaysWhatTheEnvironmentSays) {
  FakeDaemon daemon;
  Workload::Options options = under(daemon);
  options.environment["CORUN_NAME"] = "bert";
  options.environment["CORUN_CLASS"] = "latency-critical";
  options.environment["CORUN_WEIGHT"] = "2.5";
  options.environment["CORUN_MEMORY"] = "20000000000";
  options.environment["CORUN_LATENCY_TARGET_US"] = "1500";
  Workload workload(options);
  ASSERT_EQ(workload.ask("start"), "0");
  ASSERT_NE(daemon.session(0), nullptr);
  const wire::JoinRequest request = daemon.request(0);
  EXPECT_STREQ(request.workload, "bert");
  EXPECT_STREQ(request.program, "shim_app");
  EXPECT_EQ(request.workload_class, wire::WorkloadClass::kLatencyCritical);
  EXPECT_EQ(request.weight_milli, 2500U);
  EXPECT_EQ(request.memory_limit_bytes, 20000000000U);
  EXPECT_EQ(request.latency_target_us, 1500U);
  EXPECT_EQ(request.flags, wire::kJoinReadOnlyGates);
  EXPECT_GT(request.process_start, 0U);
}

TEST(Session, ASliceIsSetOnceTheGroupsHaveRun) {
  FakeDaemon daemon;
  daemon.slice_us = 5000;
  Workload workload(under(daemon));
  ASSERT_EQ(workload.ask("start"), "0");
  ASSERT_EQ(workload.ask("group 11"), "0");
  ASSERT_EQ(workload.ask("group 12 wrapped"), "0");
  wire::SessionPage* page = daemon.session(0);
  ASSERT_TRUE(eventually([&] { return page->counters.channel_groups.load() == 2; }));
  EXPECT_EQ(workload.ask("counted slices"), "0");  // not before 0.2 s
  ASSERT_TRUE(eventually([&] { return page->counters.slice_us.load() == 5000; }));
  EXPECT_EQ(workload.ask("counted slices"), "2");
  EXPECT_EQ(workload.ask("counted last_slice"), "5000");
}

TEST(Session, NewOrdersAreCarriedOutWithoutDelay) {
  FakeDaemon daemon;
  Workload workload(under(daemon));
  ASSERT_EQ(workload.ask("start"), "0");
  ASSERT_EQ(workload.ask("group 11"), "0");
  wire::SessionPage* page = daemon.session(0);
  page->orders.slice_us = 1;
  FakeDaemon::wake(*page);
  EXPECT_TRUE(workload.becomes("counted last_slice", "1"));
  page->orders.slice_us = 1000000;
  FakeDaemon::wake(*page);
  EXPECT_TRUE(workload.becomes("counted last_slice", "1000000"));
  EXPECT_TRUE(eventually([&] { return page->counters.orders_seen.load() == 2; }));
}

TEST(Session, PreemptIsDoneOncePerOrder) {
  FakeDaemon daemon;
  Workload workload(under(daemon));
  ASSERT_EQ(workload.ask("start"), "0");
  ASSERT_EQ(workload.ask("group 11"), "0");
  wire::SessionPage* page = daemon.session(0);
  page->orders.preempt_sequence = 1;
  FakeDaemon::wake(*page);
  ASSERT_TRUE(eventually([&] { return page->counters.preemptions.load() == 1; }));
  FakeDaemon::wake(*page);
  ASSERT_TRUE(eventually([&] { return page->counters.orders_seen.load() == 2; }));
  EXPECT_EQ(workload.ask("counted preempts"), "1");
}

TEST(Session, WhenTheLeaseEndsTheDefaultSliceComesBack) {
  FakeDaemon daemon;
  daemon.slice_us = 1;
  Workload workload(under(daemon));
  ASSERT_EQ(workload.ask("start"), "0");
  ASSERT_EQ(workload.ask("group 11"), "0");
  EXPECT_TRUE(workload.becomes("counted last_slice", "1"));
  wire::SessionPage* page = daemon.session(0);
  page->turn.word = wire::kClosed;
  page->orders.lease_until_ns = 1;
  EXPECT_TRUE(workload.becomes("counted last_slice", "2000"));
  EXPECT_TRUE(eventually([&] { return page->turn.word.load() == wire::kOpen; }));
  EXPECT_EQ(workload.ask("present"), "0");
}

TEST(Session, WhenTheDaemonDiesTheDefaultSliceComesBackAndItIsJoinedAgain) {
  FakeDaemon daemon;
  daemon.slice_us = 1;
  Workload workload(under(daemon));
  ASSERT_EQ(workload.ask("start"), "0");
  ASSERT_EQ(workload.ask("group 11"), "0");
  EXPECT_TRUE(workload.becomes("counted last_slice", "1"));
  daemon.set_manner(Manner::kRefuse);
  daemon.hang_up();
  EXPECT_TRUE(workload.becomes("counted last_slice", "2000"));
  daemon.set_manner(Manner::kWelcome);
  EXPECT_TRUE(workload.becomes("present", "1"));
  EXPECT_TRUE(workload.becomes("counted last_slice", "1"));
}

TEST(Session, ToldToJoinAgainItDoesSoAtOnceAndASecondTimeLater) {
  FakeDaemon daemon;
  Workload workload(under(daemon));
  ASSERT_EQ(workload.ask("start"), "0");
  const auto told = [&daemon](size_t index) {
    wire::SessionPage* page = daemon.session(index);
    const Instant begin = monotonic_now();
    page->orders.leave = wire::kJoinAgain;
    FakeDaemon::wake(*page);
    EXPECT_TRUE(eventually([&] { return daemon.connections() == index + 2; }));
    return monotonic_now() - begin;
  };
  EXPECT_LT(told(0), std::chrono::milliseconds(900));
  EXPECT_TRUE(workload.becomes("present", "1"));
  EXPECT_GT(told(1), std::chrono::milliseconds(50));  // a second after the last time
}

TEST(Session, AnExpiredLeaseThatIsRenewedHoldsAgain) {
  FakeDaemon daemon;
  Workload workload(under(daemon));
  ASSERT_EQ(workload.ask("start"), "0");
  wire::SessionPage* page = daemon.session(0);
  const uint64_t lease = page->orders.lease_until_ns;
  page->orders.lease_until_ns = 1;
  EXPECT_TRUE(workload.becomes("present", "0"));
  page->orders.lease_until_ns = lease;
  FakeDaemon::wake(*page);
  EXPECT_TRUE(workload.becomes("present", "1"));
  EXPECT_EQ(daemon.connections(), 1U);
}

TEST(Session, TheHeartbeatGoesOnWhileTheWorkloadIsIdle) {
  FakeDaemon daemon;
  Workload workload(under(daemon));
  ASSERT_EQ(workload.ask("start"), "0");
  wire::SessionPage* page = daemon.session(0);
  const uint64_t first = page->counters.heartbeat_ns.load();
  EXPECT_TRUE(eventually([&] { return page->counters.heartbeat_ns.load() > first; }));
}

TEST(Session, WhoWaitsForTurnsTellsOfAnEmptyQueueBeforeItLaunchesAnything) {
  FakeDaemon daemon;
  Workload workload(under(daemon));
  ASSERT_EQ(workload.ask("start"), "0");
  wire::SessionPage* page = daemon.session(0);
  EXPECT_EQ(page->counters.flags & wire::kFlagFollowed, 0U);
  page->hot.armed = wire::kArmedTurn;
  FakeDaemon::wake(*page);
  ASSERT_TRUE(eventually([&] { return (page->counters.flags & wire::kFlagFollowed) != 0; }));
  EXPECT_EQ(page->counters.flags & wire::kFlagBursting, 0U);
}

TEST(Session, ALatencyCriticalBurstClosesAndOpensItsGate) {
  FakeDaemon daemon;
  daemon.gate = 2;
  Workload::Options options = under(daemon);
  options.environment["CORUN_CLASS"] = "latency-critical";
  Workload workload(options);
  ASSERT_EQ(workload.ask("start"), "0");
  wire::SessionPage* page = daemon.session(0);
  wire::GatePage* gate = daemon.gate_page(0, 2);
  page->hot.linger_us = 300'000;  // long enough for a test to look
  ASSERT_EQ(workload.ask("launch 3 64"), "0");
  EXPECT_EQ(gate->word.load(), wire::kClosed);
  ASSERT_EQ(workload.ask("sync"), "0");
  EXPECT_EQ(page->counters.burst_index.load(), 1U);
  EXPECT_TRUE(eventually([&] { return gate->word.load() == wire::kOpen; }));
}

TEST(Session, ABurstThatNobodyWaitsForOpensTheGate) {
  FakeDaemon daemon;
  daemon.gate = 2;
  Workload::Options options = under(daemon);
  options.environment["CORUN_CLASS"] = "latency-critical";
  Workload workload(options);
  ASSERT_EQ(workload.ask("start"), "0");
  wire::GatePage* gate = daemon.gate_page(0, 2);
  ASSERT_EQ(workload.ask("launch 3 64"), "0");
  EXPECT_TRUE(eventually([&] { return gate->word.load() == wire::kOpen; }));
  EXPECT_EQ(gate->burst.load(), 1U);
}

TEST(Session, AProgramThatUsesTheGpuWhileItExitsEnds) {
  FakeDaemon daemon;
  daemon.gate = 2;
  Workload::Options options = under(daemon);
  options.environment["CORUN_CLASS"] = "latency-critical";
  Workload workload(options);
  ASSERT_EQ(workload.ask("late-user"), "0");
  ASSERT_EQ(workload.ask("start"), "0");
  daemon.session(0)->hot.linger_us = 1'000'000;
  wire::GatePage* gate = daemon.gate_page(0, 2);
  ASSERT_EQ(workload.ask("launch 3 64"), "0");
  EXPECT_EQ(gate->word.load(), wire::kClosed);
  EXPECT_EQ(workload.ask("exit"), "late 0");
  EXPECT_EQ(gate->word.load(), wire::kOpen) << "also after its late launches";
}

TEST(Session, AProgramEndsAlthoughTheThreadIsInADriverCallThatDoesNotReturn) {
  FakeDaemon daemon;
  daemon.gate = 2;
  Workload::Options options = under(daemon);
  options.environment["CORUN_CLASS"] = "latency-critical";
  Workload workload(options);
  ASSERT_EQ(workload.ask("late-user"), "0");
  ASSERT_EQ(workload.ask("start"), "0");
  wire::GatePage* gate = daemon.gate_page(0, 2);
  ASSERT_EQ(workload.ask("hang-queries"), "0");
  ASSERT_EQ(workload.ask("launch 3 64"), "0");
  ASSERT_TRUE(workload.becomes("calls cuStreamQuery", "1"));
  EXPECT_EQ(workload.ask("exit"), "late 0");
  EXPECT_EQ(gate->word.load(), wire::kOpen);
}

TEST(Session, ArmedWorkWaitsOnTheGpu) {
  FakeDaemon daemon;
  Workload workload(under(daemon));
  ASSERT_EQ(workload.ask("start"), "0");
  wire::SessionPage* page = daemon.session(0);
  page->hot.armed = 1;
  ASSERT_EQ(workload.ask("launch 3 64"), "0");
  EXPECT_GE(page->counters.gate_waits.load(), 1U);
  EXPECT_EQ(page->counters.gate_registered.load(), 0xFFU | wire::kArmedTurn);
}

}  // namespace
}  // namespace corun::shim
