#include "benchmarking/matrix.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/check.h"
#include "core/stats/random.h"

namespace corun::benchmarking {

namespace {

// Start of the programs, loading, stop and undo. Only for estimates: a run corrects it as it goes.
constexpr Nanos kExpectedStart = std::chrono::milliseconds(1200);
// Warm-up ends after three windows that agree; some take a fourth.
constexpr double kExpectedWarmWindows = 3.5;

template <typename T>
void shuffle(std::vector<T>& values, stats::Random& random) {
  for (size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[random.below(i)]);
}

std::vector<SoloWorkload> distinct_workloads(const std::vector<Mix>& mixes) {
  std::vector<SoloWorkload> solos;
  for (size_t mix = 0; mix < mixes.size(); ++mix) {
    for (const TenantSpec& tenant : mixes[mix].tenants) {
      std::string identity = solo_identity(tenant);
      auto same = [&](const SoloWorkload& solo) { return solo.identity == identity; };
      if (std::any_of(solos.begin(), solos.end(), same)) continue;
      std::string name = tenant.workload.name;
      auto taken = [&](const SoloWorkload& solo) { return solo.name == name; };
      // Two mixes may give one name to different commands.
      for (int i = 2; std::any_of(solos.begin(), solos.end(), taken); ++i) {
        name = fmt::format("{}.{}", tenant.workload.name, i);
      }
      solos.push_back({.name = name, .identity = identity, .mix = mix, .tenant = tenant});
    }
  }
  return solos;
}

void add_bracket(Matrix& matrix, size_t bracket, stats::Random& random) {
  std::vector<size_t> order(matrix.solos.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  shuffle(order, random);
  for (size_t index : order) {
    PlannedCell cell;
    cell.id = fmt::format("s{}.{}", bracket, matrix.solos[index].name);
    cell.solo = true;
    cell.bracket = bracket;
    cell.solo_index = index;
    cell.rep = static_cast<int>(bracket);
    cell.mode = "solo";
    matrix.cells.push_back(std::move(cell));
  }
}

void add_block(Matrix& matrix, int rep, const std::vector<size_t>& mode_order,
               stats::Random& random) {
  std::vector<size_t> mixes(matrix.options.mixes.size());
  for (size_t i = 0; i < mixes.size(); ++i) mixes[i] = i;
  shuffle(mixes, random);
  for (size_t mix : mixes) {
    for (size_t mode : mode_order) {
      PlannedCell cell;
      cell.mode = matrix.options.modes[mode];
      cell.id = fmt::format("b{}.{}.{}", rep, cell.mode, matrix.options.mixes[mix].name);
      cell.rep = rep;
      cell.mix = mix;
      matrix.cells.push_back(std::move(cell));
    }
  }
}

}  // namespace

Windows Windows::quick() {
  Windows windows;
  // 500 requests of the built-in inference: enough for a p99.
  windows.window = std::chrono::seconds(5);
  windows.min_turn = std::chrono::milliseconds(750);
  windows.warm_window = std::chrono::milliseconds(250);
  windows.max_warm = std::chrono::seconds(5);
  windows.warm_tolerance = 10;  // three windows, whether they agree or not
  windows.start_timeout = std::chrono::seconds(30);
  windows.patience = std::chrono::seconds(5);
  return windows;
}

std::vector<std::vector<size_t>> williams_design(size_t count) {
  // First row 0, n-1, 1, n-2, 2, ...: its neighbour differences are all different, so the cyclic
  // shifts hold every ordered pair of neighbours once (n even) or, with their mirrors, twice.
  std::vector<size_t> first;
  for (size_t i = 0; i < count; ++i) first.push_back(i % 2 == 0 ? i / 2 : count - (i + 1) / 2);
  std::vector<std::vector<size_t>> rows;
  for (size_t shift = 0; shift < count; ++shift) {
    std::vector<size_t> row;
    row.reserve(count);
    for (size_t value : first) row.push_back((value + shift) % count);
    rows.push_back(row);
    if (count % 2 == 1 && count > 1) rows.emplace_back(row.rbegin(), row.rend());
  }
  return rows;
}

int Matrix::largest_n() const {
  int largest = 1;
  for (const Mix& mix : options.mixes) largest = std::max(largest, mix.n());
  return largest;
}

Matrix make_matrix(MatrixOptions options) {
  CORUN_CHECK(!options.modes.empty() && !options.mixes.empty() && options.reps >= 1,
              "a matrix without cells");
  Matrix matrix;
  matrix.options = std::move(options);
  matrix.solos = distinct_workloads(matrix.options.mixes);
  stats::Random random(matrix.options.seed);

  // Random names for the modes and a random order of the rows leave the design balanced.
  std::vector<size_t> labels(matrix.options.modes.size());
  for (size_t i = 0; i < labels.size(); ++i) labels[i] = i;
  shuffle(labels, random);
  auto rows = williams_design(labels.size());
  for (auto& row : rows) {
    for (size_t& value : row) value = labels[value];
  }

  for (int rep = 0; rep < matrix.options.reps; ++rep) {
    size_t row = static_cast<size_t>(rep) % rows.size();
    if (row == 0) shuffle(rows, random);
    add_bracket(matrix, static_cast<size_t>(rep), random);
    add_block(matrix, rep, rows[row], random);
  }
  add_bracket(matrix, static_cast<size_t>(matrix.options.reps), random);
  return matrix;
}

Nanos turn_length(const Windows& windows, int n) {
  return std::max(windows.min_turn, windows.window / n);
}

Nanos expected_time(const Matrix& matrix, const PlannedCell& cell) {
  const Windows& windows = matrix.options.windows;
  int n = matrix.n_of(cell);
  Nanos warm = from_seconds(to_seconds(windows.warm_window) * kExpectedWarmWindows) * n;
  bool turns = !cell.solo && matrix.options.turn_modes.contains(cell.mode);
  Nanos window = turns ? turn_length(windows, n) * n : windows.window;
  return kExpectedStart + warm + window;
}

std::string planned_id(const Matrix& matrix, const std::string& id) {
  auto planned = [&](const std::string& candidate) {
    return std::any_of(matrix.cells.begin(), matrix.cells.end(),
                       [&](const PlannedCell& cell) { return cell.id == candidate; });
  };
  size_t dot = id.rfind('.');
  if (planned(id) || dot == std::string::npos) return id;
  std::string base = id.substr(0, dot);
  return planned(base) ? base : id;
}

Nanos expected_time(const Matrix& matrix, const std::vector<PlannedCell>& cells) {
  Nanos total{0};
  for (const PlannedCell& cell : cells) total += expected_time(matrix, cell);
  return total;
}

Json plan_to_json(const Matrix& matrix) {
  Json mixes = Json::array();
  for (const Mix& mix : matrix.options.mixes) mixes.push_back(to_json(mix));
  const Windows& windows = matrix.options.windows;
  return {{"modes", matrix.options.modes},
          {"mixes", mixes},
          {"reps", matrix.options.reps},
          {"seed", matrix.options.seed},
          {"quick", matrix.options.quick},
          {"window_s", to_seconds(windows.window)},
          {"min_turn_s", to_seconds(windows.min_turn)},
          {"warm_window_s", to_seconds(windows.warm_window)},
          {"max_warm_s", to_seconds(windows.max_warm)},
          {"warm_tolerance", windows.warm_tolerance},
          {"cells", matrix.cells.size()}};
}

std::vector<PlannedCell> remaining_cells(const Matrix& matrix, const std::set<std::string>& valid) {
  std::set<int> open_blocks;
  for (const PlannedCell& cell : matrix.cells) {
    if (!cell.solo && !valid.contains(cell.id)) open_blocks.insert(cell.rep);
  }
  std::vector<PlannedCell> rest;
  for (const PlannedCell& cell : matrix.cells) {
    bool needed = false;
    if (cell.solo) {
      int bracket = static_cast<int>(cell.bracket);
      needed = open_blocks.contains(bracket) || open_blocks.contains(bracket - 1);
    } else {
      needed = !valid.contains(cell.id);
    }
    if (needed) rest.push_back(cell);
  }
  return rest;
}

}  // namespace corun::benchmarking
