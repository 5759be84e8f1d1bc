#include "cli/run_options.h"

#include <gtest/gtest.h>

#include "golden.h"

namespace corun::cli {
namespace {

Result<RunOptions> parsed(std::vector<std::string> arguments) {
  return parse_run_options(arguments);
}

TEST(RunOptions, EveryOptionArrives) {
  const auto options = parsed({"--name",
                               "a",
                               "--class",
                               "latency-critical",
                               "--weight",
                               "2",
                               "--memory",
                               "20GiB",
                               "--latency-target",
                               "5ms",
                               "--gpu",
                               "simulated",
                               "--mode",
                               "managed-mps",
                               "--policy",
                               "deadline",
                               "--linger-us",
                               "70",
                               "--quantum",
                               "20ms",
                               "--start-daemon",
                               "no",
                               "--",
                               "cmd",
                               "--name"});
  ASSERT_TRUE(options) << options.error().text();
  EXPECT_EQ(options->share.workload, "a");
  EXPECT_EQ(options->share.service_class, ServiceClass::kLatencyCritical);
  EXPECT_EQ(options->share.weight, 2);
  EXPECT_EQ(options->share.memory_limit_bytes, uint64_t{20} << 30);
  EXPECT_EQ(options->share.latency_target_ms, 5);
  EXPECT_EQ(options->node.kind, NodeChoice::Kind::kSimulated);
  EXPECT_EQ(options->mode, "managed-mps");
  EXPECT_EQ(options->choice.policy, "deadline");
  EXPECT_EQ(options->choice.linger_us, 70U);
  EXPECT_EQ(options->choice.quantum_ms, 20);
  EXPECT_FALSE(options->start_daemon);
  EXPECT_EQ(options->command, (std::vector<std::string>{"cmd", "--name"}));
}

TEST(RunOptions, AWorkloadWithoutANameGetsItsProgramsAndItsOwn) {
  const auto options = parsed({"--", "/opt/My Tool/Train.PY"});
  ASSERT_TRUE(options);
  EXPECT_EQ(options->share.workload.rfind("train.py-", 0), 0U) << options->share.workload;
}

TEST(RunOptions, WhatIsWrongIsSaidInOneLine) {
  const struct {
    std::vector<std::string> arguments;
    const char* error;
  } cases[] = {
      {{"--name", "a"}, "no command to run; write it behind '--': corun run --name a -- COMMAND"},
      {{"--name", "A b", "--", "x"},
       "--name 'A b' is not a workload's name; use at most 63 of a-z, 0-9, '-', '_' and '.'"},
      {{"--class", "urgent", "--", "x"},
       "--class: unknown class 'urgent'; use one of latency-critical, normal, best-effort"},
      {{"--weight", "0", "--", "x"}, "--weight 0 is out of range; use 0.001 to 1000"},
      {{"--memory", "1000", "--", "x"}, "--memory 1000 is below 1MiB"},
      {{"--latency-target", "1h", "--", "x"},
       "--latency-target 1h is out of range; use 1us to 10m"},
      {{"--mode", "mps", "--", "x"},
       "--mode 'mps' is not a mode of 'corun run'; use managed or managed-mps"},
      {{"--policy", "best", "--", "x"},
       "unknown policy 'best'; use priority, fair, quota, deadline, rotate, none"},
      {{"--quantum", "1us", "--", "x"}, "--quantum 1us is out of range; use 100us to 60s"},
      {{"--start-daemon", "maybe", "--", "x"}, "--start-daemon 'maybe'; use yes or no"},
      {{"--nmae", "a", "--", "x"}, "unknown option '--nmae'; did you mean '--name'?"},
      {{"python3", "train.py"}, "unexpected argument 'python3'; see 'corun run --help'"},
  };
  for (const auto& c : cases) {
    const auto options = parsed(c.arguments);
    ASSERT_FALSE(options) << c.error;
    EXPECT_EQ(options.error().kind, ErrorKind::kUsage);
    EXPECT_EQ(options.error().text(), c.error);
  }
}

}  // namespace
}  // namespace corun::cli
