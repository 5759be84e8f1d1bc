#include "workloads/synthetic/warm_meter.h"

#include <gtest/gtest.h>

namespace corun::synthetic {
namespace {

constexpr Instant at_ms(int64_t ms) { return {ms * 1'000'000}; }

TEST(WarmMeter, PipelinedWorkSettlesByItsRate) {
  const WarmFigures figures = pipelined_figures(4, std::chrono::milliseconds(40));
  EXPECT_DOUBLE_EQ(figures.rate, 100);
  EXPECT_DOUBLE_EQ(*figures.settling, 100);
}

TEST(WarmMeter, AStallMovesTheRateOfSerialWorkButNotWhatMustSettle) {
  SerialMeter meter(at_ms(0));
  for (int i = 1; i <= 9; ++i) meter.done(at_ms(10 * i));
  meter.done(at_ms(1000));
  EXPECT_NEAR(meter.figures().rate, 10, 1e-9);
  EXPECT_NEAR(*meter.figures().settling, 100, 1e-9);
}

TEST(WarmMeter, NothingDoneIsARateOfZero) {
  EXPECT_EQ(SerialMeter(at_ms(0)).figures().rate, 0);
  EXPECT_EQ(pipelined_figures(0, Nanos(0)).rate, 0);
}

}  // namespace
}  // namespace corun::synthetic
