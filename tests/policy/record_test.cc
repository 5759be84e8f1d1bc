// Recorded events: read back the same, decide the same, and what is refused.
#include "engine/policy/record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/policy/node.h"

namespace corun::policy {
namespace {

using testing::HasSubstr;

/// A daemon's log of some seconds: joins, work, a latency-critical workload, changes, leaves.
std::string recorded() {
  Node node;
  std::string log;
  const auto happen = [&node, &log](const Event& event) {
    log += event_line(event, node.now) + "\n";
    log += decided_line(node.event(event), node.now) + "\n";
  };
  Settings settings = default_settings();
  settings.kind = PolicyKind::kDeadline;
  settings.backend.parking = true;
  settings.memory_bytes = 80'000'000'000;
  happen(SettingsChanged{settings});
  Workload serve = workload("serve", ServiceClass::kLatencyCritical);
  serve.latency_target = 3 * kMs;
  Workload limited = workload("train", ServiceClass::kBestEffort, 2.5);
  limited.memory_limit_bytes = 1 << 30;
  limited.max_share = 0.7;
  happen(Joined{1, serve});
  happen(Joined{2, limited});
  happen(Joined{3, workload("other")});
  for (int i = 0; i < 50; ++i) {
    node.now = node.now + 10 * kMs;
    Tick tick;
    tick.readings[1].new_bursts.assign(20, kMs);
    tick.readings[2].launches = tick.readings[3].launches = static_cast<uint64_t>(i);
    tick.readings[2].memory_bytes = 1000;
    tick.readings[3].gpu_time = i * kMs;
    tick.readings[2].queued = true;
    tick.readings[2].computes = i % 7 != 0;
    tick.readings[3].queued = i % 5 != 0;
    happen(tick);
  }
  happen(Changed{workload("other", ServiceClass::kBestEffort)});
  happen(ParkChanged{.workload = "0/other", .state = ParkState::kParking, .until_resume = true});
  happen(ParkChanged{.workload = "0/other", .state = ParkState::kParked, .bytes = 7, .took = kMs});
  happen(ResumeAsked{"0/other"});
  happen(Left{1, "its process \"ended\"\n"});
  return log;
}

TEST(Record, ALogDecidesTheSameAgain) {
  const auto replayed = replay(recorded(), "log");
  ASSERT_TRUE(replayed.has_value()) << replayed.error().text();
  EXPECT_EQ(replayed->events, 59U);
  EXPECT_EQ(replayed->compared, 59U);
  EXPECT_EQ(replayed->state.sessions.size(), 2U);
}

TEST(Record, AnotherDecisionIsTold) {
  std::string log = recorded();
  const size_t at = log.find("\"value\":2000");
  ASSERT_NE(at, std::string::npos);
  log.replace(at, 12, "\"value\":2001");
  const auto replayed = replay(log, "log");
  ASSERT_FALSE(replayed.has_value());
  EXPECT_EQ(replayed.error().kind, ErrorKind::kFailed);
  EXPECT_THAT(replayed.error().what, HasSubstr("log:4: decided otherwise"));
}

TEST(Record, EveryEventReadsBackTheSame) {
  const std::string log = recorded();
  size_t begin = 0;
  int events = 0;
  while (begin < log.size()) {
    const size_t end = log.find('\n', begin);
    const std::string line = log.substr(begin, end - begin);
    begin = end + 1;
    if (line.find("\"decided\"") != std::string::npos) continue;
    const auto event = parse_event_line(line, "line");
    ASSERT_TRUE(event.has_value()) << event.error().text();
    EXPECT_EQ(event_line(event->event, event->at), line);
    ++events;
  }
  EXPECT_EQ(events, 59);
}

TEST(Record, ADecisionIsAReadableLine) {
  EXPECT_EQ(decided_line({{SetSlice{3, 2000}, "because"}}, {5}),
            R"({"at":5,"decided":[{"order":"slice","session":3,"value":2000,"why":"because"}]})");
}

struct Refused {
  const char* name;
  const char* log;
  const char* what;
};

class Refusals : public testing::TestWithParam<Refused> {};

TEST_P(Refusals, NameTheLineAndTheKey) {
  const auto replayed = replay(GetParam().log, "log");
  ASSERT_FALSE(replayed.has_value());
  EXPECT_EQ(replayed.error().kind, ErrorKind::kUsage);
  EXPECT_THAT(replayed.error().what, HasSubstr(GetParam().what));
}

INSTANTIATE_TEST_SUITE_P(
    Record, Refusals,
    testing::Values(
        Refused{"NoJson", "\n{", "log:2"}, Refused{"NoObject", "[]", "log:1: event: not a JSON"},
        Refused{"NoTime", R"({"event":"left","session":1,"why":""})", "missing key 'at'"},
        Refused{"NegativeTime", R"({"at":-1,"event":"tick","readings":[]})", "key 'at'"},
        Refused{"UnknownEvent", R"({"at":1,"event":"slept"})", "key 'event'"},
        Refused{"NoReadings", R"({"at":1,"event":"tick"})", "missing key 'readings'"},
        Refused{"ReadingsNoList", R"({"at":1,"event":"tick","readings":{}})", "not a list"},
        Refused{"TimeGoesBack",
                "{\"at\":2,\"event\":\"tick\",\"readings\":[]}\n"
                "{\"at\":1,\"event\":\"tick\",\"readings\":[]}",
                "log:2: its time is before"},
        Refused{"DecisionsFirst", R"({"at":1,"decided":[]})", "decisions before any event"},
        Refused{
            "UnknownPolicy",
            R"({"at":1,"event":"settings","settings":{"policy":"best","slices":true,)"
            R"("gate":true,"mps":false,"quantum_ns":1,"quota_window_ns":1,"wait_every_us":1,)"
            R"("gate_with_slices":true,"preempted_slice_us":1,"linger_us":1,"learn_linger":true,)"
            R"("hold":true}})",
            "unknown policy 'best'"},
        Refused{"TooManyContexts",
                R"({"at":1,"event":"tick","readings":[{"session":1,"launches":0,"gpu_time_ns":0,)"
                R"("memory_bytes":0,"channel_groups":0,"longest_kernel_us":0,)"
                R"("contexts":4294967296,"capturing":false,"cannot_hold":false,)"
                R"("bursts_ns":[]}]})",
                "key 'contexts'"}),
    [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace corun::policy
