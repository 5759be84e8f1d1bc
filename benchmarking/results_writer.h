// Writing a results folder (docs/cells.md). Lines are appended whole as cells complete, so that
// whatever ends the run leaves completed cells readable.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "benchmarking/cells.h"
#include "benchmarking/measured_cell.h"
#include "benchmarking/results_folder.h"
#include "core/json.h"

namespace corun::benchmarking {

class ResultsWriter {
 public:
  /// Makes the folder (with samples/ and logs/). Errors: it cannot be made; it holds a run already
  /// and `resume` is false (usage).
  static Result<ResultsWriter> open(const std::filesystem::path& folder, bool resume);

  const std::filesystem::path& folder() const { return folder_; }
  std::filesystem::path log_dir() const { return folder_ / "logs"; }

  Status write_env(const Json& env);
  /// Rows, cell record, telemetry and samples of a cell. Errors: the disk is full, ...
  Status add(const MeasuredCell& cell, const CellOutcome& outcome);
  /// Rewrites rows and cell records of all cells added so far, after settle() changed them.
  /// `cells`: those that were added, in the same order. Lines of earlier runs stay.
  Status rewrite(const std::vector<MeasuredCell>& cells);

 private:
  explicit ResultsWriter(std::filesystem::path folder) : folder_(std::move(folder)) {}
  Error with_advice(const Error& error) const;

  std::filesystem::path folder_;
  std::string earlier_rows_;  ///< of a resumed run: whole lines
  std::string earlier_cells_;
};

}  // namespace corun::benchmarking
