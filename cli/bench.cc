// corun bench: mixes of workloads under sharing modes, measured and written to a results folder.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "benchmarking/env_record.h"
#include "benchmarking/figures.h"
#include "benchmarking/report/report.h"
#include "benchmarking/run.h"
#include "benchmarking/table.h"
#include "cli/bench_options.h"
#include "cli/bench_plan.h"
#include "cli/verb.h"
#include "cli/version.h"
#include "core/log.h"
#include "core/signals.h"
#include "modes/applied.h"

namespace corun::cli {

using namespace benchmarking;

namespace {

namespace fs = std::filesystem;

constexpr char kBenchHelp[] =
    "Usage: corun bench [options]\n"
    "\n"
    "Runs mixes of workloads on one GPU under sharing modes, each between solo runs, and writes\n"
    "rows, samples and report.html to a results folder.\n"
    "\n"
    "  --mode A,B|all       sharing modes; all (default) takes those that this node can do\n"
    "  --workloads N[,N]    built-in cycle train, infer, notebook, infer of N workloads (4), or\n"
    "                       N workloads that cycle through each --mix\n"
    "  --mix FILE|NAME[,..] mix files (docs/mixes.md), or mixes that come with corun\n"
    "  --tenant NAME=CMD    any command as a workload; may be repeated\n"
    "  --ready-after TIME   when a silent --tenant counts as ready (default: its first GPU "
    "memory)\n"
    "  --duration TIME      measured window of a cell (30s; --quick: 5s)\n"
    "  --reps N             repetitions in random, balanced order (5; --quick: 1)\n"
    "  --seed N             of order and arrivals (1)\n"
    "  --policy P, --linger-us N, --quantum TIME, --slices auto|yes|no   of corund (corun run)\n"
    "  --quick              one look with short windows, timing rules only told\n"
    "  --gpu NODE           auto (default), real, simulated or simulated:PROFILE\n"
    "  --device N           which GPU of the node (0)\n"
    "  --out DIR            results folder (corun-results/TIME)\n"
    "  --resume DIR         goes on with a run that was cut off, or repeats its void cells\n"
    "  --dry-run            prints cells and time, runs nothing\n"
    "  --json               figures (or the plan) as one JSON object on standard output\n"
    "\n"
    "Example: corun bench --mode time-slicing,mps --workloads 4 --duration 10s\n";

// Everything that a run needs, in the order in which it is made.
struct Bench {
  BenchOptions options;
  std::optional<Node> node;
  GpuInfo gpu;
  ModeChoice modes;
  Matrix matrix;
  ResumedRun resumed;
  EnvRecord env;
};

// Undoes what a killed corun left on this node.
Status clean_up_after_others() {
  CORUN_ASSIGN(std::vector<std::string> undone, modes::undo_leftovers());
  for (const std::string& line : undone) log::warn("{}", line);
  return {};
}

Status make_plan(Bench& bench) {
  CORUN_ASSIGN(bench.modes, choose_modes(bench.options, bench.gpu));
  bench.matrix =
      make_matrix(matrix_options(bench.options, bench.modes.names, bench.modes.turn_modes));
  return {};
}

// A dry run of named modes needs no GPU; `all` asks the node which ones there are.
Result<ExitCode> dry_run(Bench& bench, Console& console) {
  if (bench.options.all_modes) {
    CORUN_ASSIGN(bench.node, Node::open(bench.options.node));
    CORUN_ASSIGN(bench.gpu, bench.node->gpu(bench.options.device));
    CORUN_TRY(make_plan(bench));
  } else {
    bench.modes = named_modes(bench.options);
    bench.matrix =
        make_matrix(matrix_options(bench.options, bench.modes.names, bench.modes.turn_modes));
  }
  console.out << (bench.options.json ? to_line(dry_run_json(bench.matrix)) + "\n"
                                     : dry_run_text(bench.matrix, bench.modes.waived));
  return ExitCode::kOk;
}

void describe(Bench& bench, const Console& console, std::span<const std::string> arguments) {
  EnvRecord& env = bench.env;
  env.version = kVersion;
  env.commit = kCommit;
  env.command_line = console.command_line;
  env.arguments = {arguments.begin(), arguments.end()};
  env.gpu = bench.gpu;
  env.limits = bench.options.quick ? VoidLimits::quick() : VoidLimits::strict();
  env.waived = bench.modes.waived;
  env.started = utc_now_rfc3339();
}

void announce(const Bench& bench, Console& console) {
  console.err << fmt::format(
      "{}{}, driver {}: {} cells, about {}, into {}\n", bench.gpu.name,
      bench.gpu.simulated ? " (SIMULATED)" : "", bench.gpu.driver, bench.resumed.cells.size(),
      clock_text(expected_time(bench.matrix, bench.resumed.cells)), bench.options.out.string());
  for (const WaivedMode& mode : bench.modes.waived) {
    console.err << fmt::format("waived: {}: {}\n", mode.mode, mode.reason);
  }
}

Result<RunSummary> measure_all(Bench& bench, ResultsWriter& writer, const InterruptGuard& guard,
                               Console& console) {
  CORUN_ASSIGN(auto watch, watch_gpu(bench.gpu));
  MonotonicClock clock;
  Progress progress(console.err, console.err_is_terminal, clock, bench.resumed.cells.size(),
                    expected_time(bench.matrix, bench.resumed.cells));
  CellSite site;
  site.gpu = bench.gpu;
  site.watch = watch.get();
  site.interrupt = &guard;
  site.cpus = bench.env.cpus;
  site.node_prepend_env = bench.node->tenant_prepend_env();
  site.container = bench.node->container_edits();
  site.program_dir = program_dir();
  site.log_dir = writer.log_dir();
  site.windows = bench.matrix.options.windows;
  site.tick = [&progress] { progress.tick(); };
  RunOptions options;
  options.matrix = bench.matrix;
  options.cells = bench.resumed.cells;
  options.limits = bench.env.limits;
  options.run = bench.env.run;
  options.taken_ids = bench.resumed.taken_ids;
  if (bench.options.quick) options.idle_sample = std::chrono::milliseconds(500);
  return run_cells(options, site, bench.modes.by_name, writer, progress);
}

void say_quick(const RunSummary& summary, Console& console) {
  console.out << "quick: one launch of short windows, a look and no figures to be quoted\n";
  if (summary.advised_cells == 0) return;
  console.out << fmt::format("a full run would void {} of its {} cells, for {}\n",
                             summary.advised_cells, summary.cells, fmt::join(summary.advice, ", "));
}

Status show(const Bench& bench, const RunSummary& summary, Console& console) {
  CORUN_ASSIGN(Results results, load_results(bench.options.out));
  Figures figures = figures_of(results);
  std::vector<fs::path> folders{bench.options.out};
  CORUN_ASSIGN(ReportFiles files, write_report(folders, bench.options.out));
  if (bench.options.json) {
    console.out << to_line(to_json(figures)) << "\n";
    return {};
  }
  console.out << table(figures, {.color = console.out_is_terminal});
  if (bench.options.quick) say_quick(summary, console);
  console.out << "report: " << files.html.string() << "\n";
  return {};
}

Result<ExitCode> conclude(const Bench& bench, const RunSummary& summary, Console& console) {
  if (summary.cells > 0 || !bench.resumed.taken_ids.empty())
    CORUN_TRY(show(bench, summary, console));
  if (summary.interrupted) {
    return failed(fmt::format("interrupted; {} completed cells are kept", summary.cells),
                  fmt::format("go on with 'corun bench --resume {}'", bench.options.out.string()));
  }
  CORUN_ASSIGN(std::vector<std::string> missing,
               cells_without_result(bench.options.out, bench.matrix));
  if (!missing.empty()) {
    return failed(
        fmt::format("no valid cell for {}", fmt::join(missing, ", ")),
        fmt::format("see the reasons above and the logs in {}/logs", bench.options.out.string()));
  }
  return ExitCode::kOk;
}

Result<ExitCode> run_bench(std::span<const std::string> arguments, Console& console) {
  Bench bench;
  CORUN_ASSIGN(bench.options, parse_bench_options(arguments));
  std::vector<std::string> words(arguments.begin(), arguments.end());
  if (!bench.options.resume.empty() && !bench.options.plan_given) {
    CORUN_ASSIGN(words, arguments_of_run(bench.options.resume));
    fs::path resume = bench.options.resume;
    CORUN_ASSIGN(bench.options, parse_bench_options(words));
    bench.options.resume = resume;
  }
  if (bench.options.dry_run) return dry_run(bench, console);
  CORUN_TRY(check_commands(bench.options.mixes));

  InterruptGuard guard;
  CORUN_TRY(clean_up_after_others());
  CORUN_ASSIGN(bench.node, Node::open(bench.options.node));
  CORUN_ASSIGN(bench.gpu, bench.node->gpu(bench.options.device));
  CORUN_TRY(make_plan(bench));
  CORUN_ASSIGN(bench.env.cpus, available_cpus());
  describe(bench, console, words);
  bool resume = !bench.options.resume.empty();
  if (resume) {
    bench.options.out = bench.options.resume;
    CORUN_ASSIGN(bench.resumed, resume_run(bench.options.out, bench.matrix, bench.gpu));
    bench.env.run = bench.resumed.run;
  } else {
    bench.env.run = new_run_name(bench.options.out);
    if (bench.options.out.empty()) bench.options.out = fs::path("corun-results") / bench.env.run;
    bench.resumed.cells = bench.matrix.cells;
  }
  CORUN_ASSIGN(ResultsWriter writer, ResultsWriter::open(bench.options.out, resume));
  CORUN_TRY(writer.write_env(to_json(bench.env, bench.matrix)));
  announce(bench, console);
  CORUN_ASSIGN(RunSummary summary, measure_all(bench, writer, guard, console));
  if (!summary.interrupted) bench.env.finished = utc_now_rfc3339();
  CORUN_TRY(writer.write_env(to_json(bench.env, bench.matrix)));
  return conclude(bench, summary, console);
}

}  // namespace

const Verb kBenchVerb{"bench", "mixes of workloads under sharing modes, measured", kBenchHelp,
                      run_bench};

}  // namespace corun::cli
