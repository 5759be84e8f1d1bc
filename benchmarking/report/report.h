// report.html and plots/*.svg: what a run measured, for people. Self-contained: no network, no
// scripts.
#pragma once

#include <filesystem>
#include <span>
#include <vector>

#include "core/result.h"

namespace corun::benchmarking {

/// What was written.
struct ReportFiles {
  std::filesystem::path html;
  std::vector<std::filesystem::path> plots;
};

/// One folder: writes report.html and plots/*.svg into `out` (usually that folder). More than one:
/// writes comparison.html and plots/comparison-*.svg, each run against the first, with verdicts.
/// Errors: an unreadable folder, a disk that is full.
Result<ReportFiles> write_report(std::span<const std::filesystem::path> folders,
                                 const std::filesystem::path& out);

}  // namespace corun::benchmarking
