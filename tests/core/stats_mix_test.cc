// Fairness, saturation and arrivals: the figures of a mix.
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <vector>

#include "core/stats/arrivals.h"
#include "core/stats/bootstrap.h"
#include "core/stats/fairness.h"
#include "core/stats/random.h"
#include "core/stats/saturation.h"

namespace corun::stats {
namespace {

TEST(Fairness, ThroughputTurnaroundAndWorst) {
  const std::vector<double> x{0.5, 0.25};
  EXPECT_DOUBLE_EQ(stp(x), 0.75);
  EXPECT_DOUBLE_EQ(*antt(x), 3);
  EXPECT_DOUBLE_EQ(worst_progress(x), 0.25);
}

TEST(Fairness, AWorkloadThatStandsStillHasNoTurnaround) {
  EXPECT_FALSE(antt(std::vector<double>{1, 0}));
  EXPECT_FALSE(antt(std::vector<double>{}));
}

TEST(Fairness, JainIsOneForEqualsAndOneNthForAMonopoly) {
  EXPECT_DOUBLE_EQ(*jain(std::vector<double>{0.4, 0.4, 0.4}), 1);
  EXPECT_DOUBLE_EQ(*jain(std::vector<double>{1, 0, 0, 0}), 0.25);
  EXPECT_DOUBLE_EQ(*jain(std::vector<double>{1, 0.5}), 2.25 / 2.5);
  EXPECT_FALSE(jain(std::vector<double>{0, 0}));
}

TEST(Fairness, WeightsMakeAnUnequalShareFair) {
  EXPECT_DOUBLE_EQ(*weighted_jain(std::vector<double>{0.6, 0.2}, std::vector<double>{3, 1}), 1);
}

ProgressSeries turns(double period_s, bool first_half, double end_s) {
  ProgressSeries series;
  series.solo_rate = 100;
  double done = 0;
  for (double t = 0; t <= end_s + 1e-9; t += period_s / 2) {
    series.t_s.push_back(t);
    series.items.push_back(done);
    const bool active = (std::lround(t / (period_s / 2)) % 2 == 0) == first_half;
    done += active ? 100 * period_s / 2 : 0;
  }
  return series;
}

TEST(Fairness, TurnsAreFairOverLongWindowsOnly) {
  const std::vector<ProgressSeries> pair{turns(1, true, 10), turns(1, false, 10)};
  const auto whole = jain_over_windows(pair, 0, 10, 1);
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->windows, 10u);
  EXPECT_NEAR(whole->mean, 1, 1e-9);
  const auto half = jain_over_windows(pair, 0, 10, 0.5);
  EXPECT_EQ(half->windows, 20u);
  EXPECT_NEAR(half->mean, 0.5, 1e-9);
  EXPECT_NEAR(half->worst, 0.5, 1e-9);
}

TEST(Fairness, AnIncompleteWindowIsLeftOut) {
  const std::vector<ProgressSeries> pair{turns(1, true, 10), turns(1, false, 10)};
  EXPECT_EQ(jain_over_windows(pair, 0, 2.9, 1)->windows, 2u);
  EXPECT_FALSE(jain_over_windows(pair, 0, 0.9, 1));
}

TEST(Fairness, ItemsBetweenPointsAreInterpolated) {
  const ProgressSeries series{{1, 2}, {10, 30}, 1, 1};
  EXPECT_EQ(items_at(series, 0.5), 0);
  EXPECT_DOUBLE_EQ(items_at(series, 1.25), 15);
  EXPECT_EQ(items_at(series, 9), 30);
}

/// Arrivals and completions (s) of an M/D/1 queue at load `rho` with a service of 1 ms.
Saturation md1_saturation(double rho, double seconds, uint64_t seed) {
  const Nanos service(1'000'000);
  const auto arrivals = poisson_arrivals(1000 * rho, from_seconds(seconds), seed);
  const auto starts = serve_in_order(arrivals, service);
  std::vector<double> a;
  std::vector<double> c;
  for (size_t i = 0; i < arrivals.size(); ++i) {
    a.push_back(to_seconds(arrivals[i]));
    c.push_back(to_seconds(starts[i] + service));
  }
  return saturation(a, c, seconds);
}

TEST(Saturation, AQueueBelowCapacityIsNotSaturated) {
  int called = 0;
  for (uint64_t seed = 0; seed < 200; ++seed) called += md1_saturation(0.8, 1, seed).saturated;
  EXPECT_LE(called, 2);  // 1 %
}

TEST(Saturation, AQueueAboveCapacityIsSaturated) {
  int called = 0;
  for (uint64_t seed = 0; seed < 200; ++seed) called += md1_saturation(1.1, 1, seed).saturated;
  EXPECT_GE(called, 190);  // 95 %
}

TEST(Saturation, RequestsThatWereNeverAnsweredGrowTheBacklog) {
  std::vector<double> arrivals;
  for (int i = 0; i < 100; ++i) arrivals.push_back(i * 0.01);
  const Saturation result = saturation(arrivals, {}, 1);
  EXPECT_TRUE(result.saturated);
  EXPECT_EQ(result.offered, 100);
  EXPECT_EQ(result.served, 0);
  EXPECT_EQ(result.backlog_end, 100);
}

TEST(Saturation, AServerThatKeepsUpHasNoBacklog) {
  std::vector<double> arrivals;
  std::vector<double> completions;
  for (int i = 0; i < 100; ++i) {
    arrivals.push_back(i * 0.01);
    completions.push_back(i * 0.01 + 0.005);
  }
  const Saturation result = saturation(arrivals, completions, 1);
  EXPECT_FALSE(result.saturated);
  EXPECT_NEAR(result.growth, 0, 0.02);
}

TEST(Arrivals, TheSameSeedGivesTheSameArrivals) {
  const auto a = poisson_arrivals(500, from_seconds(2), 7);
  EXPECT_EQ(a, poisson_arrivals(500, from_seconds(2), 7));
  EXPECT_NE(a, poisson_arrivals(500, from_seconds(2), 8));
  EXPECT_TRUE(std::is_sorted(a.begin(), a.end()));
  EXPECT_LT(a.back(), from_seconds(2));
}

TEST(Arrivals, PoissonGapsHaveTheRateAndTheSpreadOfAnExponential) {
  const auto arrivals = poisson_arrivals(1000, from_seconds(100), 3);
  std::vector<double> gaps;
  for (size_t i = 1; i < arrivals.size(); ++i) {
    gaps.push_back(to_seconds(arrivals[i] - arrivals[i - 1]));
  }
  EXPECT_NEAR(mean(gaps), 0.001, 0.00002);
  EXPECT_NEAR(std::sqrt(variance(gaps)) / mean(gaps), 1, 0.02);
}

TEST(Arrivals, ConstantGapsAreEqual) {
  const auto arrivals = constant_arrivals(100, from_seconds(1), 3);
  ASSERT_EQ(arrivals.size(), 100u);
  for (size_t i = 1; i < arrivals.size(); ++i) {
    EXPECT_NEAR(to_seconds(arrivals[i] - arrivals[i - 1]), 0.01, 1e-8);
  }
}

class Md1 : public testing::TestWithParam<double> {};

TEST(Arrivals, DiurnalOnesFollowTheDay) {
  constexpr int kDays = 50;
  const Day day{.length = std::chrono::seconds(60), .night = 0.2};
  const auto arrivals = diurnal_arrivals(100, day, kDays * day.length, 5);
  EXPECT_EQ(arrivals, diurnal_arrivals(100, day, kDays * day.length, 5));
  EXPECT_NEAR(static_cast<double>(arrivals.size()), 100.0 * 60 * kDays, 2500);
  // Quarters of a day, the night's around its beginning: the cosine's means over them.
  double quarters[4] = {};
  for (const Nanos at : arrivals) {
    const double hour = std::fmod(to_seconds(at) / 60 + 0.125, 1.0);
    quarters[static_cast<size_t>(hour * 4)] += 1.0 / (15 * kDays);
  }
  const double swing = 100 * (0.8 / 1.2) * std::sqrt(2.0) * 2 / std::numbers::pi;
  const double expected[4] = {100 - swing, 100, 100 + swing, 100};
  for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(quarters[i], expected[i], 2) << "quarter " << i;
}

TEST(Arrivals, BurstyOnesComeAtTheirMeanRate) {
  const auto arrivals = bursty_arrivals(200, Bursts{}, from_seconds(4000), 5);
  EXPECT_NEAR(static_cast<double>(arrivals.size()), 800'000, 0.04 * 800'000);
  EXPECT_TRUE(std::is_sorted(arrivals.begin(), arrivals.end()));
  EXPECT_EQ(arrivals, bursty_arrivals(200, Bursts{}, from_seconds(4000), 5));
}

TEST(Arrivals, BurstyCountsVaryAsTheTwoStatesSay) {
  // Var N(t) = m t + 2 v T^2 (t/T - 1 + exp(-t/T)): m mean rate, v variance of the rate, 1/T sum of
  // the rates of change.
  const double mean = 200, busy = 800, quiet = 200 * 0.6 / 0.9, T = 0.9;
  const double v = 0.1 * std::pow(busy - mean, 2) + 0.9 * std::pow(quiet - mean, 2);
  const double expected = mean + 2 * v * T * T * (1 / T - 1 + std::exp(-1 / T));
  std::vector<double> counts(8000);
  for (const Nanos at : bursty_arrivals(mean, Bursts{}, from_seconds(8000), 9)) {
    counts[static_cast<size_t>(to_seconds(at))] += 1;
  }
  double sum = 0, squares = 0;
  for (const double n : counts) {
    sum += n;
    squares += n * n;
  }
  const double average = sum / 8000;
  EXPECT_NEAR(squares / 8000 - average * average, expected, 0.15 * expected);
}

TEST(Arrivals, BurstsThatHoldAllArrivalsLeaveTheRestEmpty) {
  const Bursts bursts{.ratio = 10, .share = 0.1, .length = std::chrono::milliseconds(200)};
  const auto arrivals = bursty_arrivals(100, bursts, from_seconds(100), 3);
  size_t silent = 0;
  for (size_t i = 1; i < arrivals.size(); ++i) {
    if (arrivals[i] - arrivals[i - 1] > std::chrono::milliseconds(100)) ++silent;
  }
  EXPECT_GT(silent, 20U);
}

TEST_P(Md1, TheMeanWaitIsWithinTwoPercentOfTheory) {
  const double rho = GetParam();
  // A million requests and more: the queue at 0.8 forgets only after some 25 services.
  const auto arrivals = poisson_arrivals(1000 * rho, from_seconds(2000), 11);
  const auto starts = serve_in_order(arrivals, Nanos(1'000'000));
  double waited = 0;
  for (size_t i = 0; i < arrivals.size(); ++i) waited += to_seconds(starts[i] - arrivals[i]);
  const double theory = md1_mean_wait(1000 * rho, 0.001);
  EXPECT_NEAR(waited / static_cast<double>(arrivals.size()) / theory, 1, 0.02);
}

INSTANTIATE_TEST_SUITE_P(Loads, Md1, testing::Values(0.5, 0.8));

TEST(Random, BelowIsUniform) {
  Random random(1);
  std::vector<int> counts(7);
  for (int i = 0; i < 70'000; ++i) ++counts[random.below(7)];
  for (const int count : counts) EXPECT_NEAR(count, 10'000, 500);
}

TEST(Random, TheSequenceIsTheSameEverywhere) {
  Random random(42);
  EXPECT_EQ(random.next(), 1546998764402558742U);
}

}  // namespace
}  // namespace corun::stats
