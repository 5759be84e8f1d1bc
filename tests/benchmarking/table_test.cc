#include "benchmarking/table.h"

#include <gtest/gtest.h>

#include <sstream>

#include "benchmarking/format.h"
#include "golden.h"
#include "sample_run.h"

namespace corun::benchmarking {
namespace {

Figures sample_figures(const SampleOptions& options = {}) {
  return figures_of(sample_run(options).results);
}

size_t longest_line(const std::string& text) {
  size_t longest = 0;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) longest = std::max(longest, line.size());
  return longest;
}

TEST(Table, ASimulatedRunOfTwoWorkloads) {
  expect_golden("benchmarking/golden/table_pair.txt", table(sample_figures(), {}));
}

TEST(Table, OneRepetitionWithoutIntervalsOverLaunches) {
  SampleOptions options;
  options.repetitions = 1;
  expect_golden("benchmarking/golden/table_quick.txt", table(sample_figures(options), {}));
}

TEST(Table, VoidCellsAreListedWithTheirReason) {
  SampleOptions options;
  options.with_void_cell = true;
  options.repetitions = 2;
  const std::string text = table(sample_figures(options), {});
  EXPECT_NE(text.find("void:\n  mps cycle-2 repetition 1: a foreign process"), std::string::npos);
  EXPECT_NE(text.find("1 of 2"), std::string::npos);
}

TEST(Table, FitsIn100ColumnsWhateverTheNames) {
  Figures figures = sample_figures();
  for (ModeFigures& mode : figures.modes) {
    for (WorkloadFigures& w : mode.workloads) w.workload += std::string(60, 'x');
  }
  figures.voids.push_back(
      {"c", "mps", "m", 0, "w", std::string(90, 'a') + " " + std::string(150, 'b')});
  EXPECT_LE(longest_line(table(figures, {})), 100u);
}

TEST(Table, PlainTextHasNoEscapesAndColorsChangeNothingElse) {
  const Figures figures = sample_figures();
  const std::string plain = table(figures, {});
  std::string colored = table(figures, {.color = true});
  EXPECT_EQ(plain.find('\x1b'), std::string::npos);
  ASSERT_NE(colored.find('\x1b'), std::string::npos);
  for (size_t at; (at = colored.find('\x1b')) != std::string::npos;) {
    colored.erase(at, colored.find('m', at) - at + 1);
  }
  EXPECT_EQ(colored, plain);
}

TEST(Table, ASaturatedWorkloadSaysSoInsteadOfAPercentile) {
  SampleRun run = sample_run({});
  for (ResultRow& row : run.results.rows) {
    if (row.mode == "time-slicing" && row.latency_ms) row.saturated = true;
  }
  const std::string text = table(figures_of(run.results), {});
  EXPECT_NE(text.find("! time-slicing infer-1: saturated"), std::string::npos);
}

TEST(Table, AWrongChecksumIsCalledOut) {
  SampleRun run = sample_run({});
  run.results.rows.back().checksum_ok = false;
  EXPECT_NE(table(figures_of(run.results), {}).find("CHECKSUM WRONG"), std::string::npos);
}

struct NumberCase {
  double value;
  const char* text;
};

TEST(Format, NumbersHaveThreeSignificantDigits) {
  for (const NumberCase& c :
       {NumberCase{0, "0"}, NumberCase{1.234, "1.23"}, NumberCase{45.67, "45.7"},
        NumberCase{789.4, "789"}, NumberCase{12345.6, "12346"}, NumberCase{0.01234, "0.0123"},
        NumberCase{-0.0912, "-0.0912"}, NumberCase{99.96, "100"}, NumberCase{1, "1.00"}}) {
    EXPECT_EQ(number(c.value), c.text);
  }
  EXPECT_EQ(number(std::nullopt), "-");
}

TEST(Format, IntervalsStandInBrackets) {
  EXPECT_EQ(with_interval(Estimate{2.1, 2.01, 2.31}), "2.10 [2.01, 2.31]");
  EXPECT_EQ(with_interval(Estimate{2.1, {}, {}}), "2.10");
  EXPECT_EQ(percent_with_interval(Estimate{0.091, 0.088, 0.094}), "9.10 % [8.80, 9.40]");
}

}  // namespace
}  // namespace corun::benchmarking
