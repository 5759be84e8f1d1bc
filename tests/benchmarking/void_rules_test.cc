#include "benchmarking/void_rules.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>

namespace corun::benchmarking {
namespace {

// A cell that breaks no rule.
CellFacts good() {
  CellFacts facts;
  TenantFacts tenant;
  tenant.workload = "infer";
  tenant.window_s = 30;
  tenant.longest_silence_s = 0.1;
  tenant.generator_lag_p99_us = 20;
  tenant.solo_p99_ms = 1.7;
  tenant.checksum_ok = true;
  tenant.solo_rate_drift = 0.003;
  tenant.solo_p50_drift = -0.004;
  facts.tenants = {tenant};
  facts.lowest_clock_share = 1.0;
  facts.clock_reasons = kReasonPowerCap;
  return facts;
}

TEST(VoidRules, ACellThatBreaksNoneIsValid) {
  EXPECT_TRUE(void_reasons(good(), VoidLimits::strict()).empty());
}

struct Rule {
  const char* rule;
  std::function<void(CellFacts&)> breaks;
  std::function<void(CellFacts&)> just_keeps;
};

class VoidRule : public testing::TestWithParam<Rule> {};

TEST_P(VoidRule, FiresWhenBroken) {
  CellFacts facts = good();
  GetParam().breaks(facts);
  auto reasons = void_reasons(facts, VoidLimits::strict());
  ASSERT_EQ(reasons.size(), 1U) << reason_text(reasons);
  EXPECT_EQ(reasons[0].rule, GetParam().rule);
  EXPECT_FALSE(reasons[0].text.empty());
}

TEST_P(VoidRule, StaysQuietWhenJustKept) {
  CellFacts facts = good();
  GetParam().just_keeps(facts);
  auto reasons = void_reasons(facts, VoidLimits::strict());
  EXPECT_TRUE(reasons.empty()) << reason_text(reasons);
}

std::function<void(CellFacts&)> fails(Failure failure) {
  return [failure](CellFacts& f) {
    f.tenants[0].failure = failure;
    f.tenants[0].failure_text = "text";
  };
}
void nothing(CellFacts&) {}

INSTANTIATE_TEST_SUITE_P(
    All, VoidRule,
    testing::Values(
        Rule{"not-started", fails(Failure::kNotStarted), nothing},
        Rule{"never-ready", fails(Failure::kNeverReady), nothing},
        Rule{"early-exit", fails(Failure::kEarlyExit), nothing},
        Rule{"hang", fails(Failure::kHang), nothing},
        Rule{"protocol", fails(Failure::kProtocol), nothing},
        Rule{"workload-error", fails(Failure::kOwnError), nothing},
        Rule{"not-active", [](CellFacts& f) { f.tenants[0].longest_silence_s = 2.1; },
             [](CellFacts& f) { f.tenants[0].longest_silence_s = 1.9; }},
        Rule{"checksum", [](CellFacts& f) { f.tenants[0].checksum_ok = false; },
             [](CellFacts& f) { f.tenants[0].checksum_ok.reset(); }},
        Rule{"generator-lag", [](CellFacts& f) { f.tenants[0].generator_lag_p99_us = 51; },
             [](CellFacts& f) { f.tenants[0].generator_lag_p99_us = 49; }},
        // 2 % of a long solo p99 is more than 50 us.
        Rule{"generator-lag",
             [](CellFacts& f) {
               f.tenants[0].solo_p99_ms = 10;
               f.tenants[0].generator_lag_p99_us = 201;
             },
             [](CellFacts& f) {
               f.tenants[0].solo_p99_ms = 10;
               f.tenants[0].generator_lag_p99_us = 199;
             }},
        Rule{"bracket-drift", [](CellFacts& f) { f.tenants[0].solo_rate_drift = -0.021; },
             [](CellFacts& f) { f.tenants[0].solo_rate_drift = -0.019; }},
        Rule{"bracket-drift", [](CellFacts& f) { f.tenants[0].solo_p50_drift = 0.021; },
             [](CellFacts& f) { f.tenants[0].solo_p50_drift = 0.019; }},
        // 50 us of a short p50 are more than 2 %.
        Rule{"bracket-drift",
             [](CellFacts& f) {
               f.tenants[0].solo_p50_ms = 0.5;
               f.tenants[0].solo_p50_drift = 0.101;
             },
             [](CellFacts& f) {
               f.tenants[0].solo_p50_ms = 0.5;
               f.tenants[0].solo_p50_drift = 0.099;
             }},
        Rule{"bracket-missing", [](CellFacts& f) { f.tenants[0].solo_missing = true; }, nothing},
        Rule{"foreign-process", [](CellFacts& f) { f.foreign_processes = {"PID 4711"}; }, nothing},
        Rule{"gpu-event", [](CellFacts& f) { f.gpu_events = {"Xid 31"}; }, nothing},
        Rule{"low-clock",
             [](CellFacts& f) {
               f.solo = true;
               f.lowest_clock_share = 0.74;
             },
             // Beside others a low clock is an effect of sharing.
             [](CellFacts& f) { f.lowest_clock_share = 0.5; }},
        Rule{"throttle", [](CellFacts& f) { f.clock_reasons = kReasonSoftwareThermal; },
             [](CellFacts& f) { f.clock_reasons = kReasonPowerCap; }},
        Rule{"throttle",
             [](CellFacts& f) {
               f.clock_reasons = kReasonHardwareSlowdown | kReasonHardwareThermal;
             },
             nothing},
        Rule{"throttle", [](CellFacts& f) { f.clock_reasons = kReasonHardwareSlowdown; }, nothing},
        Rule{"throttle", [](CellFacts& f) { f.clock_reasons = kReasonPowerBrake; }, nothing},
        Rule{"mode", [](CellFacts& f) { f.mode_error = "infer is not an MPS client"; }, nothing},
        Rule{"setup", [](CellFacts& f) { f.setup_error = "no MPS daemon"; }, nothing},
        Rule{"undo", [](CellFacts& f) { f.undo_error = "busy"; }, nothing}));

TEST(VoidRules, AQuickRunOnlyTellsOfLatenessAndDrift) {
  CellFacts facts = good();
  facts.tenants[0].solo_rate_drift = 0.5;
  facts.tenants[0].generator_lag_p99_us = 5000;
  EXPECT_EQ(void_reasons(facts, VoidLimits::strict()).size(), 2U);
  EXPECT_TRUE(void_reasons(facts, VoidLimits::quick()).empty());
  EXPECT_EQ(broken_rules(facts, VoidLimits::quick()).size(), 2U);
}

TEST(VoidRules, AQuickRunIsVoidForEverythingElse) {
  CellFacts facts = good();
  facts.tenants[0].checksum_ok = false;
  EXPECT_FALSE(void_reasons(facts, VoidLimits::quick()).empty());
}

TEST(VoidRules, AllReasonsAreKept) {
  CellFacts facts = good();
  facts.tenants[0].checksum_ok = false;
  facts.foreign_processes = {"PID 4711"};
  EXPECT_EQ(reason_text(void_reasons(facts, VoidLimits::strict())),
            "infer: its results have a wrong checksum; foreign process on the GPU: PID 4711");
}

TEST(VoidRules, AFailedWorkloadIsNotAlsoBlamedForItsSilence) {
  CellFacts facts = good();
  facts.tenants[0].failure = Failure::kEarlyExit;
  facts.tenants[0].failure_text = "exit code 1";
  facts.tenants[0].longest_silence_s = 20;
  EXPECT_EQ(reason_text(void_reasons(facts, VoidLimits::strict())),
            "infer: ended too early: exit code 1");
}

}  // namespace
}  // namespace corun::benchmarking
