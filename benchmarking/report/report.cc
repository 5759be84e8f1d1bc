#include "benchmarking/report/report.h"

#include "benchmarking/compare.h"
#include "benchmarking/report/page.h"
#include "benchmarking/report/plots.h"
#include "core/files.h"

namespace corun::benchmarking {

namespace fs = std::filesystem;

namespace {

std::vector<Plot> plots_of(const Results& results, const Figures& figures) {
  std::vector<Plot> plots;
  const auto add = [&](std::optional<Plot> plot) {
    if (plot) plots.push_back(std::move(*plot));
  };
  add(throughput_plot(figures));
  for (Plot& plot : latency_plots(results, figures)) plots.push_back(std::move(plot));
  add(inflation_plot(figures));
  add(frontier_plot(figures));
  add(scaling_plot(figures));
  add(timeline_plot(results));
  return plots;
}

Status write_plots(const std::vector<Plot>& plots, const fs::path& out, ReportFiles& files) {
  std::error_code error;
  fs::create_directories(out / "plots", error);
  if (error) {
    return failed("cannot make the folder " + (out / "plots").string() + ": " + error.message());
  }
  for (const Plot& plot : plots) {
    files.plots.push_back(out / "plots" / (plot.name + ".svg"));
    CORUN_TRY(write_file_atomically(files.plots.back(), plot.canvas.file()));
  }
  return {};
}

Result<ReportFiles> write_comparison(const std::vector<Results>& runs, const fs::path& out) {
  std::vector<Plot> plots;
  for (size_t i = 1; i < runs.size(); ++i) {
    auto plot = comparison_plot(compare_runs(runs.front(), runs[i]), static_cast<int>(i));
    if (plot) plots.push_back(std::move(*plot));
  }
  ReportFiles files{out / "comparison.html", {}};
  CORUN_TRY(write_plots(plots, out, files));
  CORUN_TRY(write_file_atomically(files.html, comparison_page(runs, plots)));
  return files;
}

}  // namespace

Result<ReportFiles> write_report(std::span<const fs::path> folders, const fs::path& out) {
  if (folders.empty()) return usage_error("no results folder given", "name one or more");
  std::vector<Results> runs;
  for (const fs::path& folder : folders) {
    CORUN_ASSIGN(Results results, load_results(folder));
    runs.push_back(std::move(results));
  }
  if (runs.size() > 1) return write_comparison(runs, out);
  const Figures figures = figures_of(runs.front());
  const std::vector<Plot> plots = plots_of(runs.front(), figures);
  ReportFiles files{out / "report.html", {}};
  CORUN_TRY(write_plots(plots, out, files));
  CORUN_TRY(write_file_atomically(files.html, report_page(runs.front(), figures, plots)));
  return files;
}

}  // namespace corun::benchmarking
