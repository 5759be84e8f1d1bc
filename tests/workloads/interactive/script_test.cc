// Scripts and think times: what they mean, and what is wrong with others.
#include "workloads/interactive/script.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "core/units.h"
#include "workloads/interactive/think.h"

namespace corun::interactive {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Script, CellsAndTheirSteps) {
  const auto cells = parse_script(
      "# a comment\n"
      "\n"
      "load data: cpu 200ms; alloc 2GiB ;copy 64MiB # another\n"
      "fit:gpu 1.5s;\r\n"
      "forget: free",
      "n.txt");
  ASSERT_TRUE(cells) << cells.error().text();
  const std::vector<Cell> expected{
      {"load data",
       {{.kind = StepKind::kCpu, .duration = milliseconds(200)},
        {.kind = StepKind::kAlloc, .bytes = 2 * kGiB},
        {.kind = StepKind::kCopy, .bytes = 64 * kMiB}}},
      {"fit", {{.kind = StepKind::kGpu, .duration = milliseconds(1500)}}},
      {"forget", {{.kind = StepKind::kFree}}}};
  EXPECT_EQ(*cells, expected);
}

TEST(Script, TheDefaultOneIsAScript) {
  const auto cells = parse_script(kDefaultScript, "script");
  ASSERT_TRUE(cells) << cells.error().text();
  EXPECT_EQ(cells->size(), 5U);
}

TEST(Script, WhatIsWrongIsToldWithItsLine) {
  const std::pair<const char*, const char*> wrong[] = {
      {"a: gpu 1s\nb", "n.txt:2: a cell is of the form"},
      {": gpu 1s", "n.txt:1: a cell has no name"},
      {"a:", "n.txt:1: cell 'a' does nothing"},
      {"a: sleep 1s", "n.txt:1: there is no step 'sleep'"},
      {"a: gpu 5", "n.txt:1: "},
      {"a: gpu 0s", "n.txt:1: 'gpu 0s' is out of range"},
      {"a: gpu 2h", "n.txt:1: 'gpu 2h' is out of range"},
      {"a: alloc", "n.txt:1: "},
      {"a: alloc 0", "n.txt:1: 'alloc 0' has no bytes"},
      {"a: free 1GiB", "n.txt:1: 'free' takes no '1GiB'"},
      {"# nothing", "n.txt has no cell"},
      {"", "n.txt has no cell"}};
  for (const auto& [text, says] : wrong) {
    const auto cells = parse_script(text, "n.txt");
    ASSERT_FALSE(cells) << text;
    EXPECT_EQ(cells.error().kind, ErrorKind::kUsage);
    EXPECT_TRUE(cells.error().what.starts_with(says)) << cells.error().what;
  }
}

TEST(Think, Forms) {
  EXPECT_EQ(parse_think("constant:2s").value(),
            (ThinkTime{.kind = ThinkKind::kConstant, .typical = seconds(2)}));
  EXPECT_EQ(parse_think("exponential:500ms").value(),
            (ThinkTime{.kind = ThinkKind::kExponential, .typical = milliseconds(500)}));
  EXPECT_EQ(parse_think("lognormal:3s:0.5").value(),
            (ThinkTime{.typical = seconds(3), .sigma = 0.5}));
  for (const char* text : {"", "2s", "normal:2s", "constant:", "constant:2", "constant:2s:1",
                           "lognormal:2s:", "lognormal:2s:x", "lognormal:2s:-1"}) {
    EXPECT_FALSE(parse_think(text)) << text;
  }
}

TEST(Think, DrawsAreOfTheirDistributionAndOfTheirSeed) {
  constexpr int kDraws = 4001;
  const auto drawn = [](const char* text, uint64_t seed) {
    stats::Random random(seed);
    std::vector<double> draws;
    for (int i = 0; i < kDraws; ++i) {
      draws.push_back(to_seconds(draw(parse_think(text).value(), random)));
    }
    return draws;
  };
  EXPECT_EQ(drawn("lognormal:2s:1", 5), drawn("lognormal:2s:1", 5));
  EXPECT_NE(drawn("lognormal:2s:1", 5), drawn("lognormal:2s:1", 6));
  std::vector<double> lognormal = drawn("lognormal:2s:1", 5);
  std::sort(lognormal.begin(), lognormal.end());
  EXPECT_NEAR(lognormal[kDraws / 2], 2, 0.15);  // the median
  EXPECT_NEAR(lognormal[kDraws * 84 / 100], 2 * 2.718, 0.5);
  double sum = 0;
  for (const double one : drawn("exponential:2s", 5)) sum += one;
  EXPECT_NEAR(sum / kDraws, 2, 0.15);  // the mean
  EXPECT_EQ(drawn("constant:2s", 1), std::vector<double>(kDraws, 2));
}

}  // namespace
}  // namespace corun::interactive
