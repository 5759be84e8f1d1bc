#include "workloads/synthetic/calibration.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace corun::synthetic {
namespace {

struct Device {
  double fixed_us;
  double per_iteration_us;
  double operator()(uint32_t iterations) const { return fixed_us + per_iteration_us * iterations; }
};

struct Case {
  const char* name;
  Device device;
  double target_us;
};

class CalibrationCases : public testing::TestWithParam<Case> {};

TEST_P(CalibrationCases, FindsTheIterationsWithinOnePercent) {
  const Case& test = GetParam();
  int measurements = 0;
  const auto found = calibrate(test.target_us, [&](uint32_t iterations) -> Result<double> {
    ++measurements;
    return test.device(iterations);
  });
  ASSERT_TRUE(found);
  EXPECT_NEAR(found->duration_us, test.target_us, 0.01 * test.target_us);
  EXPECT_EQ(found->duration_us, test.device(found->iterations));
  EXPECT_LE(measurements, 12);
}

INSTANTIATE_TEST_SUITE_P(All, CalibrationCases,
                         testing::Values(Case{"short", {1.0, 0.26}, 30},
                                         Case{"usual", {1.0, 0.26}, 1000},
                                         Case{"long", {1.0, 0.26}, 1e6},
                                         Case{"fine", {2.0, 0.0005}, 500},
                                         Case{"no_fixed_part", {0.0, 1.0}, 200}),
                         [](const auto& test) { return test.param.name; });

TEST(Calibration, ACoarseStepGivesTheNearestMeasured) {
  // 7 us an iteration cannot make 30 us within 1 %: 28 is nearest.
  const auto found = calibrate(30, [](uint32_t n) -> Result<double> { return 7.0 * n; });
  ASSERT_TRUE(found);
  EXPECT_EQ(found->iterations, 4U);
}

TEST(Calibration, ANoisyClockStillEndsNearTheTarget) {
  int call = 0;
  const auto found = calibrate(100, [&](uint32_t n) -> Result<double> {
    return (1.0 + 0.1 * n) * (1.0 + 0.03 * ((call++ % 3) - 1));
  });
  ASSERT_TRUE(found);
  EXPECT_NEAR(1.0 + 0.1 * found->iterations, 100, 5);
}

TEST(Calibration, ATargetBelowTheShortestWorkIsAUsageError) {
  const auto found = calibrate(3, [](uint32_t n) -> Result<double> { return 10.0 + n; });
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().kind, ErrorKind::kUsage);
  EXPECT_NE(found.error().what.find("11.0 us"), std::string::npos) << found.error().what;
}

TEST(Calibration, AnErrorOfTheMeasurementIsPassedOn) {
  const auto found = calibrate(3, [](uint32_t) -> Result<double> { return failed("no GPU"); });
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().what, "no GPU");
}

}  // namespace
}  // namespace corun::synthetic
