#include "workloads/synthetic/options.h"

#include <gtest/gtest.h>

#include <vector>

namespace corun::synthetic {
namespace {

Result<std::optional<Options>> parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "corun-synthetic");
  return parse_options(static_cast<int>(arguments.size()), arguments.data());
}

TEST(SyntheticOptions, TrainTakesItsOptions) {
  const auto parsed = parse({"train", "--kernel-us", "200", "--batch-mib=1.5", "--memory", "2GiB"});
  ASSERT_TRUE(parsed) << parsed.error().text();
  const auto& train = std::get<TrainOptions>((*parsed)->work);
  EXPECT_EQ(train.kernel_us, 200);
  EXPECT_EQ(train.batch_mib, 1.5);
  EXPECT_EQ((*parsed)->common.memory_bytes, uint64_t{2} << 30);
}

TEST(SyntheticOptions, TrainLaunchesItsStepsAsGraphs) {
  const auto parsed = parse({"train", "--graph", "--kernels-per-step", "50"});
  ASSERT_TRUE(parsed) << parsed.error().text();
  const auto& train = std::get<TrainOptions>((*parsed)->work);
  EXPECT_TRUE(train.graph);
  EXPECT_EQ(train.kernels_per_step, 50U);
}

TEST(SyntheticOptions, InferWithoutRateAndLoadHasARate) {
  const auto parsed = parse({"infer"});
  ASSERT_TRUE(parsed);
  EXPECT_EQ(std::get<InferOptions>((*parsed)->work).rate, 100);
}

TEST(SyntheticOptions, InferWithLoadHasNoRate) {
  const auto parsed = parse({"infer", "--load", "0.5", "--arrivals", "constant"});
  ASSERT_TRUE(parsed);
  const auto& infer = std::get<InferOptions>((*parsed)->work);
  EXPECT_EQ(infer.rate, 0);
  EXPECT_EQ(infer.load, 0.5);
  EXPECT_EQ(infer.arrivals, ArrivalProcess::kConstant);
}

TEST(SyntheticOptions, ReplayTakesAProfileAndALoadOrNone) {
  const auto parsed = parse({"replay", "bert-base", "--load", "0.4", "--eager", "--merge"});
  ASSERT_TRUE(parsed) << parsed.error().text();
  const auto& replay = std::get<ReplayOptions>((*parsed)->work);
  EXPECT_EQ(replay.profile, "bert-base");
  EXPECT_EQ(replay.load, 0.4);
  EXPECT_EQ(replay.launch, ReplayLaunch::kEager);
  EXPECT_TRUE(replay.merge);
  EXPECT_FALSE(parse({"replay"}));
  EXPECT_FALSE(parse({"replay", "x", "--closed", "--rate", "5"}));
  EXPECT_FALSE(parse({"replay", "x", "--load", "0.5", "--rate", "5"}));
  EXPECT_FALSE(parse({"replay", "x", "--graph", "--eager"}));
}

TEST(SyntheticOptions, NotebookDurationsHaveUnits) {
  const auto parsed = parse({"notebook", "--think", "250ms", "--burst=2s"});
  ASSERT_TRUE(parsed);
  const auto& notebook = std::get<NotebookOptions>((*parsed)->work);
  EXPECT_EQ(notebook.think.median, Nanos(std::chrono::milliseconds(250)));
  EXPECT_EQ(notebook.burst.median, Nanos(std::chrono::seconds(2)));
}

TEST(SyntheticOptions, AggressorNamesItsResource) {
  const auto parsed = parse({"aggressor", "dram", "--intensity", "0.25"});
  ASSERT_TRUE(parsed) << parsed.error().text();
  const auto& aggressor = std::get<AggressorOptions>((*parsed)->work);
  EXPECT_EQ(aggressor.kind, AggressorKind::kDram);
  EXPECT_EQ(aggressor.intensity, 0.25);
}

TEST(SyntheticOptions, NoopTakesAFixedAmountOfWork) {
  const auto parsed = parse({"noop", "--item-steps", "70000"});
  ASSERT_TRUE(parsed) << parsed.error().text();
  EXPECT_EQ(std::get<NoopOptions>((*parsed)->work).item_steps, 70000U);
}

class WrongOptions : public testing::TestWithParam<std::vector<const char*>> {};

TEST_P(WrongOptions, AreAUsageErrorInOneLine) {
  const auto parsed = parse(GetParam());
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().kind, ErrorKind::kUsage);
  EXPECT_EQ(parsed.error().text().find('\n'), std::string::npos) << parsed.error().text();
}

INSTANTIATE_TEST_SUITE_P(
    All, WrongOptions,
    testing::Values(std::vector<const char*>{}, std::vector<const char*>{"fly"},
                    std::vector<const char*>{"train", "--kernel-us", "0"},
                    std::vector<const char*>{"train", "--kernel-us", "many"},
                    std::vector<const char*>{"train", "--memory", "2 parsecs"},
                    std::vector<const char*>{"train", "--duration", "0s"},
                    std::vector<const char*>{"train", "--graph", "--batch-mib", "1"},
                    std::vector<const char*>{"infer", "--rate", "5", "--load", "0.5"},
                    std::vector<const char*>{"infer", "--arrivals", "sometimes"},
                    std::vector<const char*>{"notebook", "--think", "3"},
                    std::vector<const char*>{"aggressor"},
                    std::vector<const char*>{"aggressor", "coffee"},
                    std::vector<const char*>{"aggressor", "l2", "--intensity", "1.5"},
                    std::vector<const char*>{"noop", "--gpu", "0"},
                    std::vector<const char*>{"noop", "--item-steps", "0"},
                    std::vector<const char*>{"noop", "--item-us", "50", "--item-steps", "9"}));

}  // namespace
}  // namespace corun::synthetic
