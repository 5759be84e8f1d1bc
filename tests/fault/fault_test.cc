// What one workload or the daemon does wrong stays its own: the others' results are right, and
// their throughput is back within two seconds. Real processes on a simulated GPU.
#include <gtest/gtest.h>

#include <csignal>

#include "core/wire/join.h"
#include "engine/client/client.h"
#include "tests/workloads/simulated_node.h"

namespace corun {
namespace {

using synthetic::done_in;
using synthetic::kPatience;
using synthetic::kSimgpu;
using synthetic::Tenant;

/// Time for everything to be as it was.
constexpr Nanos kRecovery = std::chrono::seconds(2);
/// Of the rate alone that is throughput again; the rest is left to busy machines.
constexpr double kBack = 0.6;
constexpr double kWindow_s = 0.6;
constexpr double kLong_s = 60;
/// Long enough that the machine's own speed hardly matters.
const std::vector<std::string> kTrain{"train", "--kernel-us", "1000"};
const std::vector<std::string> kInfer{"infer", "--rate", "200", "--request-us", "600"};

class Fault : public testing::Test {
 protected:
  Fault() : folder_(TemporaryFolder::create("corun-fault-").value()) { start_daemon(); }

  std::filesystem::path run_dir() const { return folder_.path() / "run"; }

  void start_daemon() {
    ProcessOptions options;
    options.argv = {CORUN_BINARY_DIR "/bin/corund",
                    "--gpu",
                    "0",
                    "--run-dir",
                    run_dir().string(),
                    "--foreground",
                    "--slices",
                    "yes"};
    options.set_env = node_.environment();
    options.out = options.err = Stream::file(folder_.path() / "corund.log");
    daemon_.emplace(Process::start(options).value());
    ASSERT_TRUE(eventually([this] { return status().has_value(); }, kPatience))
        << read_file(folder_.path() / "corund.log").value_or("");
  }

  Result<client::DaemonStatus> status() const {
    CORUN_ASSIGN(auto daemon, client::Client::connect_only(run_dir()));
    return daemon.status();
  }

  /// Whether all these workloads have a session.
  bool have_joined(const std::vector<std::string>& names) const {
    const auto now = status();
    if (!now) return false;
    return std::all_of(names.begin(), names.end(), [&](const std::string& name) {
      return std::any_of(now->workloads.begin(), now->workloads.end(), [&](const auto& workload) {
        return workload.name == name && !workload.sessions.empty();
      });
    });
  }

  template <typename Reached>
  static bool eventually(Reached reached, Nanos patience) {
    const Instant deadline = monotonic_now() + patience;
    while (!reached()) {
      if (monotonic_now() >= deadline) return false;
      sleep_until(monotonic_now() + std::chrono::milliseconds(10));
    }
    return true;
  }

  Tenant start(const std::string& name, const std::string& service_class,
               const std::vector<std::string>& arguments,
               const std::map<std::string, std::string>& more = {}) {
    auto env = node_.environment();
    env["LD_PRELOAD"] = CORUN_BINARY_DIR "/lib/libcorun.so:" + kSimgpu + "/libsimdev.so";
    env[wire::kEnvRunDir] = run_dir().string();
    env[wire::kEnvName] = name;
    env[wire::kEnvClass] = service_class;
    for (const auto& [key, value] : more) env[key] = value;
    return Tenant(arguments, env);
  }

  /// Items per second of one window, whose checksum has to be right.
  double rate(Tenant& tenant) {
    const DoneMessage done = done_in(tenant.window(++window_, kWindow_s));
    EXPECT_EQ(done.checksum_ok, true);
    return static_cast<double>(done.items) / kWindow_s;
  }

  /// Starts a window that lasts until the test is over, or the tenant is.
  void keep_busy(Tenant& tenant) {
    tenant.send(
        StartCommand{++window_, monotonic_now() + std::chrono::milliseconds(30), kLong_s, 7});
  }

  /// Stops the holder of a gate inside a burst: with its gate closed.
  void stop_inside_a_burst(Tenant& tenant) {
    const auto closed = [this, &tenant] {
      kill(tenant.pid(), SIGSTOP);
      const auto now = status();
      if (now && !now->gates.empty() && now->gates[0].closed) return true;
      kill(tenant.pid(), SIGCONT);
      return false;
    };
    ASSERT_TRUE(eventually(closed, kPatience)) << "its gate never closed";
  }

  void expect_back(Tenant& tenant, double alone, Instant fault) {
    double last = 0;
    while (monotonic_now() < fault + kRecovery) {
      last = rate(tenant);
      if (last >= kBack * alone) return;
    }
    // The window that began before the time was over counts.
    EXPECT_GE(last, kBack * alone) << "alone " << alone << "/s";
  }

  synthetic::SimulatedNode node_;
  TemporaryFolder folder_;
  std::optional<Process> daemon_;
  int window_ = 0;
};

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
}  // namespace corun
