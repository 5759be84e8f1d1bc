// Shares and slices: the arithmetic, against the measured table (results/h200/first-readings).
#include "engine/policy/shares.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

namespace corun::policy {
namespace {

using testing::DoubleNear;
using testing::Pointwise;

constexpr Nanos kQuantum = std::chrono::milliseconds(40);

struct Filling {
  const char* name;
  std::vector<ShareBounds> demands;
  std::vector<double> shares;
};

class Fill : public testing::TestWithParam<Filling> {};

TEST_P(Fill, GivesTheShares) {
  EXPECT_THAT(fill_shares(GetParam().demands), Pointwise(DoubleNear(1e-9), GetParam().shares));
}

INSTANTIATE_TEST_SUITE_P(
    Shares, Fill,
    testing::Values(
        Filling{"None", {}, {}}, Filling{"One", {{5, 0, 1}}, {1}},
        Filling{"Weights", {{3, 0, 1}, {1, 0, 1}}, {0.75, 0.25}},
        Filling{"AMinimum", {{3, 0, 1}, {1, 0.4, 1}}, {0.6, 0.4}},
        Filling{"AMaximum", {{3, 0, 0.5}, {1, 0, 1}}, {0.5, 0.5}},
        Filling{"AMaximumThatFreesForTwo", {{8, 0, 0.2}, {1, 0, 1}, {1, 0, 1}}, {0.2, 0.4, 0.4}},
        Filling{"MaximaBelowOne", {{1, 0, 0.3}, {1, 0, 0.2}}, {0.3, 0.2}},
        Filling{"MinimaAboveOne", {{1, 0.9, 1}, {1, 0.9, 1}}, {0.5, 0.5}},
        Filling{"MinimumAndMaximum", {{1, 0.5, 1}, {4, 0, 0.25}, {1, 0, 1}}, {0.5, 0.25, 0.25}},
        Filling{"NobodyBelowOnePercent", {{1000, 0, 1}, {0.001, 0, 1}}, {0.99, 0.01}}),
    [](const auto& test) { return std::string(test.param.name); });

/// What the GPU does with slices of saturating groups: a slice of q us does q - 33 of work and
/// occupies q + 179.
std::vector<double> progress(const std::vector<uint32_t>& slices) {
  double round = 0;
  for (const uint32_t slice : slices) round += slice + kSwitchUs;
  std::vector<double> result;
  result.reserve(slices.size());
  for (const uint32_t slice : slices) result.push_back((slice - kSliceLossUs) / round);
  return result;
}

struct Measured {
  const char* name;
  std::vector<uint32_t> slices;
  std::vector<double> rates;  ///< kernels/s
};

class Arithmetic : public testing::TestWithParam<Measured> {};

TEST_P(Arithmetic, FitsTheMeasuredRatesWithinTwoPoints) {
  constexpr double kSolo = 4990;
  const std::vector<double> predicted = progress(GetParam().slices);
  for (size_t i = 0; i < predicted.size(); ++i) {
    EXPECT_NEAR(predicted[i], GetParam().rates[i] / kSolo, 0.02);
  }
}

INSTANTIATE_TEST_SUITE_P(Measurements, Arithmetic,
                         testing::Values(Measured{"Us50", {50, 50}, {186, 193}},
                                         Measured{"Us200", {200, 200}, {1108, 1101}},
                                         Measured{"Us500", {500, 500}, {1700, 1707}},
                                         Measured{"Ms2", {2000, 2000}, {2242, 2241}},
                                         Measured{"Ms20", {20000, 20000}, {2468, 2476}},
                                         Measured{"ThreeToOne", {6000, 2000}, {3560, 1211}},
                                         Measured{
                                             "ThreeOneOne", {9000, 3000, 3000}, {2878, 985, 982}}),
                         [](const auto& test) { return std::string(test.param.name); });

struct Weighting {
  const char* name;
  std::vector<double> weights;
  std::vector<uint32_t> groups;
};

class Weights : public testing::TestWithParam<Weighting> {};

TEST_P(Weights, AreMetWithinAPointInTheArithmeticOfSlices) {
  const Weighting& mix = GetParam();
  const double sum = std::accumulate(mix.weights.begin(), mix.weights.end(), 0.0);
  std::vector<SliceDemand> demands;
  for (size_t i = 0; i < mix.weights.size(); ++i) {
    demands.push_back({mix.weights[i] / sum, mix.groups[i]});
  }
  const double round = round_work_us(demands, kQuantum);
  std::vector<uint32_t> slices;
  for (const SliceDemand& demand : demands) {
    slices.insert(slices.end(), demand.groups, slice_us(demand, round));
  }
  const std::vector<double> done = progress(slices);
  const double total = std::accumulate(done.begin(), done.end(), 0.0);
  size_t next = 0;
  for (const SliceDemand& demand : demands) {
    double workload = 0;
    for (uint32_t group = 0; group < demand.groups; ++group) workload += done[next++];
    EXPECT_NEAR(workload / total, demand.share, 0.01);
  }
}

INSTANTIATE_TEST_SUITE_P(Mixes, Weights,
                         testing::Values(Weighting{"Equal", {1, 1}, {1, 1}},
                                         Weighting{"ThreeToOne", {3, 1}, {1, 1}},
                                         Weighting{"ThreeOneOne", {3, 1, 1}, {1, 1, 1}},
                                         Weighting{"ManyGroups", {3, 1, 1}, {4, 1, 7}},
                                         Weighting{"Steep", {99, 1}, {1, 1}}),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(Rounds, TwoSaturatingWorkloadsKeepNinetyNinePercent) {
  const std::vector<SliceDemand> demands{{0.5, 1}, {0.5, 1}};
  const double round = round_work_us(demands, kQuantum);
  const std::vector<double> done =
      progress({slice_us(demands[0], round), slice_us(demands[1], round)});
  EXPECT_GE(done[0] + done[1], 0.99);
}

TEST(Rounds, NoSliceIsBelowFiveMilliseconds) {
  const std::vector<SliceDemand> demands{{0.9, 1}, {0.06, 1}, {0.04, 2}};
  const double round = round_work_us(demands, kQuantum);
  for (const SliceDemand& demand : demands) EXPECT_GE(slice_us(demand, round), 5000U);
}

TEST(Rounds, AreAboutOneQuantumAndAtMostTwoWhereNoSliceIsTooShort) {
  for (uint32_t count = 1; count <= 16; ++count) {
    const std::vector<SliceDemand> demands(count, {1.0 / count, 1});
    const double round = round_work_us(demands, kQuantum);
    EXPECT_GE(round, 40'000);
    EXPECT_LE(round, 80'000 + 1);
  }
}

TEST(Rounds, NoSliceIsAboveASecond) {
  const std::vector<SliceDemand> demands{{0.999, 1}, {0.001, 1}};
  const double round = round_work_us(demands, kQuantum);
  EXPECT_LE(slice_us(demands[0], round), 1'000'000U);
}

}  // namespace
}  // namespace corun::policy
