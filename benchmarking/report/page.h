// The HTML pages around the plots.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "benchmarking/figures.h"
#include "benchmarking/report/plots.h"

namespace corun::benchmarking {

/// report.html of one run.
std::string report_page(const Results& results, const Figures& figures,
                        const std::vector<Plot>& plots);
/// comparison.html of several runs; `runs` in the order given, the first is the base.
std::string comparison_page(std::span<const Results> runs, const std::vector<Plot>& plots);

}  // namespace corun::benchmarking
