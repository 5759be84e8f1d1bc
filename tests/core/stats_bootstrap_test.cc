#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "core/stats/bootstrap.h"
#include "core/stats/quantile.h"
#include "core/stats/random.h"
#include "core/stats/rank_tree.h"
#include "core/stats/summary.h"

namespace corun::stats {
namespace {

/// Each value depends on the one before it; mean 0, standard deviation 1.
std::vector<double> correlated_series(size_t n, double correlation, Random& random) {
  std::vector<double> values(n);
  double state = random.normal();
  for (double& value : values) {
    value = state;
    state = correlation * state + std::sqrt(1 - correlation * correlation) * random.normal();
  }
  return values;
}

bool covers(const Estimate& estimate, double truth) {
  return *estimate.low <= truth && truth <= *estimate.high;
}

TEST(Bootstrap, TheSameSeedGivesTheSameInterval) {
  Random random(1);
  const auto series = correlated_series(200, 0.5, random);
  const BootstrapOptions options{10, 200, 42, 0.95};
  const Estimate a = block_bootstrap(series, mean, options);
  const Estimate b = block_bootstrap(series, mean, options);
  EXPECT_EQ(a.low, b.low);
  EXPECT_EQ(a.high, b.high);
  EXPECT_LT(*a.low, a.value);
  EXPECT_GT(*a.high, a.value);
}

TEST(Bootstrap, FewerThanFiveBlocksHaveNoInterval) {
  const std::vector<double> series(40, 1.0);
  EXPECT_FALSE(block_bootstrap(series, mean, {10, 100, 1, 0.95}).low);
  EXPECT_TRUE(block_bootstrap(series, mean, {9, 100, 1, 0.95}).low);
}

TEST(Bootstrap, BlocksCoverCorrelatedMeansWhereSingleSamplesDoNot) {
  Random random(3);
  int with_blocks = 0;
  int without = 0;
  constexpr int kTrials = 200;
  for (int trial = 0; trial < kTrials; ++trial) {
    const auto series = correlated_series(600, 0.8, random);
    const auto seed = static_cast<uint64_t>(trial);
    with_blocks += covers(block_bootstrap(series, mean, {30, 200, seed, 0.95}), 0);
    without += covers(block_bootstrap(series, mean, {1, 200, seed, 0.95}), 0);
  }
  EXPECT_GE(with_blocks, 172);  // 86 %: blocks of finite length stay a little narrow
  EXPECT_LE(without, 130);      // 65 %
}

/// Values of n, many of them equal, resampled in blocks of this length.
class RankResampling : public testing::TestWithParam<std::pair<size_t, size_t>> {};

TEST_P(RankResampling, IsTheGenericBootstrapOfQuantiles) {
  const auto [n, block] = GetParam();
  Random random(5);
  std::vector<double> series = correlated_series(n, 0.3, random);
  for (double& value : series) value = std::round(value * 50);
  const BootstrapOptions options{block, 300, 9, 0.95};
  const std::vector<double> probabilities{0.99, 0.5, 0.9};
  const auto fast = block_bootstrap_quantiles(series, probabilities, options);
  for (size_t k = 0; k < probabilities.size(); ++k) {
    const auto quantile = [&](std::span<const double> sample) {
      std::vector<double> sorted(sample.begin(), sample.end());
      std::sort(sorted.begin(), sorted.end());
      return quantile_of_sorted(sorted, probabilities[k]);
    };
    const Estimate slow = block_bootstrap(series, quantile, options);
    EXPECT_EQ(fast[k].value, slow.value);
    EXPECT_EQ(fast[k].low, slow.low);
    EXPECT_EQ(fast[k].high, slow.high);
    EXPECT_LT(slow.low, slow.high);
  }
}

INSTANTIATE_TEST_SUITE_P(ShortAndLongBlocks, RankResampling,
                         testing::Values(std::pair(300, 1), std::pair(300, 10), std::pair(1024, 64),
                                         std::pair(1025, 100), std::pair(1000, 200)));

TEST(RankTree, FindsEachOrderStatisticOfOverlappingRanges) {
  const std::vector<uint32_t> ranks{4, 0, 6, 2, 5, 1, 3};
  const RankTree tree(ranks);
  const std::vector<RankTree::Range> ranges{{1, 4}, {2, 7}, {0, 1}, {5, 5}};
  const std::vector<uint32_t> expected{0, 1, 2, 2, 3, 4, 5, 6, 6};
  for (size_t k = 1; k <= expected.size(); ++k) {
    std::vector<RankTree::Range> scratch = ranges;
    EXPECT_EQ(tree.kth_smallest(k, scratch), expected[k - 1]) << k;
  }
}

TEST(RankTree, OfOneRankGivesIt) {
  const std::vector<uint32_t> one{0};
  std::vector<RankTree::Range> ranges{{0, 1}};
  EXPECT_EQ(RankTree(one).kth_smallest(1, ranges), 0U);
}

TEST(Bootstrap, TheEffectiveSampleSizeSeesCorrelation) {
  Random random(11);
  const double n = 20'000;
  const auto independent = correlated_series(20'000, 0, random);
  const auto correlated = correlated_series(20'000, 0.8, random);
  EXPECT_GT(effective_sample_size(independent, 100), 0.75 * n);
  // Theory: n (1 - c) / (1 + c) = n / 9.
  EXPECT_NEAR(effective_sample_size(correlated, 100), n / 9, 0.3 * n / 9);
}

TEST(Bootstrap, LaunchesThatDifferWidenTheInterval) {
  Random random(13);
  std::vector<std::vector<double>> launches;
  for (const double level : {1.0, 1.1, 0.9, 1.05, 0.95}) {
    launches.emplace_back();
    for (int i = 0; i < 100; ++i) launches.back().push_back(level + 0.001 * random.normal());
  }
  const Estimate estimate = hierarchical_bootstrap(launches, mean, {10, 500, 1, 0.95});
  EXPECT_NEAR(estimate.value, 1.0, 0.001);
  EXPECT_LT(*estimate.low, 0.97);
  EXPECT_GT(*estimate.high, 1.03);
}

TEST(Bootstrap, FewLaunchesGetTheWiderOfBothIntervals) {
  const std::vector<double> five{1.00, 1.01, 0.99, 1.02, 0.98};
  const Estimate t = log_t_interval(five);
  const Estimate both = launches_estimate(five, {});
  EXPECT_LE(*both.low, *t.low);
  EXPECT_GE(*both.high, *t.high);
  EXPECT_NEAR(*t.high - *t.low, 2 * 2.776 * std::sqrt(0.00025 / 5), 0.0005);
}

TEST(Bootstrap, OneLaunchHasNoIntervalOverLaunches) {
  const std::vector<double> one{3};
  EXPECT_FALSE(log_t_interval(one).low);
  EXPECT_EQ(launches_estimate(one, {}).value, 3);
  EXPECT_FALSE(launches_estimate(one, {}).low);
}

TEST(Bootstrap, TheLogTIntervalCoversTheTrueMedianOfLaunches) {
  Random random(17);
  int covered = 0;
  for (int trial = 0; trial < 2000; ++trial) {
    std::vector<double> launches(5);
    for (double& launch : launches) launch = 100 * std::exp(0.02 * random.normal());
    covered += covers(log_t_interval(launches), 100);
  }
  EXPECT_NEAR(covered, 1900, 50);  // five standard errors
}

TEST(Bootstrap, ATIntervalTakesFiguresOfAnySign) {
  const Estimate e = t_interval(std::vector<double>{-1, 1});
  EXPECT_EQ(e.value, 0);
  EXPECT_NEAR(*e.high, 12.7062, 1e-3);
  EXPECT_NEAR(*e.low, -12.7062, 1e-3);
}

TEST(Summary, PercentilesThatNCannotSupportAreNothing) {
  std::vector<double> ms(100);
  for (size_t i = 0; i < ms.size(); ++i) ms[i] = static_cast<double>(i + 1);
  const LatencySummary summary = summarise_latency(ms, 1, 1);
  EXPECT_EQ(summary.n, 100u);
  EXPECT_EQ(summary.p50->value, 50);
  EXPECT_EQ(summary.p95->value, 95);
  EXPECT_FALSE(summary.p99);
  EXPECT_FALSE(summary.p999);
}

TEST(Summary, NoRequestsHaveNoPercentiles) {
  const LatencySummary summary = summarise_latency({}, 10, 1);
  EXPECT_EQ(summary.n, 0u);
  EXPECT_FALSE(summary.p50);
}

TEST(Summary, CorrelatedLatenciesGetAWiderIntervalThanOrderStatisticsAlone) {
  Random random(19);
  std::vector<double> ms = correlated_series(1000, 0.95, random);
  for (double& value : ms) value = std::exp(value);
  std::vector<double> sorted = ms;
  std::sort(sorted.begin(), sorted.end());
  const Estimate independent = *quantile_estimate(sorted, 0.5);
  const Estimate blocks = *summarise_latency(ms, 100, 1).p50;
  EXPECT_GT(*blocks.high - *blocks.low, 1.5 * (*independent.high - *independent.low));
}

TEST(Summary, ARateIsItemsPerSecondWithItsInterval) {
  const std::vector<double> items{10, 11, 9, 10, 10, 12, 8, 10, 10, 10};
  const Estimate rate = summarise_rate(items, 0.1, 1);
  EXPECT_NEAR(rate.value, 100, 1e-9);
  EXPECT_LT(*rate.low, 100);
  EXPECT_GT(*rate.high, 100);
}

}  // namespace
}  // namespace corun::stats
