// The plots of a report. Each has its data as a table too, and is nothing where the run has no
// figures for it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "benchmarking/compare.h"
#include "benchmarking/figures.h"
#include "benchmarking/report/html.h"
#include "benchmarking/report/svg.h"

namespace corun::benchmarking {

struct Plot {
  std::string name;     ///< file name below plots/, without .svg
  std::string heading;  ///< what it shows, as a heading
  std::string caption;  ///< how to read it, and n
  Canvas canvas;
  DataTable data;
  bool wide = false;
};

/// Progress of the closed-loop workloads, stacked per mode, against one GPU's solo work.
std::optional<Plot> throughput_plot(const Figures& figures);
/// p99 over solo p99 per workload and mode.
std::optional<Plot> inflation_plot(const Figures& figures);
/// Best-effort progress against latency-critical p99.
std::optional<Plot> frontier_plot(const Figures& figures);
/// Tax against the number of workloads; nothing unless two sizes were measured.
std::optional<Plot> scaling_plot(const Figures& figures);
/// Distribution of latencies per workload and mode, from raw requests; one plot per mix and
/// group of like workloads.
std::vector<Plot> latency_plots(const Results& results, const Figures& figures);
/// Utilisation, memory and power over the run.
std::optional<Plot> timeline_plot(const Results& results);
/// Ratios of one run to its base; `index` makes the file name unique.
std::optional<Plot> comparison_plot(const RunComparison& comparison, int index);

// Parts that several plots share.

/// Coloured names of modes side by side, from `at` on.
void legend(Canvas& canvas, Point at, const std::vector<std::string>& modes);
/// All modes with figures, by rank, each once.
std::vector<std::string> modes_of(const Figures& figures, bool with_solo);
/// "SIMULATED GPU" in the upper right corner of a plot, so that it stays with a copied picture.
void mark_simulated(Canvas& canvas, bool simulated);

}  // namespace corun::benchmarking
