// What one workload or the daemon does wrong stays its own: the others' results are right, and
// their throughput is back within two seconds. Real processes on a simulated GPU.
#include "tests/fault/fault_fixture.h"

namespace corun::fault {
namespace {

TEST_F(Fault, AKilledBestEffortWorkloadLeavesTheGpuToTheOther) {
  Tenant other = start("other", "normal", kTrain);
  other.warm();
  const double alone = rate(other);
  Tenant victim = start("victim", "best-effort", kTrain);
  victim.warm();
  keep_busy(victim);
  rate(other);
  kill(victim.pid(), SIGKILL);
  expect_back(other, alone, monotonic_now());
  EXPECT_EQ(other.stop().code, 0);
}

TEST_F(Fault, AKilledHolderOfAGateLeavesItOpen) {
  Tenant train = start("train", "best-effort", kTrain);
  train.warm();
  const double alone = rate(train);
  Tenant serve = start("serve", "latency-critical", kInfer);
  serve.warm();
  keep_busy(serve);
  rate(train);
  stop_inside_a_burst(serve);
  kill(serve.pid(), SIGKILL);
  expect_back(train, alone, monotonic_now());
}

TEST_F(Fault, AStoppedHolderOfAGateHoldsNobodyUpAndGoesOnLater) {
  Tenant train = start("train", "best-effort", kTrain);
  train.warm();
  const double alone = rate(train);
  Tenant serve = start("serve", "latency-critical", kInfer);
  serve.warm();
  serve.send(StartCommand{99, monotonic_now() + std::chrono::milliseconds(30), 4, 7});
  rate(train);
  stop_inside_a_burst(serve);
  expect_back(train, alone, monotonic_now());
  kill(serve.pid(), SIGCONT);
  const DoneMessage done = done_in(serve.until<DoneMessage>());
  EXPECT_EQ(done.checksum_ok, true);
  EXPECT_EQ(serve.stop().code, 0);
}

TEST_F(Fault, AStoppedBestEffortWorkloadHoldsNobodyUp) {
  Tenant other = start("other", "normal", kTrain);
  other.warm();
  const double alone = rate(other);
  Tenant victim = start("victim", "best-effort", kTrain);
  victim.warm();
  keep_busy(victim);
  rate(other);
  kill(victim.pid(), SIGSTOP);
  expect_back(other, alone, monotonic_now());
  kill(victim.pid(), SIGKILL);
}

TEST_F(Fault, WhenTheDaemonIsKilledWorkloadsGoOnAndJoinTheNextOne) {
  Tenant train = start("train", "best-effort", kTrain);
  train.warm();
  const double alone = rate(train);
  Tenant serve = start("serve", "latency-critical", kInfer);
  serve.warm();
  serve.send(StartCommand{99, monotonic_now() + std::chrono::milliseconds(30), 8, 7});
  rate(train);
  daemon_->signal(SIGKILL);
  const Instant fault = monotonic_now();
  ASSERT_TRUE(daemon_->wait(kPatience));
  // Both share the GPU now as if corun were absent.
  expect_back(train, 0.5 * alone, fault);
  start_daemon();
  EXPECT_TRUE(eventually([this] { return have_joined({"train", "serve"}); }, 2 * kRecovery));
  rate(train);
  EXPECT_EQ(done_in(serve.until<DoneMessage>()).checksum_ok, true);
  EXPECT_EQ(train.stop().code, 0);
}

TEST_F(Fault, DaemonAndHolderOfAGateKilledTogetherHoldNobodyUp) {
  Tenant train = start("train", "best-effort", kTrain);
  train.warm();
  const double alone = rate(train);
  Tenant serve = start("serve", "latency-critical", kInfer);
  serve.warm();
  keep_busy(serve);
  rate(train);
  stop_inside_a_burst(serve);
  daemon_->signal(SIGKILL);
  kill(serve.pid(), SIGKILL);
  expect_back(train, alone, monotonic_now());
}

TEST_F(Fault, AnAllocationBeyondTheLimitFailsForItsOwnerOnly) {
  Tenant other = start("other", "normal", kTrain);
  other.warm();
  const double alone = rate(other);
  Tenant greedy = start("greedy", "best-effort", {"train", "--memory", "2GiB"},
                        {{wire::kEnvMemory, std::to_string(uint64_t{1} << 30)}});
  greedy.send(WarmCommand{.max_s = 1, .window_s = 0.1});
  EXPECT_NE(greedy.wait().code, 0) << "2 GiB fitted into a limit of 1 GiB";
  expect_back(other, alone, monotonic_now());
  Tenant modest = start("modest", "best-effort", {"train", "--memory", "512MiB"},
                        {{wire::kEnvMemory, std::to_string(uint64_t{1} << 30)}});
  modest.warm();
  EXPECT_GT(rate(modest), 0);
}

}  // namespace
}  // namespace corun::fault
