// Sessions, orders, leases and gates under a test's clock.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/mman.h>

#include <algorithm>

#include "tests/daemon/sharing_fixture.h"

namespace corun::daemon::testing {

namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::Pair;

TEST_F(SharingTest, OrdersOfTheJoinAreInThePageBeforeTheReplyGoesOut) {
  const auto id = join("a", {{policy::SetSlice{1, 6000}, "weight"},
                             {policy::SetArmed{1, 0b11, 100}, "two critical"},
                             {policy::SetMemoryLimit{1, 500}, "asked"},
                             {policy::SetTurn{1, false}, "not yet"}});
  EXPECT_EQ(page->magic, wire::kSessionMagic);
  EXPECT_EQ(page->session, id);
  EXPECT_EQ(page->orders.slice_us, 6000U);
  EXPECT_EQ(page->hot.armed, 3U);
  EXPECT_EQ(page->hot.wait_every_us, 100U);
  EXPECT_EQ(page->orders.memory_limit_bytes, 500U);
  EXPECT_EQ(page->turn.word, wire::kClosed);
  EXPECT_EQ(page->hot.gate, -1);
  EXPECT_GT(page->orders.sequence, 0U);
}

TEST_F(SharingTest, ALeaseHoldsForASecondFromTheJoinOn) {
  join("a");
  EXPECT_EQ(page->orders.lease_until_ns, static_cast<uint64_t>((now + kLease).ns));
}

TEST_F(SharingTest, LeasesAreRenewedFourTimesASecond) {
  join("a");
  advance(milliseconds(249));
  const uint64_t before = page->orders.lease_until_ns;
  advance(milliseconds(1));
  EXPECT_EQ(before + 250'000'000, page->orders.lease_until_ns);
}

TEST_F(SharingTest, ATurnOrAShareOfClosingBurstsWakesNobody) {
  join("a");
  const uint32_t sequence = page->orders.sequence;
  decide({{policy::SetTurn{1, false}, ""}, {policy::SetClosePermille{1, 300}, ""}});
  EXPECT_EQ(page->turn.word, wire::kClosed);
  EXPECT_EQ(page->hot.close_permille, 300U);
  EXPECT_EQ(page->orders.sequence, sequence);
}

TEST_F(SharingTest, OrdersDoNotComeFromThePageThatTheWorkloadCanWrite) {
  join("a", {{policy::SetSlice{1, 6000}, ""}});
  page->orders.slice_us = 1'000'000;
  page->orders.memory_limit_bytes = 1;
  decide({{policy::SetArmed{1, 1, 100}, ""}});
  EXPECT_EQ(page->orders.slice_us, 6000U);
  EXPECT_EQ(page->orders.memory_limit_bytes, 0U);
}

TEST_F(SharingTest, AnActionForASessionThatIsGoneIsDropped) {
  join("a");
  decide({{policy::SetSlice{99, 5}, "late"}});
  EXPECT_TRUE(sharing->trace("", 0)->entries.empty());
}

TEST_F(SharingTest, TheTickTellsThePolicyWhatIsNew) {
  join("a");
  page->counters.launches = 10;
  page->counters.graph_launches = 5;
  page->burst_us[0] = 700;
  page->counters.burst_index = 1;
  advance(kTick);
  const auto ticks = script.events<policy::Tick>();
  ASSERT_EQ(ticks.size(), 1U);
  EXPECT_EQ(ticks[0].readings.at(1).launches, 15U);
  EXPECT_EQ(ticks[0].readings.at(1).new_bursts, std::vector<Nanos>{std::chrono::microseconds(700)});
}

TEST_F(SharingTest, NoTickComesWhileNobodyIsThere) {
  advance(std::chrono::seconds(1));
  EXPECT_TRUE(script.seen.empty());
}

TEST_F(SharingTest, ATurnIsDueWhenThePolicySaysSo) {
  join("a");
  script.turn = now + milliseconds(7);
  EXPECT_EQ(sharing->advance(now), *script.turn);
  now = *script.turn;
  sharing->advance(now);
  EXPECT_EQ(script.events<policy::Tick>().size(), 1U);
}

TEST_F(SharingTest, ADeciderThatIsAlwaysDueDoesNotKeepTheLoopFromItsSockets) {
  join("a");
  script.turn = now - milliseconds(1);
  EXPECT_GT(sharing->advance(now), now);
}

TEST_F(SharingTest, TheHolderMayWriteItsGateAndNoOther) {
  join("lc", {{policy::AssignGate{1, 2, 50}, "critical"}});
  for (size_t gate = 0; gate < wire::kMaxGates; ++gate) {
    const int flags = fcntl(descriptors[1 + gate].get(), F_GETFL) & O_ACCMODE;
    EXPECT_EQ(flags, gate == 2 ? O_RDWR : O_RDONLY) << gate;
  }
  EXPECT_EQ(page->hot.gate, 2);
  EXPECT_EQ(page->hot.linger_us, 50U);
  EXPECT_EQ(gates.page(2).holder, 1U);
}

TEST_F(SharingTest, WithoutReadOnlyRegistrationTheDaemonsUserMayWriteAllGates) {
  join("be", {}, false);
  EXPECT_EQ(fcntl(descriptors[1].get(), F_GETFL) & O_ACCMODE, O_RDWR);
}

TEST_F(SharingTest, WithoutReadOnlyRegistrationAnotherUserMayWriteNone) {
  auto welcome = sharing->join({kUser + 1, 78}, ask("be", false), false, now);
  ASSERT_TRUE(welcome);
  EXPECT_EQ(fcntl(welcome->descriptors[1].get(), F_GETFL) & O_ACCMODE, O_RDONLY);
}

TEST_F(SharingTest, NobodyCanShrinkAPage) {
  join("a");
  EXPECT_NE(ftruncate(descriptors[0].get(), 0), 0);
  EXPECT_NE(ftruncate(descriptors[1].get(), 0), 0);
}

TEST_F(SharingTest, ASessionWithoutRightsToItsNewGateIsToldToJoinAgain) {
  const auto id = join("a");
  decide({{policy::AssignGate{id, 0, 50}, "critical now"}});
  EXPECT_EQ(page->orders.leave, wire::kJoinAgain);
  EXPECT_EQ(page->orders.slice_us, wire::kDefaultSliceUs);
  EXPECT_EQ(sharing->take_sent_away(), std::vector<policy::SessionId>{id});
  EXPECT_TRUE(sharing->take_sent_away().empty());
}

TEST_F(SharingTest, AGateThatIsHeldForTooLongIsOpenedAndTold) {
  join("lc", {{policy::AssignGate{1, 0, 50}, ""}});
  close_gate(0);
  advance(milliseconds(100));
  EXPECT_FALSE(is_open(0));
  advance(milliseconds(1));
  EXPECT_TRUE(is_open(0));
  const auto events = sharing->events(0).entries;
  EXPECT_EQ(events.back().kind, "gate-opened");
  EXPECT_EQ(events.back().text, "gate of 1000/lc held for 101 ms, opened");
  EXPECT_EQ(sharing->status(now).gates.at(0).opened_by_daemon, 1U);
}

TEST_F(SharingTest, ABurstThatGoesOnIsToldOnceAndItsTimeIsCountedOnce) {
  join("lc", {{policy::AssignGate{1, 0, 50}, ""}});
  close_gate(0);
  advance(milliseconds(101));
  const size_t events = sharing->events(0).entries.size();
  for (int i = 0; i < 5; ++i) {
    gates.page(0).word = wire::kClosed;  // by the next launch of the same burst
    advance(milliseconds(10));
    EXPECT_TRUE(is_open(0));
  }
  EXPECT_EQ(sharing->events(0).entries.size(), events);
  EXPECT_EQ(sharing->status(now).gates.at(0).opened_by_daemon, 6U);
  const auto status = sharing->status(now);
  const auto& figures = status.workloads.at(0).figures;
  const auto closed = std::ranges::find(figures, "gate_closed_seconds", &client::Figure::name);
  ASSERT_NE(closed, figures.end());
  EXPECT_NEAR(closed->value.value_or(0), 0.151, 1e-9);
}

TEST_F(SharingTest, TheNextBurstHasItsOwnTime) {
  join("lc", {{policy::AssignGate{1, 0, 50}, ""}});
  close_gate(0);
  advance(milliseconds(80));
  close_gate(0);
  advance(milliseconds(80));
  EXPECT_FALSE(is_open(0));
}

TEST_F(SharingTest, ALieAboutTheTimeOfClosingDoesNotHoldTheGate) {
  join("lc", {{policy::AssignGate{1, 0, 50}, ""}});
  close_gate(0);
  gates.page(0).closed_since_ns = ~uint64_t{0};
  advance(milliseconds(1));
  advance(milliseconds(101));
  EXPECT_TRUE(is_open(0));
}

TEST_F(SharingTest, TheGateOfADeadHolderIsOpen) {
  const auto id = join("lc", {{policy::AssignGate{1, 0, 50}, ""}});
  close_gate(0);
  sharing->leave(id, "its process ended", now);
  EXPECT_TRUE(is_open(0));
  EXPECT_EQ(gates.page(0).holder, 0U);
}

TEST_F(SharingTest, AGateWithoutHolderDoesNotStayClosed) {
  close_gate(3);
  advance(milliseconds(1));
  EXPECT_TRUE(is_open(3));
}

TEST_F(SharingTest, AtTheEndEverybodyGetsTheDefaultBack) {
  join("lc", {{policy::AssignGate{1, 0, 50}, ""},
              {policy::SetSlice{1, 1'000'000}, ""},
              {policy::SetArmed{1, 2, 100}, ""},
              {policy::SetTurn{1, false}, ""},
              {policy::SetMemoryLimit{1, 500}, ""}});
  close_gate(0);
  sharing->send_all_away();
  EXPECT_EQ(page->orders.slice_us, wire::kDefaultSliceUs);
  EXPECT_EQ(page->orders.leave, wire::kLeave);
  EXPECT_EQ(page->orders.memory_limit_bytes, 500U) << "a limit that holds is not lifted at once";
  EXPECT_EQ(page->hot.armed, 0U);
  EXPECT_EQ(page->hot.gate, -1);
  EXPECT_EQ(page->turn.word, wire::kOpen);
  EXPECT_TRUE(is_open(0));
  EXPECT_FALSE(sharing->all_seen());
  page->counters.orders_seen = page->orders.sequence.load();
  EXPECT_TRUE(sharing->all_seen());
}

TEST_F(SharingTest, AUserMayHave256Sessions) {
  for (size_t i = 0; i < kMaxSessionsPerUser; ++i) {
    ASSERT_TRUE(sharing->has_room(kUser));
    ASSERT_TRUE(sharing->join({kUser, 77}, ask("a"), true, now));
  }
  EXPECT_FALSE(sharing->has_room(kUser));
  EXPECT_TRUE(sharing->has_room(kUser + 1));
}

TEST_F(SharingTest, NamesBelongToUsers) {
  join("a");
  ASSERT_TRUE(sharing->join({kUser + 1, 78}, ask("a"), false, now));
  EXPECT_EQ(sharing->status(now).workloads.size(), 2U);
}

TEST_F(SharingTest, WhileAWorkloadIsParkedItsStreamsWaitForNothing) {
  join("lc", {{policy::AssignGate{1, 0, 50}, ""}, {policy::SetArmed{1, 2, 100}, ""}});
  close_gate(0);
  sharing->park_changed({.workload = "1000/lc", .state = ParkState::kParking}, "", now);
  EXPECT_TRUE(is_open(0));
  EXPECT_EQ(page->hot.armed, wire::kArmedParked);
  EXPECT_EQ(page->hot.gate, -1);
  decide({{policy::SetTurn{1, false}, ""}});
  EXPECT_EQ(page->turn.word, wire::kOpen);
  sharing->park_changed({.workload = "1000/lc", .state = ParkState::kRunning}, "", now);
  EXPECT_EQ(page->hot.armed, 2U);
  EXPECT_EQ(page->hot.gate, 0);
  EXPECT_EQ(page->turn.word, wire::kClosed);
}

TEST_F(SharingTest, EachParkingIsAnnouncedByANumberOfItsOwn) {
  join("a");
  const auto change = [this](ParkState state) {
    sharing->park_changed({.workload = "1000/a", .state = state}, "", now);
  };
  change(ParkState::kParking);
  EXPECT_EQ(page->orders.park_sequence, 1U);
  EXPECT_FALSE(sharing->sessions_of("1000/a")[0]->ready_to_park());
  page->waits.park_ready = 1;
  EXPECT_TRUE(sharing->sessions_of("1000/a")[0]->ready_to_park());
  change(ParkState::kParked);
  change(ParkState::kResuming);
  change(ParkState::kRunning);
  EXPECT_EQ(page->hot.armed, 0U);
  change(ParkState::kParking);
  EXPECT_EQ(page->orders.park_sequence, 2U);
  EXPECT_FALSE(sharing->sessions_of("1000/a")[0]->ready_to_park());
}

TEST_F(SharingTest, MovesAreCountedAndTimed) {
  join("a");
  const auto change = [this](ParkState state) {
    sharing->park_changed({.workload = "1000/a", .state = state, .bytes = 700}, "", now);
    now = now + std::chrono::seconds(2);
  };
  for (const ParkState state : {ParkState::kParking, ParkState::kParked, ParkState::kResuming,
                                ParkState::kRunning, ParkState::kParking, ParkState::kParked}) {
    change(state);
  }
  const auto status = sharing->status(now).workloads.at(0);
  EXPECT_EQ(status.state, "parked");
  EXPECT_EQ(status.find("parks")->value, 2);
  EXPECT_EQ(status.find("resumes")->value, 1);
  EXPECT_EQ(status.find("moved_bytes")->value, 2100);
  EXPECT_EQ(status.find("parked_seconds")->value, 6);
}

TEST_F(SharingTest, EachProcessNeedsTheRoomOfItsOwnMemoryToComeBack) {
  join("a", {}, true, 77);
  page->counters.memory_bytes = 700;
  join("a", {}, true, 78);
  page->counters.memory_bytes = 100;
  const auto needs = [this] {
    std::vector<std::pair<pid_t, uint64_t>> all;
    for (const auto& [pid, bytes] : sharing->parked_processes("1000/a"))
      all.emplace_back(pid, bytes);
    return all;
  };
  advance(kTick);
  EXPECT_THAT(needs(), ElementsAre(Pair(77, 700), Pair(78, 100)));
  EXPECT_EQ(sharing->parked_bytes("1000/a"), 800U);
  // The driver had more of it than they told: nobody knows whose that is.
  script.parked_bytes["1000/a"] = 811;
  advance(kTick);
  EXPECT_THAT(needs(), ElementsAre(Pair(77, 706), Pair(78, 106)));
}

TEST_F(SharingTest, WhatThePolicyOrdersIsThereToBeTakenOnce) {
  join("a");
  decide({{policy::Park{"1000/a", true}, "idle"}});
  const auto orders = sharing->take_park_orders();
  ASSERT_EQ(orders.size(), 1U);
  EXPECT_EQ(orders[0].workload, "1000/a");
  EXPECT_TRUE(orders[0].park && orders[0].only_if_idle);
  EXPECT_TRUE(sharing->take_park_orders().empty());
  EXPECT_EQ(sharing->trace("1000/a", 0)->entries.back().why, "idle");
}

TEST_F(SharingTest, AnAnswerAboutMemoryIsInThePage) {
  join("a");
  page->waits.wanted_bytes = 500;
  page->waits.memory_asks = 3;
  advance(kTick);
  const auto reading = script.events<policy::Tick>().back().readings.at(1);
  EXPECT_EQ(reading.wanted_bytes, 500U);
  EXPECT_EQ(reading.memory_ask, 3U);
  decide({{policy::SetMemoryRoom{1, 900}, ""},
          {policy::SetMemoryWait{1, std::chrono::seconds(3)}, ""},
          {policy::AnswerMemory{1, 3, true}, "free"}});
  EXPECT_EQ(page->orders.memory_room_bytes, 900U);
  EXPECT_EQ(page->orders.memory_wait_ms, 3000U);
  EXPECT_EQ(page->orders.memory_answer, 7U);
  decide({{policy::SetMemoryWait{1, std::nullopt}, "rotate"}});
  EXPECT_EQ(page->orders.memory_wait_ms, UINT32_MAX);
}

TEST_F(SharingTest, AProcessThatCannotBeParkedIsToldApart) {
  join("a");
  const auto parkable = [this] {
    advance(kTick);
    return script.events<policy::Tick>().back().readings.at(1).parkable;
  };
  EXPECT_TRUE(parkable());
  for (const uint32_t flag :
       {wire::kFlagManyDevices, wire::kFlagManagedMemory, wire::kFlagSharesMemory}) {
    page->counters.flags = flag;
    EXPECT_FALSE(parkable());
    EXPECT_TRUE(sharing->unparkable("1000/a"));
  }
  page->counters.flags = wire::kFlagWaiting;
  EXPECT_TRUE(parkable());
  ASSERT_TRUE(sharing->join({kUser, 0}, ask("hidden"), true, now));
  EXPECT_THAT(*sharing->unparkable("1000/hidden"), ::testing::HasSubstr("PID namespace"));
}

TEST_F(SharingTest, OneThatTheLastDaemonLeftParkedIsHeldAndBroughtBackOnceItsMemoryIsKnown) {
  JoinAsk parked = ask("a");
  parked.parked = true;
  auto welcome = sharing->join({kUser, 77}, parked, true, now);
  ASSERT_TRUE(welcome);
  void* memory = mmap(nullptr, wire::kPageBytes, PROT_READ | PROT_WRITE, MAP_SHARED,
                      welcome->descriptors[0].get(), 0);
  page = static_cast<wire::SessionPage*>(memory);
  EXPECT_EQ(page->hot.armed, wire::kArmedParked);
  EXPECT_EQ(sharing->status(now).workloads.at(0).state, "parked");
  advance(std::chrono::seconds(1));
  EXPECT_TRUE(script.events<policy::ResumeAsked>().empty()) << "it has told nothing yet";
  page->counters.heartbeat_ns = static_cast<uint64_t>(now.ns);
  advance(kTick);
  EXPECT_EQ(script.events<policy::ResumeAsked>().size(), 1U);
}

TEST_F(SharingTest, AReadingOfTheGpusMemoryFromBeforeAMoveIsNotTold) {
  join("a");
  sharing->set_memory_use({.at = now, .used_bytes = 900});
  advance(kTick);
  EXPECT_EQ(script.events<policy::Tick>().back().device_used_bytes, 900U);
  advance(kTick);
  EXPECT_EQ(script.events<policy::Tick>().back().device_used_bytes, 0U) << "told once";
  sharing->set_memory_use({.at = now, .used_bytes = 800});
  sharing->park_changed({.workload = "1000/a", .state = ParkState::kParking}, "", now);
  advance(kTick);
  EXPECT_EQ(script.events<policy::Tick>().back().device_used_bytes, 0U);
}

TEST_F(SharingTest, WhatAnOperatorSetsBeatsWhatTheWorkloadAsks) {
  join("a");
  client::WorkloadChange change{.workload = "a"};
  change.service_class = ServiceClass::kBestEffort;
  change.weight = 4;
  ASSERT_TRUE(sharing->set("1000/a", change, now));
  const auto changed = script.events<policy::Changed>();
  ASSERT_EQ(changed.size(), 1U);
  EXPECT_EQ(changed[0].workload.weight, 4);
  restart(sharing->persistent());
  join("a");
  const auto joined = script.events<policy::Joined>().back();
  EXPECT_EQ(joined.workload.service_class, ServiceClass::kBestEffort);
  EXPECT_EQ(joined.workload.weight, 4);
}

TEST_F(SharingTest, AZeroLimitLiftsTheOneThatTheWorkloadAskedFor) {
  JoinAsk asked = ask("a");
  asked.workload.memory_limit_bytes = 100;
  ASSERT_TRUE(sharing->join({kUser, 77}, asked, true, now));
  client::WorkloadChange change{.workload = "a"};
  change.memory_limit_bytes = 0;
  ASSERT_TRUE(sharing->set("1000/a", change, now));
  EXPECT_EQ(script.events<policy::Changed>().at(0).workload.memory_limit_bytes, std::nullopt);
}

TEST_F(SharingTest, ChangesThatCannotBeAreRefusedByName) {
  join("a");
  client::WorkloadChange change{.workload = "a"};
  change.weight = 0;
  EXPECT_EQ(sharing->set("1000/a", change, now).error().what, "weight is 0");
  change.weight.reset();
  change.min_share = 0.8;
  change.max_share = 0.5;
  EXPECT_FALSE(sharing->set("1000/a", change, now));
  EXPECT_EQ(sharing->set("1000/b", {}, now).error().what, "no workload 1000/b on this GPU");
  client::SettingsChange settings;
  settings.policy = "best";
  EXPECT_FALSE(sharing->change_settings(settings, now));
  settings.policy.reset();
  settings.max_burst_ms = 0;
  EXPECT_FALSE(sharing->change_settings(settings, now));
  EXPECT_TRUE(script.events<policy::Changed>().empty());
}

TEST_F(SharingTest, FiguresOfEndedSessionsStayWithTheWorkload) {
  const auto first = join("a");
  page->counters.launches = 10;
  advance(std::chrono::seconds(1));
  page->counters.gpu_estimated_ns = 400'000'000;
  sharing->leave(first, "its connection ended", now);
  join("a");
  page->counters.launches = 7;
  const auto status = sharing->status(now).workloads.at(0);
  EXPECT_EQ(status.find("launches")->value, 17);
  EXPECT_EQ(status.find("gpu_seconds")->value, 0.4);
}

TEST_F(SharingTest, MadeUpNamesDoNotFillTheMemory) {
  for (int i = 0; i < 600; ++i) sharing->leave(join("w" + std::to_string(i)), "", now);
  EXPECT_TRUE(sharing->trace("1000/w599", 0));
  EXPECT_FALSE(sharing->trace("1000/w0", 0));
}

}  // namespace

}  // namespace corun::daemon::testing
