#include "benchmarking/figures.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string_view>

#include "core/json_values.h"
#include "core/stats/bootstrap.h"
#include "core/stats/compare.h"

namespace corun::benchmarking {

namespace {

constexpr std::array<std::string_view, 8> kModeOrder{
    "solo", "exclusive", "time-slicing", "mps", "mps-priority", "mig", "managed", "managed-mps"};

using Rows = std::vector<const ResultRow*>;

/// Over launches where there are several; a single launch keeps its own interval.
std::optional<Estimate> over_launches(const std::vector<Estimate>& launches) {
  if (launches.empty()) return std::nullopt;
  if (launches.size() == 1) return launches.front();
  std::vector<double> values;
  values.reserve(launches.size());
  for (const Estimate& launch : launches) values.push_back(launch.value);
  stats::BootstrapOptions options;
  options.resamples = 2000;  // of a handful of launches; more would not move the ends
  return stats::launches_estimate(values, options);
}

std::optional<Estimate> over_launches(const std::vector<double>& values) {
  std::vector<Estimate> launches;
  launches.reserve(values.size());
  for (const double value : values) launches.push_back({value, {}, {}});
  return over_launches(launches);
}

/// What `get` finds in each element, without the ones that have nothing.
template <typename T, typename Items, typename Get>
std::vector<T> known(const Items& items, Get get) {
  std::vector<T> values;
  for (const auto* item : items) {
    if (const std::optional<T> value = get(*item)) values.push_back(*value);
  }
  return values;
}

std::optional<Estimate> percentile(const ResultRow& row,
                                   std::optional<Estimate> LatencySummary::*which) {
  if (!row.latency_ms || row.saturated) return std::nullopt;
  return (*row.latency_ms).*which;
}

std::optional<Estimate> percentile_over(const Rows& rows,
                                        std::optional<Estimate> LatencySummary::*which) {
  // One launch that cannot support the percentile leaves the others' figure one-sided.
  const auto values =
      known<Estimate>(rows, [&](const ResultRow& row) { return percentile(row, which); });
  return values.size() == rows.size() ? over_launches(values) : std::nullopt;
}

/// Mean p99 of the solo runs around one repetition: bracket r stands before it, r + 1 after it.
std::optional<double> solo_p99(const Rows& solo, int rep) {
  std::vector<double> values;
  for (const ResultRow* row : solo) {
    const auto p99 = percentile(*row, &LatencySummary::p99);
    const bool around = row->rep == rep || row->rep == rep + 1;
    if (around && p99) values.push_back(p99->value);
  }
  return values.empty() ? std::nullopt : std::optional(stats::mean(values));
}

/// A figure against solo; without `ratio` these data have no interval for it.
struct AgainstSolo {
  double value = 0;
  std::optional<stats::Ratio> ratio;

  Estimate estimate() const { return ratio ? ratio->estimate() : Estimate{value, {}, {}}; }
};

/// p99 over the p99 of the solo runs around the same repetition, so that slow drift cancels.
std::optional<AgainstSolo> inflation(const Rows& rows, const Rows& solo) {
  std::vector<double> alone;
  std::vector<double> shared;
  for (const ResultRow* row : rows) {
    const auto p99 = percentile(*row, &LatencySummary::p99);
    const auto reference = solo_p99(solo, row->rep);
    if (!p99 || !reference || *reference <= 0) continue;
    alone.push_back(*reference);
    shared.push_back(p99->value);
  }
  if (shared.empty()) return std::nullopt;
  AgainstSolo found{shared.front() / alone.front(), stats::paired_ratio(alone, shared)};
  const auto own = percentile_over(rows, &LatencySummary::p99);
  const auto reference = percentile_over(solo, &LatencySummary::p99);
  if (!found.ratio && own && reference) found.ratio = stats::ratio_of_estimates(*reference, *own);
  return found;
}

/// Progress is a ratio to the solo runs already: per repetition, or one with its own interval.
std::optional<AgainstSolo> progress_against_solo(const Rows& rows) {
  const auto progress = known<Estimate>(rows, [](const ResultRow& row) { return row.progress; });
  if (progress.empty()) return std::nullopt;
  std::vector<double> values;
  values.reserve(progress.size());
  for (const Estimate& launch : progress) values.push_back(launch.value);
  const std::vector<double> ones(values.size(), 1.0);
  AgainstSolo found{values.front(), stats::paired_ratio(ones, values)};
  if (!found.ratio) found.ratio = stats::ratio_of_estimates({1, 1, 1}, progress.front());
  return found;
}

/// The comparisons of a whole run, decided together (Holm).
class VerdictGrid {
 public:
  void add(const AgainstSolo& figure, double band, stats::Better better,
           std::optional<stats::Verdict> WorkloadFigures::*which, size_t mode, size_t workload) {
    places_.push_back({which, mode, workload});
    if (figure.ratio) {
      grid_.push_back({*figure.ratio, band, better});
      decidable_.push_back(places_.size() - 1);
    }
  }

  void decide(Figures& figures) const {
    const auto set = [&](const Place& place, stats::Verdict verdict) {
      figures.modes[place.mode].workloads[place.workload].*place.which = verdict;
    };
    for (const Place& place : places_) set(place, stats::Verdict::kAmbiguous);
    const auto verdicts = stats::holm_verdicts(grid_);
    for (size_t i = 0; i < verdicts.size(); ++i) set(places_[decidable_[i]], verdicts[i]);
  }

 private:
  struct Place {
    std::optional<stats::Verdict> WorkloadFigures::*which;
    size_t mode;
    size_t workload;
  };
  std::vector<Place> places_;
  std::vector<stats::Comparison> grid_;
  std::vector<size_t> decidable_;  // places_ index of each grid_ entry
};

WorkloadFigures workload_figures(const Rows& rows, const Rows& solo) {
  const ResultRow& first = *rows.front();
  WorkloadFigures f;
  f.workload = first.workload;
  f.kind = first.kind;
  f.service_class = first.service_class;
  f.unit = first.unit;
  f.launches = static_cast<int>(rows.size());
  f.throughput =
      over_launches(known<double>(rows, [](const ResultRow& r) { return r.throughput; }));
  f.progress = over_launches(known<Estimate>(rows, [](const ResultRow& r) { return r.progress; }));
  f.p50_ms = percentile_over(rows, &LatencySummary::p50);
  f.p95_ms = percentile_over(rows, &LatencySummary::p95);
  f.p99_ms = percentile_over(rows, &LatencySummary::p99);
  if (const auto p99 = inflation(rows, solo)) f.inflation = p99->estimate();
  const auto offered = known<double>(rows, [](const ResultRow& r) { return r.offered; });
  if (!offered.empty()) f.offered = stats::mean(offered);
  for (const ResultRow* row : rows) {
    if (row->latency_ms) f.requests += row->latency_ms->n;
    f.saturated |= row->saturated;
    f.cpu_bound |= row->cpu_bound;
    if (row->checksum_ok) f.checksum_ok = f.checksum_ok.value_or(true) && *row->checksum_ok;
  }
  return f;
}

/// Rows of one run, looked up by what ran.
class RowIndex {
 public:
  explicit RowIndex(const Results& results) {
    for (const CellRecord& cell : results.cells) {
      if (!cell.valid) void_cells_.insert(cell.cell);
    }
    for (const ResultRow& row : results.rows) {
      if (row.valid && !void_cells_.contains(row.cell)) valid_.push_back(&row);
    }
  }
  const Rows& valid() const { return valid_; }
  bool cell_is_void(const std::string& cell) const { return void_cells_.contains(cell); }

  Rows of(const std::string& mode, const std::string& mix, const std::string& workload) const {
    return where([&](const ResultRow& row) {
      return row.mode == mode && row.mix == mix && row.workload == workload;
    });
  }
  /// See solo_of.
  Rows solo(const std::string& mix, const std::string& workload) const {
    Rows rows = of("solo", mix, workload);
    if (rows.empty()) {
      rows = where([&](const ResultRow& r) { return r.mode == "solo" && r.workload == workload; });
    }
    if (!rows.empty()) return rows;
    return where([&](const ResultRow& r) {
      return r.mode == "solo" && base_name(r.workload) == base_name(workload);
    });
  }

 private:
  template <typename Predicate>
  Rows where(Predicate predicate) const {
    Rows found;
    for (const ResultRow* row : valid_) {
      if (predicate(*row)) found.push_back(row);
    }
    return found;
  }

  std::set<std::string> void_cells_;
  Rows valid_;
};

void add_cell_figures(ModeFigures& f, const Results& results) {
  std::vector<const CellRecord*> cells;
  for (const CellRecord& cell : results.cells) {
    if (cell.mode != f.mode || cell.mix != f.mix) continue;
    ++f.cells;
    if (cell.valid) cells.push_back(&cell);
  }
  f.valid_cells = static_cast<int>(cells.size());
  const auto over = [&](std::optional<double> CellRecord::*which) {
    return over_launches(known<double>(cells, [&](const CellRecord& c) { return c.*which; }));
  };
  f.stp = over(&CellRecord::stp);
  f.jain = over(&CellRecord::jain);
  f.jain_1s = over(&CellRecord::jain_1s);
  f.utilization_nvml = over(&CellRecord::utilization_nvml);
  f.sm_active = over(&CellRecord::sm_active);
  f.energy_j = over(&CellRecord::energy_j);
  f.energy_above_idle_j = over(&CellRecord::energy_above_idle_j);
  f.memory_used_bytes = over_launches(known<double>(cells, [](const CellRecord& c) {
    return c.memory_used_bytes ? std::optional(static_cast<double>(*c.memory_used_bytes))
                               : std::nullopt;
  }));
  const auto tax = known<double>(cells, [](const CellRecord& c) { return c.tax; });
  if (!tax.empty()) f.tax = stats::t_interval(tax);
}

void add_workloads(ModeFigures& f, const RowIndex& index) {
  std::vector<std::string> names;
  std::vector<double> windows;
  for (const ResultRow* row : index.valid()) {
    if (row->mode != f.mode || row->mix != f.mix) continue;
    windows.push_back(row->window_seconds);
    if (std::find(names.begin(), names.end(), row->workload) == names.end()) {
      names.push_back(row->workload);
    }
  }
  for (const std::string& name : names) {
    const Rows solo = f.mode == "solo" ? Rows{} : index.solo(f.mix, name);
    f.workloads.push_back(workload_figures(index.of(f.mode, f.mix, name), solo));
  }
  if (!windows.empty()) f.window_seconds = stats::mean(windows);
}

void add_verdicts(Figures& figures, const RowIndex& index) {
  VerdictGrid grid;
  for (size_t m = 0; m < figures.modes.size(); ++m) {
    const ModeFigures& mode = figures.modes[m];
    if (mode.mode == "solo") continue;
    for (size_t w = 0; w < mode.workloads.size(); ++w) {
      const WorkloadFigures& workload = mode.workloads[w];
      const Rows rows = index.of(mode.mode, mode.mix, workload.workload);
      if (const auto p99 = inflation(rows, index.solo(mode.mix, workload.workload))) {
        grid.add(*p99, stats::kTailBand, stats::Better::kLower, &WorkloadFigures::p99_verdict, m,
                 w);
      }
      const auto progress = progress_against_solo(rows);
      if (progress && !workload.offered) {
        grid.add(*progress, stats::kRateBand, stats::Better::kHigher,
                 &WorkloadFigures::progress_verdict, m, w);
      }
    }
  }
  grid.decide(figures);
}

Json verdict_json(const std::optional<stats::Verdict>& verdict) {
  return verdict ? Json(stats::to_string(*verdict)) : Json(nullptr);
}

std::vector<VoidCell> voids_of(const Results& results, const RowIndex& index) {
  std::vector<VoidCell> voids;
  for (const CellRecord& cell : results.cells) {
    if (!cell.valid) voids.push_back({cell.cell, cell.mode, cell.mix, cell.rep, "", cell.reason});
  }
  for (const ResultRow& row : results.rows) {
    if (row.valid || index.cell_is_void(row.cell)) continue;
    voids.push_back({row.cell, row.mode, row.mix, row.rep, row.workload, row.reason});
  }
  return voids;
}

/// All (mode, mix) of the run, whether or not any cell of them counts.
std::vector<ModeFigures> empty_modes(const Results& results) {
  std::vector<ModeFigures> modes;
  std::map<std::string, int> size_of_mix;
  const auto add = [&](const std::string& mode, const std::string& mix, int n) {
    size_of_mix[mix] = std::max(size_of_mix[mix], n);
    for (const ModeFigures& f : modes) {
      if (f.mode == mode && f.mix == mix) return;
    }
    ModeFigures& f = modes.emplace_back();
    f.mode = mode;
    f.mix = mix;
    f.n = n;
  };
  for (const CellRecord& cell : results.cells) add(cell.mode, cell.mix, cell.n);
  for (const ResultRow& row : results.rows) add(row.mode, row.mix, row.n);
  std::stable_sort(modes.begin(), modes.end(), [&](const ModeFigures& a, const ModeFigures& b) {
    const auto key = [&](const ModeFigures& f) {
      return std::tuple(size_of_mix[f.mix], f.mix, mode_rank(f.mode), f.mode);
    };
    return key(a) < key(b);
  });
  return modes;
}

Json workload_json(const WorkloadFigures& f) {
  return {{"workload", f.workload},
          {"kind", to_string(f.kind)},
          {"class", to_string(f.service_class)},
          {"unit", f.unit},
          {"throughput", estimate_json(f.throughput)},
          {"progress", estimate_json(f.progress)},
          {"p50_ms", estimate_json(f.p50_ms)},
          {"p95_ms", estimate_json(f.p95_ms)},
          {"p99_ms", estimate_json(f.p99_ms)},
          {"p99_over_solo", estimate_json(f.inflation)},
          {"p99_verdict", verdict_json(f.p99_verdict)},
          {"progress_verdict", verdict_json(f.progress_verdict)},
          {"offered", or_null(f.offered)},
          {"requests", f.requests},
          {"launches", f.launches},
          {"saturated", f.saturated},
          {"cpu_bound", f.cpu_bound},
          {"checksum_ok", or_null(f.checksum_ok)}};
}

Json mode_json(const ModeFigures& f) {
  Json workloads = Json::array();
  for (const WorkloadFigures& workload : f.workloads) workloads.push_back(workload_json(workload));
  return {
      {"mode", f.mode},
      {"mix", f.mix},
      {"n", f.n},
      {"cells", f.cells},
      {"valid_cells", f.valid_cells},
      {"window_seconds", or_null(f.window_seconds)},
      {"stp", estimate_json(f.stp)},
      {"tax", estimate_json(f.tax)},
      {"jain", estimate_json(f.jain)},
      {"jain_1s", estimate_json(f.jain_1s)},
      {"utilization",
       {{"nvml", estimate_json(f.utilization_nvml)}, {"sm_active", estimate_json(f.sm_active)}}},
      {"memory_used_bytes", estimate_json(f.memory_used_bytes)},
      {"energy_j", estimate_json(f.energy_j)},
      {"energy_above_idle_j", estimate_json(f.energy_above_idle_j)},
      {"workloads", std::move(workloads)}};
}

}  // namespace

std::string base_name(const std::string& workload) {
  const size_t dash = workload.find_last_not_of("0123456789");
  const bool numbered =
      dash != std::string::npos && dash > 0 && dash + 1 < workload.size() && workload[dash] == '-';
  return numbered ? workload.substr(0, dash) : workload;
}

int mode_rank(const std::string& mode) {
  const auto* place = std::find(kModeOrder.begin(), kModeOrder.end(), mode);
  return static_cast<int>(place - kModeOrder.begin());
}

const WorkloadFigures* solo_of(const Figures& figures, const std::string& mix,
                               const std::string& workload) {
  const WorkloadFigures* namesake = nullptr;
  const WorkloadFigures* twin = nullptr;
  for (const ModeFigures& mode : figures.modes) {
    if (mode.mode != "solo") continue;
    for (const WorkloadFigures& candidate : mode.workloads) {
      if (candidate.workload == workload && mode.mix == mix) return &candidate;
      if (candidate.workload == workload && namesake == nullptr) namesake = &candidate;
      const bool alike = base_name(candidate.workload) == base_name(workload);
      if (alike && twin == nullptr) twin = &candidate;
    }
  }
  return namesake != nullptr ? namesake : twin;
}

Figures figures_of(const Results& results) {
  Figures figures;
  if (!results.rows.empty()) {
    const ResultRow& first = results.rows.front();
    figures.run = first.run;
    figures.gpu = first.gpu;
    figures.driver = first.driver;
  }
  for (const ResultRow& row : results.rows) figures.simulated |= row.simulated;
  for (const CellRecord& cell : results.cells) figures.simulated |= cell.simulated;
  const RowIndex index(results);
  figures.modes = empty_modes(results);
  for (ModeFigures& mode : figures.modes) {
    add_cell_figures(mode, results);
    add_workloads(mode, index);
  }
  add_verdicts(figures, index);
  figures.voids = voids_of(results, index);
  return figures;
}

Json to_json(const Figures& figures) {
  Json modes = Json::array();
  for (const ModeFigures& mode : figures.modes) modes.push_back(mode_json(mode));
  Json voids = Json::array();
  for (const VoidCell& v : figures.voids) {
    voids.push_back({{"cell", v.cell},
                     {"mode", v.mode},
                     {"mix", v.mix},
                     {"rep", v.rep},
                     {"workload", v.workload},
                     {"reason", v.reason}});
  }
  return {{"run", figures.run},        {"gpu", figures.gpu},
          {"driver", figures.driver},  {"simulated", figures.simulated},
          {"modes", std::move(modes)}, {"voids", std::move(voids)}};
}

}  // namespace corun::benchmarking
