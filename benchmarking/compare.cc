#include "benchmarking/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "benchmarking/format.h"
#include "benchmarking/text_grid.h"
#include "core/json_values.h"
#include "core/stats/bootstrap.h"

namespace corun::benchmarking {

namespace {

using Key = std::tuple<std::string, std::string, std::string>;  // mix, mode, workload

/// Per-launch figures of one workload in one mode.
struct Launches {
  std::vector<double> throughput;
  std::vector<Estimate> p99;
  std::string unit;
  bool open_loop = false;
};

std::map<Key, Launches> launches_of(const Results& results) {
  std::set<std::string> void_cells;
  for (const CellRecord& cell : results.cells) {
    if (!cell.valid) void_cells.insert(cell.cell);
  }
  std::map<Key, Launches> found;
  for (const ResultRow& row : results.rows) {
    if (!row.valid || void_cells.contains(row.cell)) continue;
    Launches& launches = found[{row.mix, row.mode, row.workload}];
    launches.unit = row.unit;
    launches.open_loop |= row.offered.has_value();
    if (row.throughput) launches.throughput.push_back(*row.throughput);
    if (row.latency_ms && row.latency_ms->p99 && !row.saturated) {
      launches.p99.push_back(*row.latency_ms->p99);
    }
  }
  return found;
}

std::vector<double> values_of(const std::vector<Estimate>& estimates) {
  std::vector<double> values;
  values.reserve(estimates.size());
  for (const Estimate& e : estimates) values.push_back(e.value);
  return values;
}

/// Collects figures, then decides about all of them together.
class Comparer {
 public:
  void add(const Key& key, const char* metric, const std::string& unit, double band,
           stats::Better better, const std::vector<Estimate>& base,
           const std::vector<Estimate>& other) {
    if (base.empty() || other.empty()) return;
    ComparedFigure f;
    std::tie(f.mix, f.mode, f.workload) = key;
    f.metric = metric;
    f.unit = unit;
    f.base = stats::mean(values_of(base));
    f.other = stats::mean(values_of(other));
    if (!(f.base > 0) || !(f.other > 0)) return;
    f.base_launches = static_cast<int>(base.size());
    f.other_launches = static_cast<int>(other.size());
    f.band = band;
    f.ratio.value = f.other / f.base;
    auto ratio = stats::unpaired_ratio(values_of(base), values_of(other));
    if (!ratio) ratio = stats::ratio_of_estimates(base.front(), other.front());
    if (ratio) {
      f.ratio = ratio->estimate();
      grid_.push_back({*ratio, band, better});
      decided_.push_back(figures_.size());
    }
    figures_.push_back(std::move(f));
  }

  std::vector<ComparedFigure> decide() {
    const auto verdicts = stats::holm_verdicts(grid_);
    for (size_t i = 0; i < decided_.size(); ++i) figures_[decided_[i]].verdict = verdicts[i];
    return std::move(figures_);
  }

 private:
  std::vector<ComparedFigure> figures_;
  std::vector<stats::Comparison> grid_;
  std::vector<size_t> decided_;  // figures_ index of each grid_ entry
};

std::vector<Estimate> plain(const std::vector<double>& values) {
  std::vector<Estimate> estimates;
  estimates.reserve(values.size());
  for (const double value : values) estimates.push_back({value, {}, {}});
  return estimates;
}

bool any_simulated(const Results& results) {
  return std::any_of(results.rows.begin(), results.rows.end(),
                     [](const ResultRow& row) { return row.simulated; });
}

std::string run_name(const Results& results) {
  return results.rows.empty() ? results.folder.filename().string() : results.rows.front().run;
}

}  // namespace

RunComparison compare_runs(const Results& base, const Results& other) {
  RunComparison comparison;
  comparison.base = run_name(base);
  comparison.other = run_name(other);
  comparison.simulated = any_simulated(base) || any_simulated(other);
  const auto base_launches = launches_of(base);
  const auto other_launches = launches_of(other);
  Comparer comparer;
  for (const auto& [key, a] : base_launches) {
    const auto found = other_launches.find(key);
    if (found == other_launches.end()) continue;
    const Launches& b = found->second;
    if (!a.open_loop) {
      comparer.add(key, "throughput", a.unit, stats::kRateBand, stats::Better::kHigher,
                   plain(a.throughput), plain(b.throughput));
    }
    comparer.add(key, "p99", "ms", stats::kTailBand, stats::Better::kLower, a.p99, b.p99);
  }
  comparison.figures = comparer.decide();
  std::stable_sort(comparison.figures.begin(), comparison.figures.end(),
                   [](const ComparedFigure& a, const ComparedFigure& b) {
                     return std::tuple(a.mix, mode_rank(a.mode)) <
                            std::tuple(b.mix, mode_rank(b.mode));
                   });
  return comparison;
}

std::string comparison_table(const RunComparison& comparison, const TableOptions& options) {
  TextPrinter printer(options.color);
  printer.wrapped(fmt::format("{} against {}", comparison.other, comparison.base), "  ");
  if (comparison.simulated) {
    printer.line("SIMULATED: figures of the simulated GPU are among these.", TextStyle::kWarn);
  }
  printer.line("");
  TextGrid grid({"mix", "mode", "workload", "metric", "before", "after", "ratio [95 %]", "verdict"},
                4);
  for (const ComparedFigure& f : comparison.figures) {
    grid.add({f.mix, f.mode, f.workload, f.metric, number(f.base), number(f.other),
              ratio_with_interval(f.ratio), std::string(stats::to_string(f.verdict))});
  }
  grid.print(printer);
  printer.line("");
  printer.line("SAME: inside the band of 1 % (throughput) or 5 % (p99); verdicts hold for the grid",
               TextStyle::kDim);
  printer.line("as a whole (Holm); AMBIGUOUS: these data cannot tell.", TextStyle::kDim);
  return printer.take();
}

Json to_json(const RunComparison& comparison) {
  Json figures = Json::array();
  for (const ComparedFigure& f : comparison.figures) {
    figures.push_back({{"mix", f.mix},
                       {"mode", f.mode},
                       {"workload", f.workload},
                       {"metric", f.metric},
                       {"unit", f.unit},
                       {"base", f.base},
                       {"other", f.other},
                       {"ratio", estimate_json(f.ratio)},
                       {"base_launches", f.base_launches},
                       {"other_launches", f.other_launches},
                       {"band", f.band},
                       {"verdict", stats::to_string(f.verdict)}});
  }
  return {{"base", comparison.base},
          {"other", comparison.other},
          {"simulated", comparison.simulated},
          {"figures", std::move(figures)}};
}

}  // namespace corun::benchmarking
