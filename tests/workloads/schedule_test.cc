#include "workloads/synthetic/schedule.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace corun::synthetic {
namespace {

TEST(Schedule, ArrivalsOfASeedAreTheSameAgain) {
  const auto first = draw_arrivals(ArrivalProcess::kPoisson, 500, std::chrono::seconds(2), 7);
  EXPECT_EQ(first, draw_arrivals(ArrivalProcess::kPoisson, 500, std::chrono::seconds(2), 7));
  EXPECT_NE(first, draw_arrivals(ArrivalProcess::kPoisson, 500, std::chrono::seconds(2), 8));
}

TEST(Schedule, ConstantArrivalsHaveEqualGaps) {
  const auto arrivals = draw_arrivals(ArrivalProcess::kConstant, 100, std::chrono::seconds(1), 7);
  ASSERT_EQ(arrivals.size(), 100U);
  for (size_t i = 1; i < arrivals.size(); ++i) {
    EXPECT_NEAR(to_micros(arrivals[i] - arrivals[i - 1]), 10000, 0.01);
  }
}

TEST(Schedule, LogNormalDrawsHaveTheirMedian) {
  stats::Random random(3);
  std::vector<Nanos> draws;
  for (int i = 0; i < 4001; ++i) draws.push_back(draw({std::chrono::seconds(1), 1.0}, random));
  std::nth_element(draws.begin(), draws.begin() + 2000, draws.end());
  EXPECT_NEAR(to_seconds(draws[2000]), 1.0, 0.06);
}

TEST(Schedule, ASigmaOfZeroIsAlwaysTheMedian) {
  stats::Random random(3);
  EXPECT_EQ(draw({std::chrono::milliseconds(300), 0.0}, random),
            Nanos(std::chrono::milliseconds(300)));
  EXPECT_EQ(draw({std::chrono::milliseconds(300), 0.0}, random),
            Nanos(std::chrono::milliseconds(300)));
}

}  // namespace
}  // namespace corun::synthetic
