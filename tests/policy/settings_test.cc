// Settings, names, and what is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "tests/policy/node.h"

namespace corun::policy {
namespace {

using testing::HasSubstr;

std::map<std::string, Workload> only(const Workload& one) { return {{workload_key(one), one}}; }

TEST(NoPolicy, OrdersNothingAndTakesBackWhatWasOrdered) {
  Node node;
  node.join(1, workload("serve", ServiceClass::kLatencyCritical));
  node.join(2, workload("train", ServiceClass::kBestEffort));
  ASSERT_TRUE(node[1].hold);
  ASSERT_EQ(node[2].slice_us, 1U);
  node.use(PolicyKind::kNone);
  node.join(3, workload("late"));
  for (const SessionId id : {1U, 2U, 3U}) {
    EXPECT_EQ(node[id].armed, 0U);
    EXPECT_EQ(node[id].gate, -1);
    EXPECT_FALSE(node[id].hold);
    EXPECT_EQ(node[id].slice_us, 2000U);
  }
}

TEST(Validate, TheDefaultsAreFine) {
  EXPECT_TRUE(validate(default_settings(), only(workload("a"))).has_value());
}

TEST(Validate, MinimaThatSumUpToMoreThanOneAreRefused) {
  Workload first = workload("a");
  Workload second = workload("b");
  first.min_share = 0.7;
  second.min_share = 0.4;
  const Status refused = validate(default_settings(), {{"0/a", first}, {"0/b", second}});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().kind, ErrorKind::kUsage);
  EXPECT_THAT(refused.error().what, HasSubstr("110.0 %"));
}

TEST(Validate, EachWorkloadsFiguresAreBounded) {
  const auto refuses = [](auto change) {
    Workload one = workload("a");
    change(one);
    return !validate(default_settings(), only(one)).has_value();
  };
  EXPECT_TRUE(refuses([](Workload& one) { one.weight = 0; }));
  EXPECT_TRUE(
      refuses([](Workload& one) { one.weight = std::numeric_limits<double>::quiet_NaN(); }));
  EXPECT_TRUE(refuses([](Workload& one) { one.weight = 1001; }));
  EXPECT_TRUE(refuses([](Workload& one) { one.min_share = -0.1; }));
  EXPECT_TRUE(refuses([](Workload& one) { one.max_share = 0; }));
  EXPECT_TRUE(refuses([](Workload& one) { one.max_share = 1.1; }));
  EXPECT_TRUE(refuses([](Workload& one) { one.min_share = 0.5, one.max_share = 0.4; }));
  EXPECT_TRUE(refuses([](Workload& one) { one.latency_target = Nanos(0); }));
  EXPECT_FALSE(refuses([](Workload& one) { one.latency_target = kMs; }));
}

TEST(Validate, QuantumAndWindowAreBounded) {
  Settings settings = default_settings();
  settings.quantum = Nanos(0);
  EXPECT_FALSE(validate(settings, {}).has_value());
  settings = default_settings();
  settings.quota_window = Nanos(0);
  EXPECT_FALSE(validate(settings, {}).has_value());
}

TEST(Validate, RotateWithoutStreamWaitsIsNotSupported) {
  Settings settings = default_settings();
  settings.kind = PolicyKind::kRotate;
  settings.backend.gate = false;
  const Status refused = validate(settings, {});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().kind, ErrorKind::kUnsupported);
}

TEST(Settings, PolicyNamesReadBack) {
  for (const PolicyKind kind : {PolicyKind::kPriority, PolicyKind::kFair, PolicyKind::kQuota,
                                PolicyKind::kDeadline, PolicyKind::kRotate, PolicyKind::kNone}) {
    EXPECT_EQ(parse_policy_kind(to_string(kind)).value(), kind);
  }
  EXPECT_EQ(parse_policy_kind("best").error().kind, ErrorKind::kUsage);
}

TEST(Settings, SlicesThatDoNotActAnyMoreGoBackToTheDefault) {
  Node node;
  node.join(1, workload("a"));
  node.join(2, workload("b"));
  node.on({.slices = false, .gate = true, .mps = false});
  EXPECT_EQ(node[1].slice_us, 2000U);
  EXPECT_EQ(node[2].slice_us, 2000U);
}

TEST(Settings, AnotherLingerReachesTheGatesHolder) {
  Node node;
  node.join(1, workload("serve", ServiceClass::kLatencyCritical));
  Settings settings = node.state.settings;
  settings.linger_us = 75;
  const auto gates = of_kind<AssignGate>(node.event(SettingsChanged{settings}));
  ASSERT_EQ(gates.size(), 1U);
  EXPECT_EQ(gates[0].first.gate, 0);
  EXPECT_EQ(gates[0].first.linger_us, 75U);
}

TEST(Settings, GatesBesideSlicesCanBeSwitchedOff) {
  Node node;
  node.join(1, workload("serve", ServiceClass::kLatencyCritical));
  node.join(2, workload("a"));
  Settings settings = node.state.settings;
  settings.gate_with_slices = false;
  node.event(SettingsChanged{settings});
  EXPECT_EQ(node[1].gate, -1);
  EXPECT_EQ(node[2].armed, 0U);
  EXPECT_EQ(node[2].slice_us, 1U);
}

TEST(Sessions, AChangeOfAnUnknownWorkloadChangesNothing) {
  Node node;
  node.join(1, workload("a"));
  EXPECT_TRUE(node.event(Changed{workload("b")}).empty());
  EXPECT_EQ(node.state.workloads.size(), 1U);
}

TEST(Sessions, TheSameNameOfTwoUsersIsTwoWorkloads) {
  Node node;
  Workload other = workload("a");
  other.user = 1000;
  node.join(1, workload("a"));
  node.join(2, other);
  EXPECT_EQ(node.state.workloads.size(), 2U);
}

TEST(Sessions, ALaterSessionJoinsTheWorkloadAsItIs) {
  Node node;
  node.join(1, workload("a", ServiceClass::kNormal, 2));
  node.join(2, workload("a", ServiceClass::kBestEffort, 9));
  EXPECT_EQ(node.state.workloads.at("0/a").weight, 2);
}

TEST(NextTurn, NobodyNeedsOneAlone) {
  Node node;
  EXPECT_FALSE(next_turn(node.state).has_value());
  node.join(1, workload("a"));
  EXPECT_FALSE(next_turn(node.state).has_value());
}

TEST(NextTurn, SharingIsLookedAtTenTimesASecondAndTurnsAHundredTimes) {
  Node node;
  node.join(1, workload("a"));
  node.join(2, workload("b"));
  node.tick(kMs, {1, 2});
  EXPECT_EQ(next_turn(node.state), node.now + 100 * kMs);
  node.join(3, workload("serve", ServiceClass::kLatencyCritical));
  EXPECT_EQ(next_turn(node.state), node.now + 10 * kMs);
}

}  // namespace
}  // namespace corun::policy
