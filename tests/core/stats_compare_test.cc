#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "core/stats/compare.h"
#include "core/stats/random.h"

namespace corun::stats {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// Rates of `n` launches: a true rate with launch-to-launch noise of `cv`.
std::vector<double> launches(int n, double rate, double cv, Random& random) {
  std::vector<double> rates;
  for (int i = 0; i < n; ++i) rates.push_back(rate * std::exp(cv * random.normal()));
  return rates;
}

int count_of(Verdict wanted, double true_ratio, int trials, uint64_t seed) {
  Random random(seed);
  int found = 0;
  for (int trial = 0; trial < trials; ++trial) {
    // Five launches; rates of launches differ by 0.3 %, as measured runs of a quiet GPU do at most.
    const auto a = launches(5, 100, 0.003, random);
    const auto b = launches(5, 100 * true_ratio, 0.003, random);
    found += verdict({*unpaired_ratio(a, b), kRateBand, Better::kHigher}) == wanted;
  }
  return found;
}

TEST(Compare, IdenticalRunsAreTheSameInAtLeast95PercentOfTrials) {
  EXPECT_GE(count_of(Verdict::kSame, 1.0, 1000, 1), 950);
}

TEST(Compare, AFivePercentSlowdownIsFoundInEveryTrial) {
  EXPECT_EQ(count_of(Verdict::kWorse, 0.95, 1000, 2), 1000);
}

TEST(Compare, AFivePercentSlowdownOfANoisyGpuIsFoundInMostTrials) {
  Random random(3);
  int found = 0;
  for (int trial = 0; trial < 1000; ++trial) {
    const auto a = launches(10, 100, 0.02, random);
    const auto b = launches(10, 95, 0.02, random);
    found += verdict({*unpaired_ratio(a, b), kRateBand, Better::kHigher}) == Verdict::kWorse;
  }
  EXPECT_GE(found, 980);  // power 0.98 with ten launches and 2 % noise
}

TEST(Compare, ARealDifferenceIsRarelyCalledTheSame) {
  // At the edge of the band, "same" would be wrong; it may happen in 2.5 %.
  EXPECT_LE(count_of(Verdict::kSame, 1 / 1.01, 2000, 4), 80);
}

struct VerdictCase {
  double low;
  double high;
  Better better;
  Verdict verdict;
};

TEST(Compare, TheIntervalAgainstTheBandDecides) {
  for (const VerdictCase& c : {VerdictCase{0.995, 1.005, Better::kHigher, Verdict::kSame},
                               VerdictCase{1.02, 1.04, Better::kHigher, Verdict::kBetter},
                               VerdictCase{1.02, 1.04, Better::kLower, Verdict::kWorse},
                               VerdictCase{0.90, 0.95, Better::kHigher, Verdict::kWorse},
                               VerdictCase{0.90, 0.95, Better::kLower, Verdict::kBetter},
                               VerdictCase{0.97, 1.03, Better::kHigher, Verdict::kAmbiguous},
                               VerdictCase{1.00, 1.02, Better::kHigher, Verdict::kAmbiguous}}) {
    const double error = (std::log(c.high) - std::log(c.low)) / (2 * 1.959964);
    const Ratio ratio{(std::log(c.high) + std::log(c.low)) / 2, error, kInfinity};
    EXPECT_NEAR(*ratio.estimate().low, c.low, 1e-6);
    EXPECT_NEAR(*ratio.estimate().high, c.high, 1e-6);
    EXPECT_EQ(verdict({ratio, 0.01, c.better}), c.verdict) << c.low << ".." << c.high;
  }
}

TEST(Compare, AGridNeedsStrongerEvidenceThanOneCell) {
  // Just enough for one comparison; with nine others that show nothing it is not.
  const Ratio barely{std::log(0.99) - 2.1 * 0.01, 0.01, kInfinity};
  const Ratio nothing{0, 0.02, kInfinity};
  std::vector<Comparison> grid(10, Comparison{nothing, 0.01, Better::kHigher});
  grid[3].ratio = barely;
  EXPECT_EQ(verdict(grid[3]), Verdict::kWorse);
  EXPECT_EQ(holm_verdicts(grid)[3], Verdict::kAmbiguous);
  grid[3].ratio = {std::log(0.9), 0.01, kInfinity};
  EXPECT_EQ(holm_verdicts(grid)[3], Verdict::kWorse);
}

TEST(Compare, AGridOfIdenticalRunsRarelyHoldsOneWrongClaim) {
  Random random(5);
  int grids_with_a_claim = 0;
  for (int trial = 0; trial < 300; ++trial) {
    std::vector<Comparison> grid;
    for (int cell = 0; cell < 12; ++cell) {
      const auto a = launches(5, 100, 0.01, random);
      const auto b = launches(5, 100, 0.01, random);
      grid.push_back({*unpaired_ratio(a, b), 0.001, Better::kHigher});
    }
    bool claimed = false;
    for (const Verdict v : holm_verdicts(grid)) {
      claimed |= v == Verdict::kBetter || v == Verdict::kWorse;
    }
    grids_with_a_claim += claimed;
  }
  EXPECT_LE(grids_with_a_claim, 24);  // 5 % of 300, and twice the standard error
}

TEST(Compare, PairsCancelWhatBothLaunchesShare) {
  Random random(6);
  std::vector<double> solo;
  std::vector<double> shared;
  for (int i = 0; i < 5; ++i) {
    const double drift = std::exp(0.1 * random.normal());
    solo.push_back(100 * drift);
    shared.push_back(90 * drift * std::exp(0.001 * random.normal()));
  }
  const Estimate paired = paired_ratio(solo, shared)->estimate();
  const Estimate unpaired = unpaired_ratio(solo, shared)->estimate();
  EXPECT_NEAR(paired.value, 0.9, 0.003);
  EXPECT_LT(*paired.high - *paired.low, 0.01);
  EXPECT_GT(*unpaired.high - *unpaired.low, 0.1);
}

TEST(Compare, OneLaunchOrNoRateHasNoRatio) {
  const std::vector<double> one{1};
  const std::vector<double> two{1, 2};
  const std::vector<double> stuck{0, 2};
  EXPECT_FALSE(paired_ratio(one, one));
  EXPECT_FALSE(unpaired_ratio(one, two));
  EXPECT_FALSE(paired_ratio(two, stuck));
  EXPECT_FALSE(ratio_of_estimates({1, {}, {}}, {1, 0.9, 1.1}));
}

TEST(Compare, TwoIntervalsMakeARatioWithItsOwn) {
  const auto ratio = ratio_of_estimates({100, 99, 101}, {90, 89, 91});
  ASSERT_TRUE(ratio);
  const Estimate e = ratio->estimate();
  EXPECT_NEAR(e.value, 0.9, 1e-9);
  EXPECT_NEAR(*e.high - *e.low, 2 * 0.9 * std::hypot(1.0 / 100, 1.0 / 90), 0.001);
}

TEST(Compare, RunsWithoutAnySpreadAreDecidedByTheirValue) {
  const std::vector<double> a{10, 10};
  const std::vector<double> b{9, 9};
  EXPECT_EQ(verdict({*unpaired_ratio(a, a), 0.01, Better::kHigher}), Verdict::kSame);
  EXPECT_EQ(verdict({*unpaired_ratio(a, b), 0.01, Better::kHigher}), Verdict::kWorse);
}

}  // namespace
}  // namespace corun::stats
