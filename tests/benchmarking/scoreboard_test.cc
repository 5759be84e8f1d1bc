#include "benchmarking/scoreboard.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "sample_run.h"

namespace corun::benchmarking {
namespace {

using stats::Verdict;

Score score_of(const Results& results, const std::string& mode) {
  for (const Score& score : scoreboard(figures_of(results))) {
    if (score.mode == mode) return score;
  }
  ADD_FAILURE() << "no score of " << mode;
  return {};
}

Results sample(int n, int repetitions = 5) {
  SampleOptions options;
  options.sizes = {n};
  options.repetitions = repetitions;
  return std::move(sample_run(options).results);
}

TEST(Scoreboard, ATailThatGrowsIsWorseAndOneThatStaysIsTheSame) {
  const Results results = sample(2);
  EXPECT_EQ(score_of(results, "exclusive").p99_verdict, Verdict::kSame);
  EXPECT_EQ(score_of(results, "time-slicing").p99_verdict, Verdict::kWorse);
}

TEST(Scoreboard, TheTrainingBesideIsJudgedByItsProgress) {
  const Results results = sample(2);
  EXPECT_EQ(score_of(results, "time-slicing").progress_verdict, Verdict::kWorse);
  EXPECT_EQ(score_of(results, "mps").progress_verdict, Verdict::kSame);
}

TEST(Scoreboard, OneRepetitionWithoutAnIntervalCannotTell) {
  EXPECT_EQ(score_of(sample(2, 1), "time-slicing").progress_verdict, Verdict::kAmbiguous);
}

TEST(Scoreboard, EachLatencyCriticalWorkloadHasALineForEachMode) {
  const auto scores = scoreboard(figures_of(sample(4)));
  ASSERT_EQ(scores.size(), 6U);
  EXPECT_EQ(scores[0].workload, "infer-1");
  EXPECT_EQ(scores[1].workload, "infer-2");
}

TEST(Scoreboard, OfSeveralTrainingsTheSlowestIsNamed) {
  Results results = sample(4);
  for (ResultRow& row : results.rows) {
    if (row.workload == "train-2" && row.progress) row.progress->value /= 2;
  }
  const Score score = score_of(results, "exclusive");
  EXPECT_EQ(score.closed_loop, 2);
  EXPECT_EQ(progress_text(score), "slowest of 2: train-2 0.125 (WORSE)");
}

TEST(Scoreboard, WithoutALatencyCriticalWorkloadOpenLoopOnesCount) {
  Results results = sample(2);
  for (ResultRow& row : results.rows) row.service_class = ServiceClass::kNormal;
  EXPECT_EQ(score_of(results, "mps").workload, "infer-1");
}

TEST(Scoreboard, AMixOfTrainingsAloneHasOneLineAMode) {
  Results results = sample(2);
  std::erase_if(results.rows, [](const ResultRow& row) { return row.workload == "infer-1"; });
  const Score score = score_of(results, "time-slicing");
  EXPECT_EQ(tail_text(score), "");
  EXPECT_EQ(progress_text(score), "train-1 0.455 (WORSE)");
}

TEST(Scoreboard, ASaturatedWorkloadHasNoTailToCompare) {
  Results results = sample(2);
  for (ResultRow& row : results.rows) {
    if (row.mode == "mps" && row.latency_ms) row.saturated = true;
  }
  EXPECT_EQ(tail_text(score_of(results, "mps")), "infer-1 saturated");
}

TEST(Scoreboard, JsonHasTheVerdictsAndNoneOfSoloAndOfOpenLoopProgress) {
  const Json modes = to_json(figures_of(sample(2)))["modes"];
  const auto verdicts = [&](size_t mode, size_t workload) {
    const Json& w = modes[mode]["workloads"][workload];
    return Json::array({w["p99_verdict"], w["progress_verdict"]});
  };
  EXPECT_EQ(verdicts(0, 0), Json::array({nullptr, nullptr}));  // solo train-1
  EXPECT_EQ(verdicts(2, 0), Json::array({nullptr, "WORSE"}));  // time-slicing train-1
  EXPECT_EQ(verdicts(2, 1), Json::array({"WORSE", nullptr}));  // time-slicing infer-1
}

}  // namespace
}  // namespace corun::benchmarking
