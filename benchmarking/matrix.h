// The plan of a benchmark: which cells run, in which order. Pure: the same options give the same
// plan, so that a dry run, a resumed run and the run itself agree.
//
// A *block* is one repetition: every mode on every mix once. Modes are interleaved inside a block,
// in orders that are balanced over the blocks (Williams squares: every mode follows every other one
// equally often; for two modes AB, BA), so that drift of the machine does not favour a mode. Each
// block stands between two *brackets*: solo runs of every distinct workload. Neighbouring blocks
// share the bracket between them.
//
//   bracket 0 | block 0 | bracket 1 | block 1 | bracket 2
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "benchmarking/mix.h"
#include "core/clock.h"
#include "core/json.h"

namespace corun::benchmarking {

/// Lengths of the phases of a cell.
struct Windows {
  Nanos window = std::chrono::seconds(30);   ///< measured window of a cell
  Nanos min_turn = std::chrono::seconds(2);  ///< shortest turn of a mode that takes turns
  Nanos warm_window = std::chrono::seconds(1);
  Nanos max_warm = std::chrono::seconds(10);
  double warm_tolerance = 0.02;                     ///< of three warm-up windows in a row
  Nanos start_timeout = std::chrono::seconds(120);  ///< until a workload is initialised
  Nanos patience = std::chrono::seconds(10);        ///< how late an answer or an end may come

  /// For --quick: one look at everything, not for figures that are reported.
  static Windows quick();
};

struct MatrixOptions {
  std::vector<std::string> modes;    ///< in the order in which tables print them; not empty
  std::set<std::string> turn_modes;  ///< those whose tenants take turns
  std::vector<Mix> mixes;            ///< not empty
  int reps = 5;
  uint64_t seed = 1;
  bool quick = false;
  Windows windows;
};

/// A distinct workload, as it runs alone in every bracket.
struct SoloWorkload {
  std::string name;  ///< unique here; the workload's own unless two mixes use it differently
  std::string identity;
  size_t mix = 0;  ///< the first one that has it
  TenantSpec tenant;
};

struct PlannedCell {
  std::string id;  ///< unique in the plan, e.g. "b0.mps.cycle-4", "s0.train"
  bool solo = false;
  size_t bracket = 0;     ///< solo: which bracket
  size_t solo_index = 0;  ///< solo: into Matrix::solos
  int rep = 0;            ///< shared: the block
  std::string mode;       ///< shared
  size_t mix = 0;         ///< shared: into MatrixOptions::mixes
};

struct Matrix {
  MatrixOptions options;
  std::vector<SoloWorkload> solos;
  std::vector<PlannedCell> cells;  ///< in the order in which they run

  const Mix& mix_of(const PlannedCell& cell) const { return options.mixes.at(cell.mix); }
  int n_of(const PlannedCell& cell) const { return cell.solo ? 1 : mix_of(cell).n(); }
  /// Workloads of the largest mix.
  int largest_n() const;
};

/// Preconditions: modes and mixes are not empty and without repetitions, reps >= 1.
Matrix make_matrix(MatrixOptions options);

/// Rows of a design for `count` treatments in which every treatment follows every other equally
/// often (a Williams square; two squares when count is odd). Each row is a permutation of
/// 0..count-1.
std::vector<std::vector<size_t>> williams_design(size_t count);

/// How long a cell is expected to take.
Nanos expected_time(const Matrix& matrix, const PlannedCell& cell);
Nanos expected_time(const Matrix& matrix, const std::vector<PlannedCell>& cells);

/// The length of one tenant's turn when `n` take turns of one window.
Nanos turn_length(const Windows& windows, int n);

/// What must be equal for --resume; written to env.json.
Json plan_to_json(const Matrix& matrix);

/// The planned id behind one that may be a repetition ("b0.mps.cycle-4.2"); unknown ones as is.
std::string planned_id(const Matrix& matrix, const std::string& id);

/// What is left of a plan after the cells in `valid` are done: the missing shared cells, each
/// block's brackets on both sides run again (a solo run of another day brackets nothing).
std::vector<PlannedCell> remaining_cells(const Matrix& matrix, const std::set<std::string>& valid);

}  // namespace corun::benchmarking
