// corun-synthetic replay on a simulated node, with recordings written by hand.
#include <gtest/gtest.h>

#include <charconv>

#include "simulated_node.h"

namespace corun::synthetic {
namespace {

const std::string kHandwritten = CORUN_SOURCE_DIR "/tests/workloads/recordings/handwritten-";

class ReplayOnTheSimulatedGpu : public testing::Test {
 protected:
  Tenant start(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "replay");
    return Tenant(arguments, node_.environment());
  }
  SimulatedNode node_;
};

/// Everything up to `ready`, which is the last one.
std::vector<Message> warmed(Tenant& tenant) {
  tenant.send(WarmCommand{.max_s = to_seconds(kPatience) / 2, .window_s = 0.1});
  return tenant.until<ReadyMessage>();
}

double number_at(const std::string& text, size_t place) {
  double value = 0;
  std::from_chars(text.data() + place, text.data() + text.size(), value);
  return value;
}

/// GPU time of a step in the note of the fit: "... 549.0 us on the GPU as recorded, 549.5 us here".
std::pair<double, double> recorded_and_here(const std::vector<Message>& messages) {
  for (const NoteMessage& note : only<NoteMessage>(messages)) {
    if (!note.text.starts_with("replay of ")) continue;
    const size_t recorded = note.text.rfind("sizes, ") + 7;
    const size_t here = note.text.rfind("recorded, ") + 10;
    return {number_at(note.text, recorded), number_at(note.text, here)};
  }
  ADD_FAILURE() << "no note of the fit";
  return {};
}

TEST_F(ReplayOnTheSimulatedGpu, ARecordedGraphServesRequestsOfItsLength) {
  Tenant serve = start({kHandwritten + "request.json", "--rate", "100"});
  const std::vector<Message> before = warmed(serve);
  const auto ready = only<ReadyMessage>(before);
  ASSERT_EQ(ready.size(), 1U);
  EXPECT_EQ(ready.front().kind, WorkloadKind::kInference);
  EXPECT_EQ(ready.front().unit, "requests/s");
  const auto [recorded_us, here_us] = recorded_and_here(before);
  EXPECT_NEAR(recorded_us, 549, 0.1);
  EXPECT_NEAR(here_us, recorded_us, 0.01 * recorded_us);
  const std::vector<Message> messages = serve.window(1, 0.4);
  for (const RequestsMessage& line : only<RequestsMessage>(messages)) {
    for (size_t i = 0; i < line.start_us.size(); ++i) {
      EXPECT_GT(line.end_us[i] - line.start_us[i], recorded_us);
    }
  }
  EXPECT_GT(done_in(messages).items, 10U);
  EXPECT_EQ(done_in(messages).checksum_ok, true);
  EXPECT_EQ(serve.stop().code, 0);
}

TEST_F(ReplayOnTheSimulatedGpu, ARecordedTrainingCountsTheSamplesOfItsSteps) {
  Tenant train = start({kHandwritten + "step.json"});
  const std::vector<Message> before = warmed(train);
  const auto ready = only<ReadyMessage>(before);
  ASSERT_EQ(ready.size(), 1U);
  EXPECT_EQ(ready.front().kind, WorkloadKind::kTraining);
  const auto [recorded_us, here_us] = recorded_and_here(before);
  EXPECT_NEAR(here_us, recorded_us, 0.01 * recorded_us);
  const DoneMessage done = done_in(train.window(1, 0.4));
  EXPECT_GT(done.items, 0U);
  EXPECT_EQ(done.items % 4, 0U) << "whole batches";
  // No step is shorter than the recorded host and GPU allow.
  EXPECT_LE(static_cast<double>(done.items) / 4, done.t_us / recorded_us + 1);
  EXPECT_EQ(done.checksum_ok, true);
}

TEST_F(ReplayOnTheSimulatedGpu, EitherCanBeLaunchedInTheOtherWay) {
  Tenant eager = start({kHandwritten + "request.json", "--eager", "--closed", "--merge"});
  eager.warm();
  const std::vector<Message> requests = eager.window(1, 0.2);
  EXPECT_FALSE(only<RequestsMessage>(requests).empty());
  EXPECT_EQ(done_in(requests).checksum_ok, true);
  eager.stop();
  Tenant graph = start({kHandwritten + "step.json", "--graph"});
  graph.warm();
  const DoneMessage done = done_in(graph.window(1, 0.2));
  EXPECT_GT(done.items, 0U);
  EXPECT_EQ(done.checksum_ok, true);
}

TEST_F(ReplayOnTheSimulatedGpu, WhatCannotBeReplayedIsOneLine) {
  struct BadReplay {
    std::vector<std::string> arguments;
    const char* text;
  };
  for (const BadReplay& c :
       {BadReplay{{"no-such-model"}, "no profile 'no-such-model'"},
        BadReplay{{"/none.json"}, "/none.json"},
        BadReplay{{kHandwritten + "step.json", "--rate", "5"}, "has no requests"}}) {
    Tenant tenant = start(c.arguments);
    const auto errors = only<ErrorMessage>(tenant.until<ErrorMessage>());
    ASSERT_EQ(errors.size(), 1U);
    EXPECT_NE(errors.front().text.find(c.text), std::string::npos) << errors.front().text;
    EXPECT_EQ(tenant.wait().code, 2);
  }
}

}  // namespace
}  // namespace corun::synthetic
