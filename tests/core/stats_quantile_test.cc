#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "core/stats/distributions.h"
#include "core/stats/outliers.h"
#include "core/stats/quantile.h"
#include "core/stats/random.h"
#include "core/stats/steady.h"

namespace corun::stats {
namespace {

TEST(Distributions, BinomialSumsAgreeWithAddingTheTerms) {
  // Bin(10, 0.3): the terms added up by hand.
  EXPECT_NEAR(binomial_cdf(0, 10, 0.3), 0.0282475249, 1e-12);
  EXPECT_NEAR(binomial_cdf(3, 10, 0.3), 0.6496107184, 1e-12);
  EXPECT_EQ(binomial_cdf(-1, 10, 0.3), 0);
  EXPECT_EQ(binomial_cdf(10, 10, 0.3), 1);
  EXPECT_NEAR(binomial_cdf(0, 1000, 0.01), std::pow(0.99, 1000), 1e-15);
}

TEST(Distributions, StudentQuantilesAreTheTabulatedOnes) {
  EXPECT_NEAR(student_t_quantile(0.975, 1), 12.7062, 1e-4);
  EXPECT_NEAR(student_t_quantile(0.975, 4), 2.77645, 1e-5);
  EXPECT_NEAR(student_t_quantile(0.975, 30), 2.04227, 1e-5);
  EXPECT_NEAR(student_t_quantile(0.025, std::numeric_limits<double>::infinity()), -1.959964, 1e-6);
}

struct MinimumCase {
  double p;
  uint64_t late;
  uint64_t n;
};

TEST(Quantile, TheSmallestUsefulSampleIsTheBinomialOne) {
  for (const MinimumCase& c :
       {MinimumCase{0.90, 0, 44}, MinimumCase{0.90, 10, 197}, MinimumCase{0.95, 0, 90},
        MinimumCase{0.95, 5, 259}, MinimumCase{0.99, 0, 459}, MinimumCase{0.99, 1, 662},
        MinimumCase{0.99, 50, 6898}, MinimumCase{0.999, 0, 4603}, MinimumCase{0.999, 10, 20140}}) {
    EXPECT_EQ(min_samples(c.p, c.late), c.n) << c.p << " with " << c.late << " late";
  }
}

TEST(Quantile, APercentileIsSupportedFromItsSmallestSampleOn) {
  for (const double p : {0.5, 0.9, 0.95, 0.99, 0.999}) {
    const uint64_t n = min_samples(p);
    EXPECT_TRUE(supports_percentile(n, p)) << p;
    EXPECT_FALSE(supports_percentile(n - 1, p)) << p;
  }
  EXPECT_FALSE(supports_percentile(0, 0.5));
}

struct RankCase {
  uint64_t n;
  double p;
  double low;   // as a quantile
  double high;  // as a quantile
  double digit;
};

TEST(Quantile, RanksEncloseThePercentileAsTabulated) {
  EXPECT_EQ(quantile_ranks(1000, 0.99), (RankInterval{983, 997}));
  for (const RankCase& c :
       {RankCase{2000, 0.99, .9855, .9945, .0005}, RankCase{10000, 0.99, .988, .992, .0005},
        RankCase{50000, 0.99, .9891, .9909, .00005}, RankCase{1000, 0.95, .936, .964, .0005},
        RankCase{10000, 0.999, .9983, .9997, .00005}}) {
    const auto ranks = quantile_ranks(c.n, c.p);
    ASSERT_TRUE(ranks);
    const double n = static_cast<double>(c.n);
    EXPECT_NEAR(static_cast<double>(ranks->low) / n, c.low, c.digit) << c.n << " " << c.p;
    EXPECT_NEAR(static_cast<double>(ranks->high) / n, c.high, c.digit) << c.n << " " << c.p;
  }
}

TEST(Quantile, RanksAreTheTightestThatKeepBothTails) {
  for (const uint64_t n : {20U, 100U, 459U, 1000U}) {
    for (const double p : {0.5, 0.9, 0.99}) {
      const auto ranks = quantile_ranks(n, p);
      if (!ranks) continue;
      const auto count = static_cast<int64_t>(n);
      const auto low = static_cast<int64_t>(ranks->low);
      const auto high = static_cast<int64_t>(ranks->high);
      EXPECT_LE(binomial_cdf(low - 1, count, p), 0.025);
      EXPECT_GT(binomial_cdf(low, count, p), 0.025);
      EXPECT_LE(1 - binomial_cdf(high - 1, count, p), 0.025);
      EXPECT_GT(1 - binomial_cdf(high - 2, count, p), 0.025);
    }
  }
}

TEST(Quantile, TooFewSamplesHaveNoInterval) {
  EXPECT_FALSE(quantile_ranks(5, 0.5));
  EXPECT_TRUE(quantile_ranks(6, 0.5));
  EXPECT_FALSE(quantile_ranks(300, 0.99));
}

TEST(Quantile, TheNearestRankIsTaken) {
  std::vector<double> values(100);
  std::iota(values.begin(), values.end(), 1.0);
  EXPECT_EQ(quantile_of_sorted(values, 0.95), 95);
  EXPECT_EQ(quantile_of_sorted(values, 0.951), 96);
  EXPECT_EQ(quantile_of_sorted(values, 0), 1);
  EXPECT_EQ(quantile_of_sorted(values, 1), 100);
}

TEST(Quantile, AnUnsupportedPercentileIsNothing) {
  const std::vector<double> values(458, 1.0);
  EXPECT_FALSE(quantile_estimate(values, 0.99));
  EXPECT_TRUE(quantile_estimate(values, 0.95));
}

TEST(Quantile, TheIntervalCoversTheTrueValueAsOftenAsItSays) {
  // Exponential samples: the true p-quantile is -log(1-p).
  Random random(7);
  int covered = 0;
  constexpr int kTrials = 1000;
  for (int trial = 0; trial < kTrials; ++trial) {
    std::vector<double> values(500);
    for (double& value : values) value = random.exponential(1);
    std::sort(values.begin(), values.end());
    const auto estimate = quantile_estimate(values, 0.95);
    const double truth = -std::log(0.05);
    if (*estimate->low <= truth && truth <= *estimate->high) ++covered;
  }
  // Exact ranks cover at least 95 %; five standard errors of 1000 trials are 3.4 %.
  EXPECT_GE(covered, 920);
  EXPECT_LE(covered, 990);
}

TEST(Outliers, AreMarkedWhereTheyStand) {
  std::vector<double> values;
  for (int i = 0; i < 100; ++i) values.push_back(100 + i % 10);
  values[30] = 118;
  values[60] = 1000;
  const auto flags = outliers(values);
  ASSERT_EQ(flags.size(), values.size());
  EXPECT_TRUE(flags[30].tukey_mild);
  EXPECT_FALSE(flags[30].tukey_far);
  EXPECT_TRUE(flags[60].tukey_far);
  EXPECT_TRUE(flags[60].mad);
  EXPECT_EQ(std::count_if(flags.begin(), flags.end(), [](const auto& f) { return f.any(); }), 2);
}

TEST(Steady, ThreeWindowsWithinTwoPercentEndTheWarmUp) {
  SteadyState state;
  EXPECT_FALSE(state.add(50));
  EXPECT_FALSE(state.add(100));
  EXPECT_FALSE(state.add(101));
  EXPECT_TRUE(state.add(101.9));
  EXPECT_FALSE(state.add(104));
  EXPECT_EQ(state.figures().size(), 5u);
}

TEST(Steady, NoProgressIsNotSteady) {
  SteadyState state;
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(state.add(0));
}

}  // namespace
}  // namespace corun::stats
