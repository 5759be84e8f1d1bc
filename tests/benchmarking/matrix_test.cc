#include "benchmarking/matrix.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

namespace corun::benchmarking {
namespace {

MatrixOptions options(std::vector<std::string> modes, int reps) {
  MatrixOptions result;
  result.modes = std::move(modes);
  result.turn_modes = {"exclusive"};
  result.mixes = {cycle_mix(4)};
  result.reps = reps;
  return result;
}

std::vector<std::string> ids(const std::vector<PlannedCell>& cells) {
  std::vector<std::string> result;
  for (const PlannedCell& cell : cells) result.push_back(cell.id);
  return result;
}

TEST(WilliamsDesign, EveryTreatmentFollowsEveryOtherEquallyOften) {
  for (size_t count : {2U, 3U, 4U, 5U, 6U}) {
    std::map<std::pair<size_t, size_t>, int> follows;
    auto rows = williams_design(count);
    for (const auto& row : rows) {
      EXPECT_TRUE(std::is_permutation(row.begin(), row.end(), rows[0].begin()));
      for (size_t i = 1; i < row.size(); ++i) ++follows[{row[i - 1], row[i]}];
    }
    EXPECT_EQ(follows.size(), count * (count - 1)) << count;
    for (const auto& [pair, times] : follows) EXPECT_EQ(times, count % 2 == 0 ? 1 : 2) << count;
  }
}

TEST(Matrix, EveryBlockHoldsEveryModeOnceAndStandsBetweenBrackets) {
  Matrix matrix = make_matrix(options({"exclusive", "time-slicing", "mps"}, 2));
  ASSERT_EQ(matrix.solos.size(), 3U);  // both inference workloads are one
  std::vector<std::string> kinds;
  for (const PlannedCell& cell : matrix.cells) {
    std::string kind =
        cell.solo ? "s" + std::to_string(cell.bracket) : "b" + std::to_string(cell.rep);
    if (kinds.empty() || kinds.back() != kind) kinds.push_back(kind);
  }
  EXPECT_EQ(kinds, (std::vector<std::string>{"s0", "b0", "s1", "b1", "s2"}));
  EXPECT_EQ(matrix.cells.size(), 3U * 3U + 2U * 3U);
  std::vector<std::string> unique = ids(matrix.cells);
  std::sort(unique.begin(), unique.end());
  EXPECT_EQ(std::adjacent_find(unique.begin(), unique.end()), unique.end());
}

TEST(Matrix, TwoModesAlternateTheirOrder) {
  Matrix matrix = make_matrix(options({"time-slicing", "mps"}, 4));
  std::map<std::string, int> first;
  for (size_t i = 0; i < matrix.cells.size(); ++i) {
    const PlannedCell& cell = matrix.cells[i];
    if (!cell.solo && matrix.cells[i - 1].solo) ++first[cell.mode];
  }
  EXPECT_EQ(first["time-slicing"], 2);
  EXPECT_EQ(first["mps"], 2);
}

TEST(Matrix, TheSeedAloneDecidesTheOrder) {
  MatrixOptions a = options({"exclusive", "time-slicing", "mps"}, 3);
  EXPECT_EQ(ids(make_matrix(a).cells), ids(make_matrix(a).cells));
  MatrixOptions b = a;
  b.seed = 2;
  EXPECT_NE(ids(make_matrix(a).cells), ids(make_matrix(b).cells));
}

TEST(Matrix, OneNameForTwoCommandsGivesTwoSoloRuns) {
  auto first = parse_mix("workloads: [{name: a, command: x}]", "one.yaml");
  auto second = parse_mix("workloads: [{name: a, command: y}]", "two.yaml");
  ASSERT_TRUE(first && second);
  MatrixOptions both = options({"mps"}, 1);
  both.mixes = {*first, *second};
  Matrix matrix = make_matrix(both);
  ASSERT_EQ(matrix.solos.size(), 2U);
  EXPECT_EQ(matrix.solos[1].name, "a.2");
}

TEST(Matrix, TurnsShareOneWindowButNoneIsShorterThanTheShortest) {
  Windows windows;
  windows.window = std::chrono::seconds(30);
  windows.min_turn = std::chrono::seconds(2);
  EXPECT_EQ(turn_length(windows, 4), std::chrono::milliseconds(7500));
  EXPECT_EQ(turn_length(windows, 32), std::chrono::seconds(2));
}

TEST(Matrix, ExpectedTimeGrowsWithWorkloadsAndTurns) {
  MatrixOptions wide = options({"exclusive", "mps"}, 1);
  wide.mixes = {cycle_mix(32)};
  Matrix matrix = make_matrix(wide);
  std::map<std::string, Nanos> time;
  for (const PlannedCell& cell : matrix.cells) time[cell.mode] = expected_time(matrix, cell);
  EXPECT_GT(time["exclusive"], time["mps"]);
  EXPECT_GT(time["mps"], time["solo"]);
}

TEST(RemainingCells, NothingIsLeftOfAFinishedPlan) {
  Matrix matrix = make_matrix(options({"time-slicing", "mps"}, 2));
  auto all = ids(matrix.cells);
  EXPECT_TRUE(remaining_cells(matrix, {all.begin(), all.end()}).empty());
}

TEST(RemainingCells, AnOpenBlockGetsBothItsBracketsAgain) {
  Matrix matrix = make_matrix(options({"time-slicing", "mps"}, 3));
  auto all = ids(matrix.cells);
  std::set<std::string> valid(all.begin(), all.end());
  valid.erase("b1.mps.cycle-4");
  std::vector<std::string> rest = ids(remaining_cells(matrix, valid));
  ASSERT_EQ(rest.size(), 7U);
  EXPECT_EQ(rest[0].substr(0, 2), "s1");
  EXPECT_EQ(rest[3], "b1.mps.cycle-4");
  EXPECT_EQ(rest[6].substr(0, 2), "s2");
}

TEST(Plan, AnyDifferenceThatMattersShowsInItsJson) {
  MatrixOptions base = options({"mps"}, 2);
  Json plan = plan_to_json(make_matrix(base));
  EXPECT_EQ(plan, plan_to_json(make_matrix(base)));
  MatrixOptions other = base;
  other.windows.window = std::chrono::seconds(31);
  EXPECT_NE(plan, plan_to_json(make_matrix(other)));
  other = base;
  other.mixes[0].tenants[0].workload.command.emplace_back("--more");
  EXPECT_NE(plan, plan_to_json(make_matrix(other)));
}

}  // namespace
}  // namespace corun::benchmarking
