// The gate protocol of docs/adr/0005-gate-protocol.md: every state of the latency-critical side
// against every event, and every sequence of up to six events against the invariants.
#include <gtest/gtest.h>

#include <ostream>

#include "tests/shim/fake_gpu.h"

namespace corun::shim {
namespace {

using testing::FakeGpu;
using testing::SessionPages;
using testing::stream;

enum Event { kLaunch, kDrain, kDue, kVoid, kDaemonOpens, kEvents };
constexpr int kGate = 5;

/// One session with a linger, and what the test knows must be true of it.
class Session {
 public:
  explicit Session(uint32_t permille) {
    pages.page.hot.gate = kGate;
    pages.page.hot.linger_us = 50;
    pages.page.hot.close_permille = permille;
  }
  void apply(Event event) {
    now += 1000;
    switch (event) {
      case kLaunch:
        ++state().begun;
        if (!burst.active()) {
          burst.begin(pages.pages, now, true);
        }
        opened_by_daemon = opened_by_daemon && burst_goes_on;
        burst_goes_on = true;
        ++state().submitted;
        break;
      case kDrain:
        state().drained_up_to(state().submitted);
        burst.end_if_drained(streams, now);
        burst_goes_on = false;
        break;
      case kDue:
        now += 50'000;
        burst.tick(streams, now);
        break;
      case kVoid:
        burst.abandon(now);
        state().drained_up_to(state().submitted);
        burst_goes_on = false;
        break;
      case kDaemonOpens:
        pages.gate[kGate].word = wire::kOpen;
        opened_by_daemon = true;
        break;
      case kEvents:
        break;
    }
  }
  StreamState& state() { return *streams.find(16, stream(1), nullptr); }
  uint32_t word() const { return pages.gate[kGate].word; }

  FakeGpu gpu;
  SessionPages pages;
  Streams streams;
  Burst burst;
  uint64_t now = 1'000'000;
  bool opened_by_daemon = false;
  bool burst_goes_on = false;
};

struct Step {
  std::vector<Event> reach;  ///< events that lead to the state
  Event event;
  Burst::Phase phase;
  uint32_t word;
};

class TransitionTest : public ::testing::TestWithParam<Step> {};

TEST_P(TransitionTest, LeadsWhereTheProtocolSays) {
  Session session(1000);
  for (const Event event : GetParam().reach) {
    session.apply(event);
  }
  session.apply(GetParam().event);
  EXPECT_EQ(session.burst.phase(), GetParam().phase);
  EXPECT_EQ(session.word(), GetParam().word);
}

const std::vector<Event> kToIdle = {};
const std::vector<Event> kToBursting = {kLaunch};
const std::vector<Event> kToLingering = {kLaunch, kDrain};

void PrintTo(const Step& step, std::ostream* out) {
  *out << "state " << step.reach.size() << ", event " << step.event;
}

INSTANTIATE_TEST_SUITE_P(
    Protocol, TransitionTest,
    ::testing::Values(Step{kToIdle, kLaunch, Burst::kBursting, wire::kClosed},
                      Step{kToIdle, kDrain, Burst::kIdle, wire::kOpen},
                      Step{kToIdle, kDue, Burst::kIdle, wire::kOpen},
                      Step{kToIdle, kVoid, Burst::kIdle, wire::kOpen},
                      Step{kToIdle, kDaemonOpens, Burst::kIdle, wire::kOpen},
                      Step{kToBursting, kLaunch, Burst::kBursting, wire::kClosed},
                      Step{kToBursting, kDrain, Burst::kLingering, wire::kClosed},
                      Step{kToBursting, kDue, Burst::kBursting, wire::kClosed},
                      Step{kToBursting, kVoid, Burst::kIdle, wire::kOpen},
                      Step{kToBursting, kDaemonOpens, Burst::kBursting, wire::kOpen},
                      Step{kToLingering, kLaunch, Burst::kBursting, wire::kClosed},
                      Step{kToLingering, kDrain, Burst::kLingering, wire::kClosed},
                      Step{kToLingering, kDue, Burst::kIdle, wire::kOpen},
                      Step{kToLingering, kVoid, Burst::kIdle, wire::kOpen},
                      Step{kToLingering, kDaemonOpens, Burst::kLingering, wire::kOpen}));

void expect_invariants(Session& session, Event last, bool closes) {
  if (session.burst.phase() == Burst::kIdle) {
    EXPECT_EQ(session.word(), wire::kOpen);
  }
  if (closes && !session.state().idle() && !session.opened_by_daemon) {
    EXPECT_EQ(session.word(), wire::kClosed);
  }
  if (last == kVoid || !closes) {
    EXPECT_EQ(session.word(), wire::kOpen);
  }
  for (int gate = 0; gate < wire::kMaxGates; ++gate) {
    if (gate != kGate) {
      EXPECT_EQ(session.pages.gate[gate].word, wire::kOpen);
    }
  }
}

void run_all_sequences(uint32_t permille, bool closes) {
  constexpr int kLength = 6;
  int sequences = 1;
  for (int i = 0; i < kLength; ++i) {
    sequences *= kEvents;
  }
  for (int number = 0; number < sequences && !::testing::Test::HasFailure(); ++number) {
    Session session(permille);
    std::string text;
    for (int left = number, i = 0; i < kLength; ++i, left /= kEvents) {
      const auto event = static_cast<Event>(left % kEvents);
      text += std::to_string(event) + " ";
      SCOPED_TRACE(text);
      session.apply(event);
      expect_invariants(session, event, closes);
    }
  }
}

TEST(GateProtocol, EverySequenceOfClosingBurstsKeepsTheInvariants) {
  run_all_sequences(1000, true);
}

TEST(GateProtocol, BurstsThatLeakNeverClose) { run_all_sequences(0, false); }

}  // namespace
}  // namespace corun::shim
