// How long the GPU is kept after a burst, as the application's own gaps tell.
#include "engine/shim/gaps.h"

#include <gtest/gtest.h>

#include <ostream>
#include <vector>

namespace corun::shim {
namespace {

/// `count` gaps of `us` each.
struct Part {
  int count;
  uint32_t us;
};

struct Case {
  const char* what;
  std::vector<Part> gaps;
  uint32_t regain_us;
  uint32_t most_us;
  uint32_t best_us;
};

void PrintTo(const Case& one, std::ostream* out) { *out << one.what; }

class GapsTest : public ::testing::TestWithParam<Case> {};

TEST_P(GapsTest, KeepsTheGpuAsLongAsItPays) {
  Gaps gaps;
  for (const Part& part : GetParam().gaps) {
    for (int i = 0; i < part.count; ++i) {
      gaps.note(uint64_t{part.us} * 1000);
    }
  }
  EXPECT_EQ(gaps.best_us(GetParam().regain_us, GetParam().most_us), GetParam().best_us);
}

INSTANTIATE_TEST_SUITE_P(
    Gaps, GapsTest,
    ::testing::Values(
        Case{"nothing known", {}, 720, 200, Gaps::kUnlearnedUs},
        Case{"nothing known, bounded", {}, 720, 20, 20},
        Case{"fifteen are not enough", {{15, 5000}}, 720, 200, Gaps::kUnlearnedUs},
        Case{"only long gaps", {{100, 5000}}, 720, 200, 0},
        // 20 x 88 + 80 x (96 + 720) = 67 ms below 100 x 720 = 72 ms: above the turnaround of 80 us.
        Case{"one in five after 80 us", {{20, 80}, {80, 5000}}, 720, 200, 96},
        // The same gaps, but letting go costs little: 20 x 88 + 80 x (96 + 100) > 100 x 100.
        Case{"one in five, cheap to regain", {{20, 80}, {80, 5000}}, 100, 200, 0},
        Case{"a turnaround beyond the bound", {{50, 300}, {50, 5000}}, 720, 200, 0},
        Case{"every gap is short", {{100, 10}}, 720, 200, 16},
        Case{"a gap at a bucket's edge lies in the next", {{100, 16}}, 720, 200, 32},
        Case{"keeping to the bound still pays", {{40, 190}, {60, 5000}}, 720, 200, 192}));

TEST(Gaps, OlderGapsFade) {
  Gaps gaps;
  for (int i = 0; i < 500; ++i) {
    gaps.note(10'000);
  }
  ASSERT_EQ(gaps.best_us(720, 200), 16U);
  for (int i = 0; i < 3000; ++i) {
    gaps.note(5'000'000);
  }
  EXPECT_EQ(gaps.best_us(720, 200), 0U);
}

/// Gaps of Poisson arrivals have no memory: keeping never pays below a rate of 1 / regain.
TEST(Gaps, ExponentialGapsAreNotWaitedFor) {
  Gaps gaps;
  for (int i = 0; i < 400; ++i) {
    const double quantile = (i + 0.5) / 400;
    gaps.note(static_cast<uint64_t>(-3.3e6 * __builtin_log(1 - quantile)));  // 300 a second
  }
  EXPECT_EQ(gaps.best_us(720, 200), 0U);
}

}  // namespace
}  // namespace corun::shim
