// A simulated GPU with a corund, and workloads on it that can be watched while something goes
// wrong.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <functional>

#include "core/wire/join.h"
#include "engine/client/client.h"
#include "tests/workloads/simulated_node.h"

namespace corun::fault {

using synthetic::done_in;
using synthetic::kPatience;
using synthetic::kSimgpu;
using synthetic::Tenant;

/// Time for everything to be as it was: a lease and some.
inline constexpr Nanos kRecovery = std::chrono::seconds(2);
/// The same where a rate has to be back that was measured before: others may use the machine now.
inline constexpr Nanos kRateRecovery = 5 * kRecovery;
/// Of the rate alone that is throughput again; the rest is left to busy machines.
inline constexpr double kBack = 0.6;
inline constexpr double kWindow_s = 0.6;
inline constexpr double kLong_s = 60;
/// Longest time without a finished kernel that a fault of others may cost: a lease and some.
inline constexpr double kLongestStall_s = 2;
/// Long enough that the machine's own speed hardly matters.
inline const std::vector<std::string> kTrain{"train", "--kernel-us", "1000"};
inline const std::vector<std::string> kInfer{"infer", "--rate", "200", "--request-us", "600"};

/// A window of a tenant in which something happened.
struct Seen {
  DoneMessage done;
  double stall_s = 0;  ///< longest time without a finished item; samples are 25 ms apart
};

inline Seen seen_in(const std::vector<Message>& messages) {
  Seen seen{done_in(messages), 0};
  double since_us = 0;
  uint64_t items = 0;
  for (const ProgressMessage& progress : synthetic::only<ProgressMessage>(messages)) {
    for (size_t i = 0; i < progress.items.size(); ++i) {
      seen.stall_s = std::max(seen.stall_s, (progress.t_us[i] - since_us) * 1e-6);
      if (progress.items[i] == items) continue;
      items = progress.items[i];
      since_us = progress.t_us[i];
    }
  }
  return seen;
}

class Fault : public ::testing::Test {
 protected:
  /// `node`: more options of corun-simgpud; `daemon`: of corund.
  explicit Fault(const std::vector<std::string>& node = {},
                 const std::vector<std::string>& daemon = {})
      : node_(node), folder_(TemporaryFolder::create("corun-fault-").value()) {
    start_daemon(daemon);
  }

  std::filesystem::path run_dir() const { return folder_.path() / "run"; }

  void start_daemon(const std::vector<std::string>& more = {}) {
    ProcessOptions options;
    options.argv = {CORUN_BINARY_DIR "/bin/corund",
                    "--gpu",
                    "0",
                    "--run-dir",
                    run_dir().string(),
                    "--foreground",
                    "--slices",
                    "yes"};
    options.argv.insert(options.argv.end(), more.begin(), more.end());
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

  /// What corund tells of a workload; empty while it knows none of that name.
  client::WorkloadStatus of(const std::string& name) const {
    const auto now = status();
    for (const auto& workload : now ? now->workloads : std::vector<client::WorkloadStatus>()) {
      if (workload.name == name) return workload;
    }
    return {};
  }
  /// One of its figures; 0 where it is not known.
  double figure(const std::string& name, const std::string& what) const {
    const client::WorkloadStatus workload = of(name);
    const client::Figure* found = workload.find(what);
    return found == nullptr ? 0 : found->value.value_or(0);
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

  std::map<std::string, std::string> environment(const std::string& name,
                                                 const std::string& service_class) const {
    auto env = node_.environment();
    env["LD_PRELOAD"] = CORUN_BINARY_DIR "/lib/libcorun.so:" + kSimgpu + "/libsimdev.so";
    env[wire::kEnvRunDir] = run_dir().string();
    env[wire::kEnvName] = name;
    env[wire::kEnvClass] = service_class;
    return env;
  }

  Tenant start(const std::string& name, const std::string& service_class,
               const std::vector<std::string>& arguments,
               const std::map<std::string, std::string>& more = {}) {
    auto env = environment(name, service_class);
    for (const auto& [key, value] : more) env[key] = value;
    return Tenant(arguments, env);
  }

  /// A window of the tenant with what `deed` does in it.
  Seen during(Tenant& tenant, double seconds, const std::function<void()>& deed) {
    const Instant begin = monotonic_now() + std::chrono::milliseconds(30);
    tenant.send(StartCommand{++window_, begin, seconds, 7});
    sleep_until(begin + std::chrono::milliseconds(200));
    deed();
    Seen seen = seen_in(tenant.until<DoneMessage>());
    EXPECT_EQ(seen.done.checksum_ok, true);
    return seen;
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
    while (monotonic_now() < fault + kRateRecovery) {
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

}  // namespace corun::fault
