// A whole benchmark: all cells of a matrix, in order, into a results folder.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "benchmarking/cell.h"
#include "benchmarking/matrix.h"
#include "benchmarking/progress.h"
#include "benchmarking/results_writer.h"
#include "benchmarking/void_rules.h"
#include "modes/mode.h"

namespace corun::benchmarking {

struct RunOptions {
  Matrix matrix;
  std::vector<PlannedCell> cells;  ///< those to run: the matrix's, or what is left of them
  VoidLimits limits;
  std::string run;                              ///< id, in every row
  Nanos idle_sample = std::chrono::seconds(1);  ///< for the idle power; 0: not measured
  /// Ids that are taken by earlier cells of a resumed run; a cell that runs again gets a new one.
  std::set<std::string> taken_ids;
};

struct RunSummary {
  bool interrupted = false;
  size_t cells = 0;  ///< completed, void ones included
  size_t void_cells = 0;
  /// Quick runs only: cells that a full run would have voided, and for what
  /// ("generator-lag of infer").
  size_t advised_cells = 0;
  std::set<std::string> advice;
};

/// Runs the cells. `modes`: every mode of the matrix by name, and "exclusive", under which solo
/// runs take place. Errors: the results cannot be written. A failing cell is void, not an error.
Result<RunSummary> run_cells(const RunOptions& options, CellSite& site,
                             const std::map<std::string, modes::Mode*>& modes,
                             ResultsWriter& writer, Progress& progress);

/// The seed of one workload's arrivals: the same wherever this workload runs as the `instance`-th
/// of its kind, so that cells differ by their mode and not by their load.
uint64_t tenant_seed(uint64_t run_seed, const std::string& identity, int instance);

}  // namespace corun::benchmarking
