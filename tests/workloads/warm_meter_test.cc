#include "workloads/synthetic/warm_meter.h"

#include <gtest/gtest.h>

namespace corun::synthetic {
namespace {

constexpr Instant at_ms(int64_t ms) { return {ms * 1'000'000}; }

TEST(WarmMeter, RateIsItemsOverTheWholeWindow) {
  WarmMeter meter(at_ms(0));
  meter.done(2, at_ms(10));
  meter.done(2, at_ms(20));
  EXPECT_DOUBLE_EQ(meter.figures(at_ms(40)).rate, 100);
}

TEST(WarmMeter, AStallDoesNotMoveTheSettlingFigure) {
  WarmMeter meter(at_ms(0));
  for (int i = 1; i <= 9; ++i) meter.done(1, at_ms(10 * i));
  meter.done(1, at_ms(600));
  EXPECT_NEAR(*meter.figures(at_ms(600)).settling, 100, 1e-9);
}

TEST(WarmMeter, NothingDoneIsARateOfZero) {
  WarmMeter meter(at_ms(0));
  EXPECT_EQ(meter.figures(at_ms(100)).rate, 0);
}

}  // namespace
}  // namespace corun::synthetic
