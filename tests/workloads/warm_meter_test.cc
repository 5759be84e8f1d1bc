#include "workloads/tenant/warm_meter.h"

#include <gtest/gtest.h>

#include "core/stats/steady.h"

namespace corun::tenant {
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

/// Windows until a warm-up with the harness's tolerance would end; `most` when it never does.
template <typename Items>
int windows_until_steady(Items items, int most) {
  LongMeter meter;
  stats::SteadyState steady(3, 0.02);
  for (int i = 1; i < most; ++i) {
    if (steady.add(*meter.add(items(i), std::chrono::milliseconds(500)).settling)) return i;
  }
  return most;
}

TEST(WarmMeter, ARateThatWaversByATenthSettles) {
  const uint64_t wavering[] = {1040, 840, 870};  // as copies did on a machine with an H200
  EXPECT_LT(windows_until_steady([&](int i) { return wavering[i % 3]; }, 20), 20);
}

TEST(WarmMeter, ASteadyRateSettlesAsFastAsItCan) {
  EXPECT_EQ(windows_until_steady([](int) { return uint64_t{1000}; }, 20), 3);
}

TEST(WarmMeter, ARateThatStillClimbsDoesNotSettle) {
  EXPECT_EQ(
      windows_until_steady([](int i) { return uint64_t{100} * static_cast<uint64_t>(i); }, 20), 20);
}

TEST(WarmMeter, TheRateOfALongMeterIsThatOfItsLastWindow) {
  LongMeter meter;
  meter.add(100, std::chrono::seconds(1));
  const WarmFigures figures = meter.add(300, std::chrono::seconds(1));
  EXPECT_DOUBLE_EQ(figures.rate, 300);
  EXPECT_DOUBLE_EQ(*figures.settling, 200);
}

TEST(WarmMeter, NothingDoneIsARateOfZero) {
  EXPECT_EQ(SerialMeter(at_ms(0)).figures().rate, 0);
  EXPECT_EQ(pipelined_figures(0, Nanos(0)).rate, 0);
}

}  // namespace
}  // namespace corun::tenant
