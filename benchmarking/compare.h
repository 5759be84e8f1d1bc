// Two runs side by side: what is the same, better or worse in the second.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "benchmarking/figures.h"
#include "benchmarking/table.h"
#include "core/json.h"
#include "core/stats/compare.h"

namespace corun::benchmarking {

/// One figure of both runs.
struct ComparedFigure {
  std::string mode;
  std::string mix;
  std::string workload;
  std::string metric;  ///< "throughput" or "p99"
  std::string unit;
  double base = 0;
  double other = 0;
  Estimate ratio;  ///< other over base; no interval where one launch cannot give one
  int base_launches = 0;
  int other_launches = 0;
  double band = 0;  ///< ratios within 1 ± band count as the same
  stats::Verdict verdict = stats::Verdict::kAmbiguous;
};

struct RunComparison {
  std::string base;
  std::string other;
  bool simulated = false;  ///< any of both
  std::vector<ComparedFigure> figures;
};

/// Throughput of closed-loop workloads and p99 of all that have one, wherever both runs have valid
/// rows of the same mode, mix and workload. Verdicts hold for the grid as a whole (Holm).
RunComparison compare_runs(const Results& base, const Results& other);
/// Plain text, at most 100 columns wide.
std::string comparison_table(const RunComparison& comparison, const TableOptions& options);
Json to_json(const RunComparison& comparison);

}  // namespace corun::benchmarking
