#include "gpu/timeline.h"

#include <gtest/gtest.h>

#include <ostream>

#include "tests/gpu/switch_events.h"

namespace corun::gpu::testing {
namespace {

using std::chrono::microseconds;
using std::chrono::seconds;

/// Our clock at the GPU's `us`, when a reading is as quick as can be.
Instant at(int64_t us) { return Instant{7'000'000'000} + microseconds(us); }

std::string take(Timeline& timeline, const std::string& events, int64_t read_us,
                 uint64_t lost = 0) {
  return text_of(timeline.take({switch_events(events), lost, at(read_us)}));
}

struct Case {
  const char* name;
  const char* events;
  int64_t read_us;
  const char* pieces;
  uint64_t misfits = 0;
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

class TimelineTest : public ::testing::TestWithParam<Case> {};

TEST_P(TimelineTest, OneReadingGivesThesePieces) {
  const Case& c = GetParam();
  Timeline timeline;
  EXPECT_EQ(take(timeline, c.events, c.read_us), c.pieces);
  EXPECT_EQ(timeline.misfits(), c.misfits);
}

// A reading is as quick as can be if the last record is of that moment.
INSTANTIATE_TEST_SUITE_P(
    Records, TimelineTest,
    ::testing::Values(
        Case{"nothing", "", 1000, ""},
        Case{"two take turns", "S1@0 E1@2200 S2@2285 E2@4400 S1@4485", 4485,
             "1[0,2200) switch[2200,2285) 2[2285,4400) switch[4400,4485)"},
        Case{"the present run is counted up to the reading", "S1@0 E1@2200 S2@2285 E2@2300 S1@2385",
             3385, "1[0,2200) switch[2200,2285) 2[2285,2300) switch[2300,2385)"},
        Case{"a long gap is nobody's", "S1@0 E1@100 S2@5100", 5100, "1[0,100) nobody[100,5100)"},
        Case{"a run without an end lasts until the next one", "S1@0 S2@700 E2@800", 800,
             "1[0,700) 2[700,800)"},
        Case{"an end without a start is unknown time", "E1@10 E2@50 S1@60", 60,
             "unknown[10,50) switch[50,60)", 1},
        Case{"the end of another one is unknown time", "S1@0 E2@50 S1@60", 60,
             "unknown[0,50) switch[50,60)", 1},
        Case{"time does not go back", "S1@100 E1@50 E1@200 S2@300", 300,
             "1[100,200) switch[200,300)", 1},
        Case{"one reading may span minutes", "S1@0 E1@90000000 S2@90000085", 90'000'085,
             "1[0,90000000) switch[90000000,90000085)"}));

TEST(Timeline, ReadingsFollowOneAnotherWithoutAGap) {
  Timeline timeline;
  EXPECT_EQ(take(timeline, "S1@0 E1@1000 S2@1085", 1085), "1[0,1000) switch[1000,1085)");
  EXPECT_EQ(timeline.running(), 2U);
  EXPECT_EQ(take(timeline, "", 51'085), "2[1085,51085)...");
  EXPECT_EQ(take(timeline, "E2@60000 S1@60085", 101'085),
            "2[51085,60000) switch[60000,60085) 1[60085,101085)...");
}

TEST(Timeline, ARecordOfAMomentToComeIsNoRecord) {
  Timeline timeline;
  take(timeline, "S1@0", 0);
  EXPECT_EQ(take(timeline, "E1@9000000 E1@100 S2@185", 1000),
            "1[0,100) switch[100,185) 2[185,1000)...");
  EXPECT_EQ(timeline.misfits(), 1U);
}

TEST(Timeline, AGapThatIsStillOpenIsJudgedWhenItsEndIsKnown) {
  Timeline timeline;
  EXPECT_EQ(take(timeline, "S1@0 E1@1000", 1000), "1[0,1000)");
  EXPECT_EQ(take(timeline, "", 1050), "") << "a switch may be under way";
  EXPECT_EQ(take(timeline, "S2@1085", 1100), "switch[1000,1085) 2[1085,1100)...");
  EXPECT_EQ(take(timeline, "E2@1200", 1200), "2[1100,1200)");
  EXPECT_EQ(take(timeline, "", 3000), "nobody[1200,3000)");
  EXPECT_EQ(take(timeline, "S1@3010", 3010), "nobody[3000,3010)");
}

TEST(Timeline, WhatWasLostIsUnknownUntilTheNextStart) {
  Timeline timeline;
  EXPECT_EQ(take(timeline, "S1@0 E1@1000 S2@1085", 5000, 3), "1[0,1000) switch[1000,1085)");
  EXPECT_EQ(timeline.running(), std::nullopt);
  EXPECT_EQ(take(timeline, "E1@9000 S2@9085", 9085), "unknown[1085,9000) switch[9000,9085)");
  EXPECT_EQ(timeline.misfits(), 0U) << "it is known why that end has no start";
}

TEST(Timeline, ContextsOfOneProcessAreRunsOfTheirOwn) {
  std::vector<rm::SwitchEvent> events = switch_events("S1@0 E1@100 S1@150 E1@300");
  events[2].context = events[3].context = 7;
  Timeline timeline;
  EXPECT_EQ(text_of(timeline.take({events, 0, at(300)})), "1[0,100) switch[100,150) 1[150,300)");
}

TEST(Timeline, AProcessThatIsGoneHoldsNothing) {
  Timeline timeline;
  take(timeline, "S1@0 E1@1000 S2@1085", 1085);
  EXPECT_TRUE(timeline.process_gone(1, at(2000)).empty()) << "it does not run";
  EXPECT_EQ(text_of(timeline.process_gone(2, at(2000))), "2[1085,2000)");
  EXPECT_EQ(take(timeline, "", 2500), "nobody[2000,2500)");
  EXPECT_EQ(take(timeline, "S1@2600", 2600), "nobody[2500,2600)") << "no switch led there";
}

TEST(Timeline, ALateReadingIsNotTakenForTheGpusClock) {
  Timeline timeline;
  // Read 90 ms after the record was written: the run is counted 90 ms behind.
  EXPECT_EQ(take(timeline, "S1@0", 90'000), "");
  EXPECT_EQ(take(timeline, "", 190'000), "1[0,100000)...");
  // A quick one shows how far the GPU really is.
  EXPECT_EQ(take(timeline, "E1@290000 S2@290085", 290'085),
            "1[100000,290000) switch[290000,290085)");
  EXPECT_EQ(timeline.instant(kGpuEpoch + 290'085'000), at(290'085));
  EXPECT_EQ(take(timeline, "", 300'000), "2[290085,300000)...");
}

TEST(Timeline, ASlowerGpuClockIsFollowed) {
  Timeline timeline;
  int64_t read = 0;
  int64_t gpu = 0;
  // 50 millionths: 3 ms a minute, for ten minutes.
  for (int i = 0; i < 6000; ++i) {
    read += 100'000;
    gpu += 99'995;
    const std::string text = std::to_string(gpu);
    take(timeline, "S1@" + text + " E1@" + text, read);
  }
  const Nanos error = timeline.instant(kGpuEpoch + gpu * 1000) - at(read);
  EXPECT_LE(std::abs(error.count()), 6'100'000) << "what it drifts in two minutes";
  EXPECT_EQ(timeline.misfits(), 0U);
}

TEST(Timeline, AfterADayWithoutSwitchesItGoesOn) {
  Timeline timeline;
  take(timeline, "S1@0", 0);
  constexpr int64_t kDay = 86'400'000'000;
  take(timeline, "", kDay);
  // The GPU's clock went 20 millionths slower, then faster.
  for (const int64_t drift : {-1'728'000, 1'728'000}) {
    Timeline day = timeline;
    const std::string end = std::to_string(kDay + drift);
    day.take({switch_events("E1@" + end + " S2@" + end), 0, at(kDay + 100'000)});
    EXPECT_EQ(day.running(), 2U);
    EXPECT_EQ(day.misfits(), 0U);
  }
}

TEST(Timeline, AfterAJumpOfTheClockItBeginsAnew) {
  Timeline timeline;
  take(timeline, "S1@5000000 E1@5001000 S2@5001085", 5'001'085);
  for (int i = 0; i < kMisfitsOfAJump; ++i) {
    take(timeline, "S1@" + std::to_string(i * 100), 5'100'000 + i * 100);
  }
  EXPECT_EQ(timeline.running(), 1U);
  EXPECT_EQ(timeline.misfits(), static_cast<uint64_t>(kMisfitsOfAJump));
}

}  // namespace
}  // namespace corun::gpu::testing
