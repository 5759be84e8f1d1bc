#include "workloads/synthetic/duty_cycle.h"

#include <gtest/gtest.h>

namespace corun::synthetic {
namespace {

TEST(DutyCycle, FullIntensityHasNoPauses) {
  EXPECT_TRUE(DutyCycle(1.0, std::chrono::microseconds(500)).continuous());
  EXPECT_FALSE(DutyCycle(0.5, std::chrono::microseconds(500)).continuous());
}

TEST(DutyCycle, WorkTakesTheAskedShareOfAPeriod) {
  for (const double intensity : {0.05, 0.25, 0.5, 0.75}) {
    for (const Nanos piece :
         {Nanos(std::chrono::microseconds(3)), Nanos(std::chrono::microseconds(500)),
          Nanos(std::chrono::milliseconds(7)), Nanos(std::chrono::milliseconds(90))}) {
      const DutyCycle cycle(intensity, piece);
      const Nanos period = cycle.next(Instant{0}, Instant{0}) - Instant{0};
      const double busy = to_seconds(piece) * static_cast<double>(cycle.pieces());
      EXPECT_NEAR(busy / to_seconds(period), intensity, 1e-6);
      EXPECT_GE(cycle.pieces(), 1U);
    }
  }
}

TEST(DutyCycle, LateWorkIsNotMadeUpFor) {
  const DutyCycle cycle(0.5, std::chrono::microseconds(500));
  const Instant late{Nanos(std::chrono::seconds(1)).count()};
  EXPECT_EQ(cycle.next(Instant{0}, late), late);
}

}  // namespace
}  // namespace corun::synthetic
