// Parts of `corun bench` before anything runs: which modes, what a dry run prints, what is left of
// a run that is resumed.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "benchmarking/env_record.h"
#include "benchmarking/matrix.h"
#include "cli/bench_options.h"
#include "modes/mode.h"

namespace corun::cli {

struct ModeChoice {
  std::vector<std::unique_ptr<modes::Mode>> all;  ///< owns
  std::map<std::string, modes::Mode*> by_name;
  std::vector<std::string> names;  ///< those to run
  std::set<std::string> turn_modes;
  std::vector<benchmarking::WaivedMode> waived;
};

/// The modes that were named, whatever the node can do.
ModeChoice named_modes(const BenchOptions& options);
/// Those of them that this GPU can do; with `all` the others are waived.
/// Errors (unsupported): a named one that it cannot do.
Result<ModeChoice> choose_modes(const BenchOptions& options, const GpuInfo& gpu);

/// Errors (usage): a mix with a program that does not exist.
Status check_commands(const std::vector<benchmarking::Mix>& mixes);

std::string dry_run_text(const benchmarking::Matrix& matrix,
                         const std::vector<benchmarking::WaivedMode>& waived);
Json dry_run_json(const benchmarking::Matrix& matrix);

/// A name from the time, e.g. "20260131-120000"; of `out` its last part, when it is given.
std::string new_run_name(const std::filesystem::path& out);

struct ResumedRun {
  std::string run;
  std::vector<benchmarking::PlannedCell> cells;  ///< what is left to run
  std::set<std::string> taken_ids;               ///< of the cells that are there
};
/// Errors (usage): no run there, another plan or another GPU (naming what differs).
Result<ResumedRun> resume_run(const std::filesystem::path& folder,
                              const benchmarking::Matrix& matrix, const GpuInfo& gpu);
/// The arguments that the run was started with. Errors (usage): no run there.
Result<std::vector<std::string>> arguments_of_run(const std::filesystem::path& folder);

/// "MODE on MIX" for every pair of the matrix that has no valid cell in the folder.
Result<std::vector<std::string>> cells_without_result(const std::filesystem::path& folder,
                                                      const benchmarking::Matrix& matrix);

}  // namespace corun::cli
