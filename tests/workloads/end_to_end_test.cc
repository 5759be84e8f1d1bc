// corun-synthetic on a simulated node, through the row protocol.
#include <gtest/gtest.h>

#include "simulated_node.h"
#include "workloads/synthetic/schedule.h"

namespace corun::synthetic {
namespace {

const std::map<std::string, std::string> kNoDriver = {{kEnvDriverDir, "/nonexistent"}};

class OnTheSimulatedGpu : public testing::Test {
 protected:
  Tenant start(const std::vector<std::string>& arguments) {
    return Tenant(arguments, node_.environment());
  }
  SimulatedNode node_;
};

TEST_F(OnTheSimulatedGpu, TrainCountsItsSamplesAndItsChecksumHolds) {
  Tenant train = start({"train", "--memory", "1GiB"});
  const ReadyMessage ready = train.warm();
  EXPECT_EQ(ready.kind, WorkloadKind::kTraining);
  EXPECT_EQ(ready.unit, "samples/s");
  const std::vector<Message> messages = train.window(3, 0.4);
  const DoneMessage done = done_in(messages);
  EXPECT_EQ(done.window, 3);
  EXPECT_GT(done.items, 0U);
  EXPECT_GE(done.t_us, 0.4e6);
  EXPECT_EQ(done.checksum_ok, true);
  EXPECT_GE(done.memory_bytes.value_or(0), uint64_t{1} << 30);
  EXPECT_EQ(train.stop(), (ExitStatus{.code = 0, .signal = {}}));
}

TEST_F(OnTheSimulatedGpu, TrainingByGraphsCountsWholeSteps) {
  Tenant train = start({"train", "--graph", "--kernels-per-step", "5", "--kernel-us", "200"});
  train.warm();
  const DoneMessage done = done_in(train.window(1, 0.3));
  EXPECT_GT(done.items, 0U);
  EXPECT_EQ(done.items % 20, 0U) << "5 kernels of 4 samples";
  EXPECT_EQ(done.checksum_ok, true);
  EXPECT_EQ(train.stop().code, 0);
}

TEST_F(OnTheSimulatedGpu, ProgressBeginsAtNothingAndEndsAtTheItems) {
  Tenant train = start({"train", "--batch-mib", "1"});
  train.warm();
  const std::vector<Message> messages = train.window(1, 0.4);
  const auto progress = only<ProgressMessage>(messages);
  ASSERT_GE(progress.size(), 3U);
  EXPECT_EQ(progress.front().t_us.front(), 0);
  EXPECT_EQ(progress.front().items.front(), 0U);
  EXPECT_EQ(progress.back().items.back(), done_in(messages).items);
}

TEST_F(OnTheSimulatedGpu, ACorruptedWordIsFoundInTheWindowAndInAllLaterOnes) {
  Tenant train = start({"train", "--plant-corruption"});
  train.warm();
  EXPECT_EQ(done_in(train.window(1, 0.1)).checksum_ok, false);
  EXPECT_EQ(done_in(train.window(2, 0.1)).checksum_ok, false);
}

TEST_F(OnTheSimulatedGpu, TheChecksumHoldsOverSeveralWindows) {
  Tenant infer = start({"infer", "--rate", "100"});
  infer.warm();
  const DoneMessage first = done_in(infer.window(1, 0.2));
  const DoneMessage second = done_in(infer.window(2, 0.2));
  EXPECT_EQ(first.checksum_ok, true);
  EXPECT_EQ(second.checksum_ok, true);
  EXPECT_NE(first.checksum, second.checksum);
}

TEST_F(OnTheSimulatedGpu, InferCountsLatencyFromTheDrawnSchedule) {
  Tenant infer = start({"infer", "--rate", "50"});
  EXPECT_EQ(infer.warm().unit, "requests/s");
  const std::vector<Message> messages = infer.window(1, 0.6, 99);
  std::vector<double> scheduled_us;
  for (const RequestsMessage& requests : only<RequestsMessage>(messages)) {
    scheduled_us.insert(scheduled_us.end(), requests.scheduled_us.begin(),
                        requests.scheduled_us.end());
  }
  const auto arrivals =
      draw_arrivals(ArrivalProcess::kPoisson, 50, std::chrono::milliseconds(600), 99);
  ASSERT_EQ(scheduled_us.size() + done_in(messages).unanswered, arrivals.size());
  for (size_t i = 0; i < scheduled_us.size(); ++i) {
    EXPECT_NEAR(scheduled_us[i], to_micros(arrivals[i]), 0.002);
  }
}

TEST_F(OnTheSimulatedGpu, RequestsBeyondTheCapacityAreToldAsUnanswered) {
  // 100 ms of work 40 times a second: a tenth of it can be answered in time and a half.
  Tenant infer = start({"infer", "--rate", "40", "--request-us", "100000", "--kernels", "10"});
  infer.warm();
  const DoneMessage done = done_in(infer.window(1, 1.0));
  EXPECT_GT(done.unanswered, 5U);
  EXPECT_LE(done.items, 16U);
  EXPECT_EQ(done.checksum_ok, true);
}

TEST_F(OnTheSimulatedGpu, ANotebookTellsTheLatencyOfItsCells) {
  Tenant notebook = start({"notebook", "--burst", "20ms", "--think", "20ms"});
  EXPECT_EQ(notebook.warm().kind, WorkloadKind::kInteractive);
  const std::vector<Message> messages = notebook.window(1, 0.6);
  const auto requests = only<RequestsMessage>(messages);
  ASSERT_FALSE(requests.empty());
  for (const RequestsMessage& line : requests) EXPECT_EQ(line.scheduled_us, line.start_us);
  EXPECT_EQ(done_in(messages).checksum_ok, true);
}

class Aggressors : public OnTheSimulatedGpu,
                   public testing::WithParamInterface<std::vector<std::string>> {};

TEST_P(Aggressors, TellTheRateTheyAchieveAndTheirChecksumHolds) {
  std::vector<std::string> arguments = {"aggressor"};
  arguments.insert(arguments.end(), GetParam().begin(), GetParam().end());
  Tenant aggressor = start(arguments);
  EXPECT_EQ(aggressor.warm().kind, WorkloadKind::kSynthetic);
  const std::vector<Message> messages = aggressor.window(1, 0.2);
  bool told = false;
  for (const NoteMessage& note : only<NoteMessage>(messages)) {
    told = told || note.text.starts_with("achieved: ");
  }
  EXPECT_TRUE(told);
  EXPECT_EQ(done_in(messages).checksum_ok, true);
}

INSTANTIATE_TEST_SUITE_P(All, Aggressors,
                         testing::Values(std::vector<std::string>{"fp32"},
                                         std::vector<std::string>{"tensor", "--intensity", "0.5"},
                                         std::vector<std::string>{"l2"},
                                         std::vector<std::string>{"dram", "--transfer-mib", "2048"},
                                         std::vector<std::string>{"pcie", "--transfer-mib", "1",
                                                                  "--intensity", "0.2"},
                                         std::vector<std::string>{"launch", "--intensity", "0.2"}),
                         [](const auto& test) { return test.param.front(); });

TEST_F(OnTheSimulatedGpu, MoreMemoryThanThereIsIsOneErrorLine) {
  Tenant train = start({"train", "--memory", "200GiB"});
  const std::vector<Message> messages = train.until<ErrorMessage>();
  ASSERT_EQ(messages.size(), 1U);
  EXPECT_NE(std::get<ErrorMessage>(messages.front()).text.find("OUT_OF_MEMORY"), std::string::npos);
  EXPECT_EQ(train.wait().code, 1);
}

TEST_F(OnTheSimulatedGpu, AStartBeforeTheWarmUpIsAnError) {
  Tenant train = start({"train"});
  train.send(StartCommand{1, monotonic_now(), 0.1, 1});
  train.until<ErrorMessage>();
  EXPECT_EQ(train.wait().code, 1);
}

TEST_F(OnTheSimulatedGpu, TheEndOfTheCommandsEndsTheWorkload) {
  Tenant train = start({"train"});
  train.until<InitialisedMessage>();
  train.close_control();
  EXPECT_EQ(train.wait().code, 0);
}

TEST(WithoutAGpu, EveryGpuWorkloadSaysSoWithExitCode3) {
  Tenant train({"train"}, kNoDriver);
  train.until<ErrorMessage>();
  EXPECT_EQ(train.wait().code, 3);
}

TEST(WithoutAGpu, NoopWorks) {
  Tenant noop({"noop"}, kNoDriver);
  EXPECT_GT(noop.warm().rate, 0);
  const DoneMessage done = done_in(noop.window(1, 0.1));
  EXPECT_GT(done.items, 0U);
  EXPECT_EQ(done.checksum_ok, true);
  EXPECT_EQ(noop.stop().code, 0);
}

TEST(WithoutAGpu, NoopOfGivenStepsIsNotFitted) {
  Tenant noop({"noop", "--item-steps", "200000"}, kNoDriver);
  noop.send(WarmCommand{.max_s = to_seconds(kPatience) / 2, .window_s = 0.1});
  EXPECT_TRUE(only<NoteMessage>(noop.until<ReadyMessage>()).empty());
  EXPECT_EQ(done_in(noop.window(1, 0.1)).checksum_ok, true);
  EXPECT_EQ(noop.stop().code, 0);
}

TEST(WithoutAGpu, AWrongOptionIsExitCode2) {
  Tenant wrong({"train", "--kernel-us", "0"}, kNoDriver);
  EXPECT_EQ(wrong.wait().code, 2);
}

}  // namespace
}  // namespace corun::synthetic
