// GPU time as it is measured: real workloads on a simulated GPU, whose record of context switches a
// real corund reads.
#include <cmath>

#include "tests/daemon/daemon_fixture.h"

namespace corun::testing {

namespace {

/// Sums of a daemon at one moment.
struct Sums {
  std::map<std::string, double> of_gpu;
  std::map<std::string, double> gpu_seconds;  ///< by workload
};

class MeasuredTest : public DaemonTest {
 protected:
  void SetUp() override {
    if (kSanitized) GTEST_SKIP() << "libsimdev.so cannot be preloaded";
    device_files = true;
    slices = "yes";
  }
  Process tenant(const std::string& name, std::vector<std::string> arguments,
                 std::map<std::string, std::string> env = {}) const {
    ProcessOptions options;
    options.argv = {CORUN_BINARY_DIR "/bin/corun-synthetic"};
    options.argv.insert(options.argv.end(), arguments.begin(), arguments.end());
    options.argv.insert(options.argv.end(), {"--duration", "60s"});
    options.set_env = Node::shared().environment();
    options.set_env.merge(env);
    options.set_env[wire::kEnvRunDir] = run_dir_.path().string();
    options.set_env[wire::kEnvName] = name;
    options.set_env["LD_PRELOAD"] =
        CORUN_BINARY_DIR "/lib/libcorun.so:" + kSimgpu + "/libsimdev.so";
    options.out = Stream::null();
    options.err = Stream::null();
    return Process::start(options).value();
  }
  /// Has kernels waiting for the GPU even where its own processor is late by tens of ms.
  Process saturating(const std::string& name, std::map<std::string, std::string> env = {}) const {
    return tenant(name,
                  {"notebook", "--kernel-us", "50000", "--burst", "60s", "--burst-sigma", "0",
                   "--think", "1ms"},
                  std::move(env));
  }
  /// Works for `burst` in 10 ms, about.
  Process bursting(const std::string& name, const std::string& burst,
                   std::map<std::string, std::string> env = {}) const {
    return tenant(name,
                  {"notebook", "--kernel-us", "200", "--burst", burst, "--burst-sigma", "0",
                   "--think", "7ms", "--think-sigma", "0"},
                  std::move(env));
  }
  Sums sums() {
    Sums all;
    const client::DaemonStatus now = status();
    for (const auto& figure : now.figures) all.of_gpu[figure.name] = figure.value.value_or(0);
    for (const auto& workload : now.workloads) {
      all.gpu_seconds[workload.name] = workload.find("gpu_seconds")->value.value_or(0);
    }
    return all;
  }
  /// What came to them while about `seconds` of wall time were accounted.
  Sums in_window(double seconds) {
    const Sums begin = sums();
    Sums window;
    EXPECT_TRUE(eventually([&] {
      window = sums();
      return window.of_gpu["wall_seconds"] - begin.of_gpu.at("wall_seconds") >= seconds - 0.05;
    }));
    for (auto& [name, value] : window.of_gpu) {
      if (begin.of_gpu.contains(name)) value -= begin.of_gpu.at(name);
    }
    for (auto& [name, value] : window.gpu_seconds) {
      if (begin.gpu_seconds.contains(name)) value -= begin.gpu_seconds.at(name);
    }
    return window;
  }
  /// The parts are the whole.
  static void expect_conserved(Sums window) {
    double parts = 0;
    for (const char* part : {"gpu_seconds", "other_seconds", "switching_seconds", "idle_seconds"}) {
      EXPECT_GE(window.of_gpu[part], 0) << part;
      parts += window.of_gpu[part];
    }
    const double wall = window.of_gpu["wall_seconds"];
    EXPECT_NEAR(parts, wall, 0.02 * wall);
    EXPECT_EQ(window.of_gpu["lost_records"], 0);
  }
  bool measuring(size_t workloads) {
    const client::DaemonStatus now = status();
    size_t working = 0;
    for (const auto& workload : now.workloads) {
      const auto* switches = workload.find("context_switches");
      if (switches->value.value_or(0) > 3) ++working;
    }
    return now.gpu_time == client::Label::kMeasured && working >= workloads;
  }
};

TEST_F(MeasuredTest, TwoThatSaturateItHaveTheGpuByWeight) {
  start();
  const Process heavy = saturating("heavy", {{wire::kEnvWeight, "3"}});
  const Process light = saturating("light");
  ASSERT_TRUE(eventually([&] { return measuring(2); })) << log();
  Sums window;
  double share = 0;
  // How busy a simulated GPU can be kept depends on this machine's processors.
  EXPECT_TRUE(eventually([&] {
    window = in_window(2);
    expect_conserved(window);
    const double all = window.gpu_seconds["heavy"] + window.gpu_seconds["light"];
    EXPECT_NEAR(all, window.of_gpu["gpu_seconds"], 1e-6);
    share = window.gpu_seconds["heavy"] / all;
    return std::abs(share - 0.75) <= 0.01 && all > 0.95 * window.of_gpu["wall_seconds"];
  })) << "heavy had "
      << share;
  EXPECT_NEAR(window.of_gpu["switching_seconds"] / window.of_gpu["context_switches"], 85e-6, 5e-6);
}

TEST_F(MeasuredTest, WhatALoneWorkloadDoesNotUseIsIdle) {
  start();
  const Process server = bursting("server", "3ms");
  ASSERT_TRUE(eventually([&] { return status().gpu_time == client::Label::kMeasured; })) << log();
  EXPECT_TRUE(eventually([&] {
    Sums window = in_window(1);
    expect_conserved(window);
    const double wall = window.of_gpu["wall_seconds"];
    return window.of_gpu["idle_seconds"] > 0.4 * wall && window.gpu_seconds["server"] > 0.1 * wall;
  }));
}

TEST_F(MeasuredTest, AKilledWorkloadLeavesTheGpuToTheOther) {
  start();
  Process heavy = saturating("heavy", {{wire::kEnvWeight, "3"}});
  const Process light = saturating("light");
  ASSERT_TRUE(eventually([&] { return measuring(2); })) << log();
  heavy.signal(SIGKILL);
  ASSERT_TRUE(heavy.wait(kPatience));
  EXPECT_TRUE(eventually([&] {
    Sums window = in_window(1);
    expect_conserved(window);
    return window.gpu_seconds["light"] > 0.95 * window.of_gpu["wall_seconds"];
  }));
}

TEST_F(MeasuredTest, BestEffortWorkBesideALatencyCriticalServer) {
  start();
  // Held, the GPU keeps the other one out by itself, which then waits for no gate.
  ASSERT_TRUE(client().change_settings({.hold = false}));
  const Process server = bursting("server", "3ms", {{wire::kEnvClass, "latency-critical"}});
  const Process effort = saturating("effort", {{wire::kEnvClass, "best-effort"}});
  ASSERT_TRUE(eventually([&] { return measuring(2); })) << log();
  EXPECT_TRUE(eventually([&] {
    Sums window = in_window(1);
    expect_conserved(window);
    return window.gpu_seconds["server"] > 0 && window.gpu_seconds["effort"] > 0;
  }));
  const auto figure = [this](const std::string& workload, const char* name) {
    for (const auto& one : status().workloads) {
      if (one.name == workload) return one.find(name)->value.value_or(0);
    }
    return 0.0;
  };
  EXPECT_GT(figure("server", "gate_closed_seconds"), 0);
  EXPECT_TRUE(eventually([&] { return figure("effort", "gpu_wait_seconds") > 0; }));
  std::map<std::string, int> kinds;
  const client::Slices told = client().slices("", 0).value();
  for (const auto& entry : told.entries) ++kinds[entry.what];
  EXPECT_GT(kinds["run"], 0);
  EXPECT_GT(kinds["gate"], 0);
}

TEST_F(MeasuredTest, WithoutTheDevicesFilesGpuTimeIsEstimated) {
  device_files = false;
  start();
  const Process busy = saturating("busy");
  EXPECT_TRUE(eventually([&] {
    const client::DaemonStatus now = status();
    return !now.workloads.empty() && now.workloads[0].find("gpu_seconds")->value.value_or(0) > 0;
  })) << log();
  const client::DaemonStatus now = status();
  EXPECT_EQ(now.gpu_time, client::Label::kEstimated);
  EXPECT_NE(now.gpu_time_why.find("device files"), std::string::npos) << now.gpu_time_why;
  EXPECT_EQ(now.workloads.at(0).find("gpu_seconds")->label, client::Label::kEstimated);
}

TEST_F(MeasuredTest, AnOperatorMayDoWithoutIt) {
  start({"--context-switches", "no"});
  EXPECT_EQ(status().gpu_time_why, "--context-switches no");
}

}  // namespace

}  // namespace corun::testing
