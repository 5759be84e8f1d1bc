// Each mode against solo in one line: what the latency-critical workload pays for its neighbours,
// and what they get.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "benchmarking/figures.h"

namespace corun::benchmarking {

/// One workload with a tail under one mode, beside the slowest closed-loop workload of the mix.
struct Score {
  std::string mode;
  std::string mix;
  std::string workload;  ///< empty: the mix has none with a p99
  bool saturated = false;
  std::optional<Estimate> inflation;
  std::optional<stats::Verdict> p99_verdict;
  int closed_loop = 0;  ///< closed-loop workloads of the mix with a progress, `workload` left out
  std::string slowest;  ///< of these
  std::optional<Estimate> progress;
  std::optional<stats::Verdict> progress_verdict;
};

/// A score for each latency-critical workload and mode but solo; where a mix has none, for each
/// open-loop one; where it has none of these either, one for the mode.
std::vector<Score> scoreboard(const Figures& figures);
/// "infer-1 p99 2.21x solo (WORSE)", "infer-1 saturated"; empty without such a workload.
std::string tail_text(const Score& score);
/// "train-1 0.455 (WORSE)", "slowest of 4: train-3 0.22 (WORSE)"; empty without such workloads.
std::string progress_text(const Score& score);

}  // namespace corun::benchmarking
