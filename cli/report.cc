// corun report: tables and report.html of runs that are there.
#include "benchmarking/report/report.h"

#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "benchmarking/compare.h"
#include "benchmarking/figures.h"
#include "benchmarking/table.h"
#include "cli/arguments.h"
#include "cli/verb.h"

namespace corun::cli {

using namespace benchmarking;

namespace {

namespace fs = std::filesystem;

constexpr char kReportHelp[] =
    "Usage: corun report DIR [DIR...] [options]\n"
    "\n"
    "Prints the table of a results folder and writes report.html and plots/*.svg into it. With\n"
    "more than one folder it compares each run with the first, with verdicts.\n"
    "\n"
    "  --out DIR   where to write (default: the folder, or the first of several)\n"
    "  --json      one JSON object a line: the figures, or a comparison\n"
    "\n"
    "Example: corun report corun-results/before corun-results/after\n";

/// One folder: its table or figures. Several: each of the others against the first.
Status print_figures(std::span<const fs::path> folders, bool json, Console& console) {
  const TableOptions options{.color = console.out_is_terminal};
  CORUN_ASSIGN(const Results first, load_results(folders.front()));
  if (folders.size() == 1) {
    const Figures figures = figures_of(first);
    console.out << (json ? to_line(to_json(figures)) + "\n" : table(figures, options));
    return {};
  }
  for (const fs::path& folder : folders.subspan(1)) {
    CORUN_ASSIGN(const Results other, load_results(folder));
    const RunComparison comparison = compare_runs(first, other);
    console.out << (json ? to_line(to_json(comparison)) + "\n"
                         : comparison_table(comparison, options) + "\n");
  }
  return {};
}

Result<ExitCode> run_report(std::span<const std::string> arguments, Console& console) {
  std::vector<std::string> names;
  std::string out;
  bool json = false;
  CLI::App app;
  app.add_option("folders", names);
  app.add_option("--out", out);
  app.add_flag("--json", json);
  CORUN_TRY(parse_arguments(app, "report", arguments));
  if (names.empty()) {
    return usage_error("which results folder?", "write 'corun report DIR'");
  }
  std::vector<fs::path> folders(names.begin(), names.end());
  CORUN_TRY(print_figures(folders, json, console));
  CORUN_ASSIGN(ReportFiles files,
               write_report(folders, out.empty() ? folders.front() : fs::path(out)));
  (json ? console.err : console.out) << "report: " << files.html.string() << "\n";
  return ExitCode::kOk;
}

}  // namespace

const Verb kReportVerb{"report", "table and report.html of results; compares several", kReportHelp,
                       run_report};

}  // namespace corun::cli
