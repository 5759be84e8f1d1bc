// What operators read: golden texts, and who may ask for what.
#include <sys/mman.h>

#include "core/json_values.h"
#include "engine/daemon/control.h"
#include "engine/daemon/options.h"
#include "tests/benchmarking/golden.h"
#include "tests/daemon/sharing_fixture.h"

namespace corun::daemon::testing {

namespace {

class NoParker final : public Parker {
 public:
  void park(const std::string& key, bool until_resume, std::function<void(Status)> done) override {
    asked += "park " + key + (until_resume ? " until resume" : "");
    done({});
  }
  void resume(const std::string& key, std::function<void(Status)> done) override {
    asked += "resume " + key;
    done({});
  }
  std::string asked;
};

class StatusTest : public SharingTest {
 protected:
  StatusTest() {
    join("server", {{policy::AssignGate{1, 0, 50}, "latency-critical"},
                    {policy::SetSlice{1, 1'000'000}, "latency-critical: the longest slice"}});
    page->counters.launches = 100;
    page->counters.graph_launches = 20;
    page->counters.bursts = 2;
    page->counters.flags = wire::kFlagBursting;
    page->burst_us[0] = 600;
    page->burst_us[1] = 800;
    page->counters.burst_index = 2;
    script.next = {{policy::SetArmed{2, 1 | wire::kArmedTurn, 100}, "gate 0 is 1000/server's"},
                   {policy::SetTurn{2, true}, "next by weight"}};
    EXPECT_TRUE(sharing->join({kUser, 78}, ask("train"), true, now));
    close_gate(0);
    advance(kTick);
    page->counters.gpu_estimated_ns = 50'000'000;
  }
  std::string answer(uid_t user, const std::string& line) {
    std::string text;
    control.handle({user, 5}, line, now, [&text](const std::string& reply) { text = reply; });
    return text;
  }
  NoParker parker;
  Control control{*sharing, parker, {.state_file = {}, .user = kUser}};
};

TEST_F(StatusTest, StatusIsWhatTheDocumentationSays) {
  client::DaemonStatus status = sharing->status(now);
  status.pid = 42;
  status.user = kUser;
  const std::string text = client::to_json(status).dump(1) + "\n";
  expect_golden("daemon/golden/status.json", text);
}

TEST(CorundHelp, NamesEveryPolicyAndIsTheGoldenText) {
  const char* const arguments[] = {"corund", "--help"};
  ::testing::internal::CaptureStdout();
  const auto options = parse_options(2, arguments);
  (void)fflush(stdout);
  const std::string text = ::testing::internal::GetCapturedStdout();
  ASSERT_TRUE(options) << options.error().text();
  EXPECT_FALSE(options->has_value());
  expect_golden("daemon/golden/help.txt", text);
  const auto begin = text.find("--policy");
  const std::string line = text.substr(begin, text.find('\n', begin) - begin);
  for (const char* policy : {"priority", "fair", "quota", "deadline", "rotate", "none"}) {
    EXPECT_NE(line.find(policy), std::string::npos) << policy;
  }
}

TEST_F(StatusTest, TraceGivesEachChangeWithItsReason) {
  std::string text;
  const client::Trace trace = *sharing->trace("", 0);
  for (const auto& entry : trace.entries) {
    text += std::to_string(entry.seq) + " " + entry.workload + ": " + entry.change + ": " +
            entry.why + "\n";
  }
  expect_golden("daemon/golden/trace.txt", text);
}

TEST_F(StatusTest, ReadsBackTheSame) {
  const client::DaemonStatus status = sharing->status(now);
  const auto read = client::status_from_json(client::to_json(status));
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_EQ(*read, status);
  const client::Trace trace = *sharing->trace("", 0);
  EXPECT_EQ(*client::trace_from_json(client::to_json(trace)), trace);
  const client::Events events = sharing->events(0);
  EXPECT_EQ(*client::events_from_json(client::to_json(events)), events);
}

TEST(StatusOfAnotherVersion,
     WhatAnOlderDaemonDoesNotTellIsTheDefaultAndWhatANewerOneTellsIsNoError) {
  client::DaemonStatus status;
  status.gpu.uuid = "GPU-1";
  status.settings.policy = "fair";
  status.settings.linger_us = 70;
  client::WorkloadStatus workload;
  workload.name = "a";
  workload.state = "running";
  workload.sessions.emplace_back();
  status.workloads = {workload};
  Json json = client::to_json(status);
  json["settings"].erase("linger_us");
  json["settings"]["warp_factor"] = 9;
  json["workloads"][0].erase("latency_target_us");
  json["workloads"][0].erase("burst_lengths");
  json["workloads"][0]["sessions"][0].erase("flags");
  json.erase("watchdog");
  json["moods"] = Json::array();
  const auto read = client::status_from_json(json);
  ASSERT_TRUE(read) << read.error().text();
  status.settings.linger_us = 0;
  EXPECT_EQ(*read, status);
  json.erase("gpu");
  EXPECT_FALSE(client::status_from_json(json)) << "a reply without a GPU is none";
}

TEST_F(StatusTest, BurstsOfASessionThatEndedStayCounted) {
  const auto of_server = [this] {
    for (const client::WorkloadStatus& workload : sharing->status(now).workloads) {
      if (workload.name == "server") return workload.burst_lengths.value_or(client::Lengths{});
    }
    return client::Lengths{};
  };
  const client::Lengths before = of_server();
  ASSERT_EQ(before.counts.size(), 17U);
  EXPECT_EQ(before.counts[3], 2U) << "600 and 800 us are between 500 us and 1 ms";
  EXPECT_EQ(before.sum_us, 1400);
  EXPECT_TRUE(sharing->join({kUser, 79}, ask("server"), true, now));
  sharing->leave(1, "it ended", now);
  EXPECT_EQ(of_server(), before);
}

TEST_F(StatusTest, TraceOfOneWorkloadFromANumberOn) {
  const client::Trace all = *sharing->trace("1000/server", 0);
  ASSERT_EQ(all.entries.size(), 2U);
  const client::Trace rest = *sharing->trace("1000/server", all.entries[1].seq);
  EXPECT_EQ(rest.entries.size(), 1U);
  EXPECT_TRUE(sharing->trace("1000/server", rest.next)->entries.empty());
}

TEST_F(StatusTest, WhoseSlicesTheyWereIsToldToThoseWhoMayKnow) {
  decide({{policy::SetTurn{2, false}, "its turn is over"}});
  const std::string all = R"({"op":"slices"})";
  const std::string of_train = R"({"op":"slices","workload":"1000/train"})";
  for (const uid_t user : {uid_t{0}, kUser}) {
    EXPECT_NE(answer(user, all).find(R"("workload":"1000/train")"), std::string::npos) << user;
    EXPECT_NE(answer(user, of_train).find(R"("what":"turn")"), std::string::npos) << user;
  }
  const std::string to_others = answer(kUser + 1, all);
  EXPECT_NE(to_others.find(R"("what":"turn")"), std::string::npos) << to_others;
  EXPECT_NE(to_others.find(R"("workload":null)"), std::string::npos) << to_others;
  EXPECT_EQ(to_others.find("1000/"), std::string::npos) << to_others;
  EXPECT_NE(answer(kUser + 1, of_train).find("may not see"), std::string::npos);
}

TEST_F(StatusTest, SlicesAreNeverCalledProvenUnlessTheyWereMeasured) {
  EXPECT_EQ(sharing->status(now).slices, client::SlicesState::kUnproven);
  sharing->set_slices(client::SlicesState::kProven, "75.1 : 24.9", true, now);
  EXPECT_EQ(sharing->status(now).slices, client::SlicesState::kProven);
  EXPECT_TRUE(script.events<policy::SettingsChanged>().at(0).settings.backend.slices);
}

TEST_F(StatusTest, OnlyTheDaemonsUserAndRootMayChangeAnything) {
  for (const char* line :
       {R"({"op":"set","workload":"server","weight":2})", R"({"op":"settings","policy":"fair"})",
        R"({"op":"park","workload":"server"})", R"({"op":"shutdown"})"}) {
    EXPECT_NE(answer(kUser + 1, line).find("may not change"), std::string::npos) << line;
  }
  EXPECT_EQ(parker.asked, "");
  EXPECT_FALSE(control.shutdown_requested());
  EXPECT_NE(answer(kUser + 1, R"({"op":"status"})").find("\"ok\":true"), std::string::npos);
  EXPECT_EQ(answer(0, R"({"op":"set","workload":"1000/server","weight":2})"), R"({"ok":true})");
  EXPECT_EQ(answer(kUser, R"({"op":"park","workload":"server"})"), R"({"ok":true})");
  EXPECT_EQ(parker.asked, "park 1000/server");
}

}  // namespace

}  // namespace corun::daemon::testing
