#include "benchmarking/table.h"

#include <fmt/format.h>

#include <set>

#include "benchmarking/format.h"
#include "benchmarking/scoreboard.h"
#include "benchmarking/text_grid.h"

namespace corun::benchmarking {

namespace {

std::string throughput_text(const WorkloadFigures& w) {
  return w.throughput ? number(w.throughput->value) + " " + w.unit : "-";
}

void print_workloads(const std::vector<const ModeFigures*>& modes, TextPrinter& printer) {
  TextGrid grid(
      {"mode", "workload", "throughput", "progress", "p50 ms", "p99 ms [95 %]", "p99/solo [95 %]"},
      3);
  std::set<std::string> remarked;
  for (const ModeFigures* mode : modes) {
    std::string name = mode->mode;
    if (mode->workloads.empty()) grid.add({name, "(no valid cell)", "-", "-", "-", "-", "-"});
    for (const WorkloadFigures& w : mode->workloads) {
      const bool solo = mode->mode == "solo";
      const std::string remark = remarks(w);
      if (!remark.empty()) remarked.insert(mode->mode + " " + w.workload + ": " + remark);
      grid.add({name, w.workload, throughput_text(w), solo ? "-" : number(value_of(w.progress)),
                number(value_of(w.p50_ms)), w.saturated ? "saturated" : with_interval(w.p99_ms),
                solo ? "-" : with_interval(w.inflation)});
      name.clear();
    }
  }
  grid.print(printer);
  for (const std::string& remark : remarked) printer.wrapped("! " + remark, "  ");
}

void print_modes(const std::vector<const ModeFigures*>& modes, TextPrinter& printer) {
  TextGrid grid({"mode", "STP [95 %]", "tax", "Jain", "Jain 1s", "NVML", "SMs", "energy", "void"},
                1);
  bool any = false;
  for (const ModeFigures* mode : modes) {
    if (mode->mode == "solo") continue;
    any = true;
    const int voids = mode->cells - mode->valid_cells;
    const auto energy = value_of(mode->energy_j);
    grid.add({mode->mode, with_interval(mode->stp), percent(value_of(mode->tax)),
              number(value_of(mode->jain)), number(value_of(mode->jain_1s)),
              percent(value_of(mode->utilization_nvml)), percent(value_of(mode->sm_active)),
              energy ? number(energy) + " J" : "-",
              voids > 0 ? fmt::format("{} of {}", voids, mode->cells) : "-"});
  }
  if (!any) return;
  printer.line("");
  grid.print(printer);
}

/// "time-slicing: infer-1 p99 2.21x solo (WORSE), train-1 0.455 (WORSE)".
void print_scores(const std::vector<Score>& scores, const std::string& mix, TextPrinter& printer) {
  bool any = false;
  for (const Score& score : scores) {
    if (score.mix != mix) continue;
    if (!any) printer.line("");
    any = true;
    const std::string tail = tail_text(score);
    const std::string progress = progress_text(score);
    const char* const between = tail.empty() || progress.empty() ? "" : ", ";
    printer.wrapped(fmt::format("{}: {}{}{}", score.mode, tail, between, progress), "  ");
  }
}

/// "mix pair: 2 workloads, 5 repetitions of 10 s".
std::string mix_title(const std::vector<const ModeFigures*>& modes) {
  const ModeFigures* largest = modes.front();
  for (const ModeFigures* mode : modes) {
    const bool better = mode->mode != "solo" &&
                        (largest->mode == "solo" || mode->valid_cells > largest->valid_cells);
    if (better) largest = mode;
  }
  return fmt::format("mix {}: {} workload{}, {}", largest->mix, largest->n,
                     largest->n == 1 ? "" : "s", repetitions(*largest));
}

void print_voids(const Figures& figures, TextPrinter& printer) {
  if (figures.voids.empty()) return;
  printer.line("");
  printer.line("void:", TextStyle::kWarn);
  for (const VoidCell& v : figures.voids) {
    const std::string who = v.workload.empty() ? "" : " " + v.workload;
    printer.wrapped(fmt::format("  {} {} repetition {}{}: {}", v.mode, v.mix, v.rep, who, v.reason),
                    "      ");
  }
}

}  // namespace

std::string table(const Figures& figures, const TableOptions& options) {
  TextPrinter printer(options.color);
  printer.wrapped(fmt::format("{}: {}, driver {}", figures.run, figures.gpu, figures.driver), "  ");
  if (figures.simulated) {
    printer.line("SIMULATED: all figures are of the simulated GPU, none was measured on hardware.",
                 TextStyle::kWarn);
  }
  const std::vector<Score> scores = scoreboard(figures);
  std::vector<const ModeFigures*> mix;
  for (size_t i = 0; i < figures.modes.size(); ++i) {
    mix.push_back(&figures.modes[i]);
    const bool last = i + 1 == figures.modes.size();
    if (!last && figures.modes[i + 1].mix == mix.front()->mix) continue;
    printer.line("");
    printer.line(mix_title(mix), TextStyle::kBold);
    print_workloads(mix, printer);
    print_modes(mix, printer);
    print_scores(scores, mix.front()->mix, printer);
    mix.clear();
  }
  print_voids(figures, printer);
  printer.line("");
  printer.line("- not known, or too few samples; intervals 95 %; progress = rate over solo rate;",
               TextStyle::kDim);
  printer.line("STP = sum of progress of closed-loop workloads; tax = 1 - STP; SAME: within 1 % of",
               TextStyle::kDim);
  printer.line(
      "the solo rate or 5 % of the solo p99, for the run as a whole (Holm); AMBIGUOUS: these",
      TextStyle::kDim);
  printer.line("data cannot tell.", TextStyle::kDim);
  return printer.take();
}

}  // namespace corun::benchmarking
