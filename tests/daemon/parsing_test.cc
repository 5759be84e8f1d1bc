// What comes from outside: packets, request lines, names, counters, the state file.
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <functional>
#include <limits>

#include "core/files.h"
#include "core/json_values.h"
#include "engine/daemon/control.h"
#include "engine/daemon/readings.h"
#include "engine/daemon/ring.h"
#include "engine/daemon/state_file.h"
#include "tests/daemon/fake_shim.h"

namespace corun::daemon {

namespace {

ParsedJoin parse(const wire::JoinRequest& request) {
  return parse_join(std::as_bytes(std::span(&request, 1)));
}

TEST(Join, AWholeRequestIsRead) {
  wire::JoinRequest request =
      corun::testing::join_request("server", wire::WorkloadClass::kLatencyCritical);
  request.weight_milli = 2500;
  request.memory_limit_bytes = 1 << 20;
  request.latency_target_us = 2000;
  const ParsedJoin parsed = parse(request);
  ASSERT_EQ(parsed.status, wire::JoinStatus::kWelcome) << parsed.why;
  EXPECT_EQ(parsed.ask.workload.name, "server");
  EXPECT_EQ(parsed.ask.workload.service_class, ServiceClass::kLatencyCritical);
  EXPECT_EQ(parsed.ask.workload.weight, 2.5);
  EXPECT_EQ(parsed.ask.workload.memory_limit_bytes, 1U << 20);
  EXPECT_EQ(parsed.ask.workload.latency_target, std::chrono::milliseconds(2));
  EXPECT_TRUE(parsed.ask.read_only_gates);
}

struct BadPacket {
  const char* name;
  std::function<void(wire::JoinRequest&)> spoil;
  wire::JoinStatus status;
  const char* why;
};

TEST(Join, EveryBadFieldIsRefusedByName) {
  using wire::JoinStatus;
  const BadPacket table[] = {
      {"magic", [](auto& r) { r.magic = 1; }, JoinStatus::kRefused, "no request"},
      {"version", [](auto& r) { r.version = 2; }, JoinStatus::kVersion, "version 2"},
      {"size", [](auto& r) { r.bytes = 4; }, JoinStatus::kRefused, "size"},
      {"class", [](auto& r) { r.workload_class = wire::WorkloadClass{7}; }, JoinStatus::kRefused,
       "class"},
      {"weight", [](auto& r) { r.weight_milli = 1'000'001; }, JoinStatus::kRefused, "weight"},
      {"target", [](auto& r) { r.latency_target_us = ~uint64_t{0}; }, JoinStatus::kRefused,
       "target"},
      {"endless", [](auto& r) { std::memset(r.workload, 'x', 64); }, JoinStatus::kRefused, "name"},
      {"empty", [](auto& r) { r.workload[0] = 0; }, JoinStatus::kRefused, "name"},
      {"slash", [](auto& r) { r.workload[0] = '/'; }, JoinStatus::kRefused, "name"},
      {"escape", [](auto& r) { r.workload[0] = '\x1b'; }, JoinStatus::kRefused, "name"},
      {"program", [](auto& r) { std::memset(r.program, 'x', 64); }, JoinStatus::kRefused,
       "program"},
  };
  for (const BadPacket& bad : table) {
    wire::JoinRequest request = corun::testing::join_request("server");
    bad.spoil(request);
    const ParsedJoin parsed = parse(request);
    EXPECT_EQ(parsed.status, bad.status) << bad.name;
    EXPECT_NE(parsed.why.find(bad.why), std::string::npos) << bad.name << ": " << parsed.why;
  }
}

TEST(Join, AnotherVersionIsToldSoWhateverItsSize) {
  wire::JoinRequest request = corun::testing::join_request("a");
  request.version = 9;
  EXPECT_EQ(parse_join(std::as_bytes(std::span(&request, 1)).first(16)).status,
            wire::JoinStatus::kVersion);
}

TEST(Requests, WrongOnesAreOneLineThatNamesTheFault) {
  const std::pair<const char*, const char*> table[] = {
      {"", "not JSON"},
      {"[]", "not a JSON object"},
      {"{}", "missing key 'op'"},
      {R"({"op":7})", "key 'op': not text"},
      {R"({"op":"dance"})", "unknown operation 'dance'"},
      {R"({"op":"status","x":1})", "unknown key 'x'"},
      {R"({"op":"set"})", "missing key 'workload'"},
      {R"({"op":"set","workload":"a"})", "nothing to change"},
      {R"({"op":"set","workload":"a","class":"fast"})", "fast"},
      {R"({"op":"set","workload":"a","weight":"3"})", "key 'weight': not a number"},
      {R"({"op":"settings","linger_us":4294967296})", "key 'linger_us': too large"},
      {R"({"op":"settings","linger_us":-1})", "key 'linger_us'"},
      {R"({"op":"trace","since":-1})", "key 'since'"},
      {R"({"op":"slices","since":"1"})", "slices: key 'since'"},
      {R"({"op":"slices","until":1})", "unknown key 'until'"},
      {R"({"op":"park"})", "missing key 'workload'"},
  };
  for (const auto& [line, why] : table) {
    const auto request = parse_request(line);
    ASSERT_FALSE(request) << line;
    EXPECT_NE(request.error().what.find(why), std::string::npos)
        << line << ": " << request.error().what;
    EXPECT_EQ(request.error().what.find('\n'), std::string::npos) << line;
  }
}

TEST(Requests, OnlySomeChangeAnything) {
  EXPECT_FALSE(changes_something(*parse_request(R"({"op":"status"})")));
  EXPECT_FALSE(changes_something(*parse_request(R"({"op":"settings"})")));
  EXPECT_FALSE(changes_something(*parse_request(R"({"op":"slices","workload":"a","since":3})")));
  EXPECT_TRUE(changes_something(*parse_request(R"({"op":"settings","policy":"fair"})")));
  EXPECT_TRUE(changes_something(*parse_request(R"({"op":"resume","workload":"a"})")));
  EXPECT_TRUE(changes_something(*parse_request(R"({"op":"shutdown"})")));
}

TEST(Names, AreOfTheAskingUserUnlessTheySayWhose) {
  EXPECT_EQ(*workload_key_of(7, "a"), "7/a");
  EXPECT_EQ(*workload_key_of(7, "1000/a"), "1000/a");
  for (const char* bad : {"", "/a", "x/a", "-1/a", "1/a/b", "a b", "99999999999/a"}) {
    EXPECT_FALSE(workload_key_of(7, bad)) << bad;
  }
}

TEST(Lengths, WrongOnesNameTheFault) {
  const std::pair<const char*, const char*> table[] = {
      {R"({"bounds_us":[1],"counts":[1,2]})", "sum_us"},
      {R"({"bounds_us":1,"counts":[1],"sum_us":0})", "bounds_us"},
      {R"({"bounds_us":[2,2],"counts":[1,2,3],"sum_us":0})", "not rising"},
      {R"({"bounds_us":[0],"counts":[1,2],"sum_us":0})", "not rising"},
      {R"({"bounds_us":["1"],"counts":[1,2],"sum_us":0})", "not rising"},
      {R"({"bounds_us":[1,2],"counts":[1,2],"sum_us":0})", "not one more"},
      {R"({"bounds_us":[1],"counts":[1,-2],"sum_us":0})", "not whole"},
      {R"([])", "object"},
  };
  for (const auto& [text, why] : table) {
    const auto read = client::lengths_from_json(parse_json(text, "test").value());
    ASSERT_FALSE(read) << text;
    EXPECT_NE(read.error().what.find(why), std::string::npos) << read.error().what;
  }
}

class Counters : public ::testing::Test {
 protected:
  void read(Nanos after) { reader.read(page.counters, page.burst_us, joined + after); }
  Instant joined{1'000'000'000};
  wire::SessionPage page{};
  CounterReader reader{joined, 1000};
};

TEST_F(Counters, BurstsAreCountedByLengthUpToAndWithTheBound) {
  const uint32_t lengths[] = {0, 100, 101, 5000, 10'000'001};
  for (const uint32_t us : lengths) page.burst_us[page.counters.burst_index++] = us;
  read(Nanos(1));
  read(Nanos(2));  // none is counted twice
  BurstLengths all = reader.totals().burst_lengths;
  EXPECT_FALSE(all.empty());
  client::Lengths told = all.told();
  ASSERT_EQ(told.counts.size(), told.bounds_us.size() + 1);
  EXPECT_EQ(told.bounds_us.front(), 100);
  EXPECT_EQ(told.bounds_us.back(), 10e6);
  EXPECT_EQ(told.counts[0], 2U);
  EXPECT_EQ(told.counts[1], 1U);
  EXPECT_EQ(told.counts[5], 1U);
  EXPECT_EQ(told.counts.back(), 1U);
  EXPECT_EQ(told.sum_us, 10'005'202);
  all += reader.totals().burst_lengths;
  told = all.told();
  EXPECT_EQ(told.counts[0], 4U);
  EXPECT_EQ(told.sum_us, 20'010'404);
}

TEST_F(Counters, NeverGoBack) {
  page.counters.launches = 10;
  read(Nanos(1));
  page.counters.launches = 3;
  read(Nanos(2));
  EXPECT_EQ(reader.totals().launches, 10U);
}

TEST_F(Counters, AQueueIsKnownWhereItIsFollowedAndNotBracketed) {
  struct Row {
    uint32_t flags;
    std::optional<bool> queued;
    bool computes;
  };
  const Row rows[] = {
      {0, std::nullopt, true},
      {wire::kFlagBursting, std::nullopt, true},
      {wire::kFlagFollowed, false, false},
      {wire::kFlagFollowed | wire::kFlagBursting, true, false},
      {wire::kFlagFollowed | wire::kFlagBursting | wire::kFlagComputing, true, true},
      {wire::kFlagFollowed | wire::kFlagHints, std::nullopt, true},
  };
  for (const Row& row : rows) {
    page.counters.flags = row.flags;
    read(Nanos(1));
    const policy::SessionReading reading = reader.take();
    EXPECT_EQ(reading.queued, row.queued) << row.flags;
    EXPECT_EQ(reading.computes, row.computes) << row.flags;
  }
}

TEST_F(Counters, AreBoundedByWhatCanBe) {
  page.counters.gpu_estimated_ns = ~uint64_t{0};
  page.counters.gate_closed_ns = ~uint64_t{0};
  page.counters.memory_bytes = ~uint64_t{0};
  page.counters.memory_peak_bytes = ~uint64_t{0};
  page.counters.contexts = ~0U;
  page.counters.heartbeat_ns = ~uint64_t{0};
  read(std::chrono::seconds(2));
  EXPECT_EQ(reader.totals().gpu_time, std::chrono::seconds(2));
  EXPECT_EQ(reader.totals().gate_closed, std::chrono::seconds(2));
  EXPECT_EQ(reader.memory_bytes(), 1000U);
  EXPECT_EQ(reader.memory_peak_bytes(), 1000U);
  EXPECT_LE(reader.take().contexts, 256U);
  EXPECT_EQ(reader.heartbeat(), Instant{});
}

TEST_F(Counters, ABurstRingThatJumpsGivesOneRingAtMost) {
  for (uint32_t i = 1; i < 100; ++i) {
    page.counters.burst_index = i * 1'000'003;
    read(Nanos(i));
  }
  EXPECT_LE(reader.take().new_bursts.size(), wire::kBurstRing);
  EXPECT_EQ(reader.recent_bursts_us().size(), wire::kBurstRing);
}

TEST(RingOfEntries, KeepsTheLastAndTellsWhatIsGone) {
  Ring<client::DaemonEvent> ring(3);
  for (int i = 0; i < 5; ++i) ring.add({});
  EXPECT_EQ(ring.entries().front().seq, 3U);
  EXPECT_EQ(ring.next(), 6U);
  EXPECT_TRUE(ring.missed(2));
  EXPECT_FALSE(ring.missed(3));
  EXPECT_FALSE(ring.missed(0));
}

Persistent some_state() {
  Persistent state;
  state.settings = policy::default_settings();
  state.settings.kind = policy::PolicyKind::kQuota;
  state.settings.linger_us = 77;
  state.max_burst = std::chrono::milliseconds(30);
  state.workloads["1000/a"] = {
      .service_class = ServiceClass::kBestEffort, .weight = 3, .memory_limit_bytes = 0};
  return state;
}

TEST(StateFile, ReadsBackTheSame) {
  const auto folder = TemporaryFolder::create("corun-state-").value();
  ASSERT_TRUE(save_state(folder.path() / "state.json", some_state()));
  const auto read = load_state(folder.path() / "state.json", Persistent{});
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_EQ(to_json(*read), to_json(some_state()));
}

TEST(StateFile, AMissingOneIsADefault) {
  EXPECT_EQ(to_json(*load_state("/nonexistent/state.json", some_state())), to_json(some_state()));
}

TEST(StateFile, WhatAnOlderVersionDidNotKnowIsTheDefault) {
  Json older = to_json(some_state());
  older["settings"].erase("preempted_slice_us");
  older["settings"].erase("gate_with_slices");
  older["workloads"]["1000/a"].erase("weight");
  Persistent base;
  base.settings = policy::default_settings();
  const auto read = persistent_from_json(older, base);
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_EQ(read->settings.preempted_slice_us, 1U);
  EXPECT_EQ(read->settings.kind, policy::PolicyKind::kQuota);
  EXPECT_FALSE(read->workloads.at("1000/a").weight);
}

TEST(StateFile, WhatANewerVersionKnowsBesideIsLeftOut) {
  Json newer = to_json(some_state());
  newer["schema"] = 7;
  newer["settings"]["warp_factor"] = 9;
  newer["workloads"]["1000/a"]["colour"] = "red";
  newer["rooms"] = Json::array();
  const auto read = persistent_from_json(newer, Persistent{});
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_EQ(to_json(*read), to_json(some_state()));
}

TEST(StateFile, ADamagedOneIsNamedAndNotGuessed) {
  const auto folder = TemporaryFolder::create("corun-state-").value();
  const auto path = folder.path() / "state.json";
  const std::string whole = to_json(some_state()).dump();
  for (const size_t cut : {size_t{0}, size_t{1}, whole.size() / 2, whole.size() - 1}) {
    ASSERT_TRUE(write_file_atomically(path, whole.substr(0, cut)));
    const auto read = load_state(path, Persistent{});
    ASSERT_FALSE(read) << cut;
    EXPECT_NE(read.error().what.find(path.string()), std::string::npos);
  }
}

}  // namespace

}  // namespace corun::daemon
