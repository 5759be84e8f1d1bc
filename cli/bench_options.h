// The options of `corun bench` as values.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "benchmarking/matrix.h"
#include "benchmarking/mix.h"
#include "cli/node.h"
#include "core/result.h"
#include "modes/daemon_choice.h"

namespace corun::cli {

struct BenchOptions {
  NodeChoice node;
  int device = 0;
  bool all_modes = true;
  std::vector<std::string> modes;  ///< as given; empty with all_modes
  std::vector<benchmarking::Mix> mixes;
  modes::DaemonChoice choice;  ///< for the managed modes
  std::optional<Nanos> duration;
  std::optional<int> reps;
  uint64_t seed = 1;
  bool quick = false;
  bool dry_run = false;
  bool json = false;
  std::filesystem::path out;     ///< empty: a new folder below corun-results/
  std::filesystem::path resume;  ///< empty: a new run
  bool plan_given = false;       ///< some option of the plan was on the command line
};

/// Errors (usage): unknown options, mixes that do not exist or do not parse, values out of range.
Result<BenchOptions> parse_bench_options(std::span<const std::string> arguments);

/// The plan's options for these modes (all possible on the node); `turn_modes` take turns.
benchmarking::MatrixOptions matrix_options(const BenchOptions& options,
                                           std::vector<std::string> modes,
                                           std::set<std::string> turn_modes);

}  // namespace corun::cli
