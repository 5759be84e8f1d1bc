#include "benchmarking/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "benchmarking/format.h"

namespace corun::benchmarking {

namespace {

constexpr size_t kWidth = 100;
constexpr size_t kGap = 2;
constexpr char kBold[] = "\x1b[1m";
constexpr char kWarn[] = "\x1b[1;33m";
constexpr char kDim[] = "\x1b[2m";
constexpr char kReset[] = "\x1b[0m";

class Printer {
 public:
  explicit Printer(bool color) : color_(color) {}
  void line(const std::string& text, const char* style = "") {
    const bool styled = color_ && *style != '\0' && !text.empty();
    out_ += styled ? style + text + kReset : text;
    out_ += '\n';
  }
  /// Breaks at blanks; later lines begin with `indent`.
  void wrapped(const std::string& text, const std::string& indent) {
    std::string rest = text;
    while (rest.size() > kWidth) {
      size_t cut = rest.rfind(' ', kWidth);
      if (cut == std::string::npos || cut <= indent.size()) cut = kWidth;
      line(rest.substr(0, cut));
      const size_t next = rest.find_first_not_of(' ', cut);
      rest = next == std::string::npos ? "" : indent + rest.substr(next);
    }
    if (!rest.empty()) line(rest);
  }
  std::string take() { return std::move(out_); }

 private:
  bool color_;
  std::string out_;
};

/// Columns of text, the first `left` of them flush left; the others flush right.
class Grid {
 public:
  Grid(std::vector<std::string> head, size_t left) : left_(left) {
    rows_.push_back(std::move(head));
  }
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }

  void print(Printer& printer) const {
    const std::vector<size_t> widths = fitted_widths();
    for (size_t r = 0; r < rows_.size(); ++r) {
      std::string line;
      for (size_t c = 0; c < widths.size(); ++c) {
        const std::string cell = cut(rows_[r][c], widths[c]);
        line += c < left_ ? fmt::format("{:<{}}", cell, widths[c])
                          : fmt::format("{:>{}}", cell, widths[c]);
        if (c + 1 < widths.size()) line.append(kGap, ' ');
      }
      line.erase(line.find_last_not_of(' ') + 1);
      printer.line(line, r == 0 ? kBold : "");
    }
  }

 private:
  static std::string cut(const std::string& text, size_t width) {
    return text.size() <= width ? text : text.substr(0, width - 1) + "~";
  }
  /// Natural widths; where they do not fit, the widest of the names gives way.
  std::vector<size_t> fitted_widths() const {
    std::vector<size_t> widths(rows_.front().size());
    for (const auto& row : rows_) {
      for (size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], row[c].size());
    }
    const size_t gaps = kGap * (widths.size() - 1);
    while (std::accumulate(widths.begin(), widths.end(), gaps) > kWidth) {
      const auto widest = std::max_element(widths.begin(), widths.begin() + std::ptrdiff_t(left_));
      if (*widest <= 8) break;
      --*widest;
    }
    return widths;
  }

  size_t left_;
  std::vector<std::vector<std::string>> rows_;
};

std::string throughput_text(const WorkloadFigures& w) {
  return w.throughput ? number(w.throughput->value) + " " + w.unit : "-";
}

void print_workloads(const std::vector<const ModeFigures*>& modes, Printer& printer) {
  Grid grid(
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

void print_modes(const std::vector<const ModeFigures*>& modes, Printer& printer) {
  Grid grid({"mode", "STP [95 %]", "tax", "Jain", "Jain 1s", "NVML", "SMs", "energy", "void"}, 1);
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

void print_voids(const Figures& figures, Printer& printer) {
  if (figures.voids.empty()) return;
  printer.line("");
  printer.line("void:", kWarn);
  for (const VoidCell& v : figures.voids) {
    const std::string who = v.workload.empty() ? "" : " " + v.workload;
    printer.wrapped(fmt::format("  {} {} repetition {}{}: {}", v.mode, v.mix, v.rep, who, v.reason),
                    "      ");
  }
}

}  // namespace

std::string table(const Figures& figures, const TableOptions& options) {
  Printer printer(options.color);
  printer.wrapped(fmt::format("{}: {}, driver {}", figures.run, figures.gpu, figures.driver), "  ");
  if (figures.simulated) {
    printer.line("SIMULATED: all figures are of the simulated GPU, none was measured on hardware.",
                 kWarn);
  }
  std::vector<const ModeFigures*> mix;
  for (size_t i = 0; i < figures.modes.size(); ++i) {
    mix.push_back(&figures.modes[i]);
    const bool last = i + 1 == figures.modes.size();
    if (!last && figures.modes[i + 1].mix == mix.front()->mix) continue;
    printer.line("");
    printer.line(mix_title(mix), kBold);
    print_workloads(mix, printer);
    print_modes(mix, printer);
    mix.clear();
  }
  print_voids(figures, printer);
  printer.line("");
  printer.line("- not known, or too few samples; intervals 95 %; progress = rate over solo rate;",
               kDim);
  printer.line("STP = sum of progress of closed-loop workloads; tax = 1 - STP.", kDim);
  return printer.take();
}

}  // namespace corun::benchmarking
