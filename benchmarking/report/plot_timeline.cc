#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "benchmarking/format.h"
#include "benchmarking/report/plots.h"
#include "benchmarking/report/scale.h"
#include "benchmarking/report/theme.h"

namespace corun::benchmarking {

namespace {

constexpr double kWidth = 1060;
constexpr double kLeft = 70;
constexpr double kRight = 100;
constexpr double kTop = 46;
constexpr double kPanel = 96;
constexpr double kBetween = 30;
constexpr double kStrip = 16;
constexpr int kBuckets = 450;  // more points than this cannot be told apart

/// Mean, least and greatest reading of one stretch of time; `n` = 0 where there is none.
struct Bucket {
  double sum = 0;
  double low = 0;
  double high = 0;
  int n = 0;
};

struct Series {
  std::string label;
  std::string style;  ///< class of the line
  std::vector<Bucket> buckets;
  bool any() const {
    return std::any_of(buckets.begin(), buckets.end(), [](const Bucket& b) { return b.n > 0; });
  }
};

class TimeAxis {
 public:
  explicit TimeAxis(const Results& results) {
    begin_ns_ = results.telemetry.front().snapshot.at.ns;
    int64_t end_ns = begin_ns_;
    for (const TelemetryRecord& r : results.telemetry) {
      begin_ns_ = std::min(begin_ns_, r.snapshot.at.ns);
      end_ns = std::max(end_ns, r.snapshot.at.ns);
    }
    seconds_ = std::max(1e-3, static_cast<double>(end_ns - begin_ns_) * 1e-9);
  }
  double seconds() const { return seconds_; }
  double at(int64_t ns) const { return static_cast<double>(ns - begin_ns_) * 1e-9; }
  size_t bucket(int64_t ns) const {
    const double part = std::clamp(at(ns) / seconds_, 0.0, 1.0);
    return std::min<size_t>(kBuckets - 1, static_cast<size_t>(part * kBuckets));
  }

 private:
  int64_t begin_ns_;
  double seconds_;
};

template <typename Get>
Series series_of(const Results& results, const TimeAxis& axis, const char* label, const char* style,
                 Get get) {
  Series series{label, style, std::vector<Bucket>(kBuckets)};
  for (const TelemetryRecord& r : results.telemetry) {
    const std::optional<double> reading = get(r.snapshot);
    if (!reading) continue;
    Bucket& b = series.buckets[axis.bucket(r.snapshot.at.ns)];
    b.low = b.n == 0 ? *reading : std::min(b.low, *reading);
    b.high = b.n == 0 ? *reading : std::max(b.high, *reading);
    b.sum += *reading;
    ++b.n;
  }
  return series;
}

double highest(const std::vector<Series>& group) {
  double top = 0;
  for (const Series& series : group) {
    for (const Bucket& b : series.buckets) top = std::max(top, b.high);
  }
  return top;
}

/// Draws means as a line (gaps shorter than five buckets are bridged), the range as an area.
void draw_series(Canvas& canvas, const Series& series, const Scale& x, const Scale& y) {
  std::vector<Point> line;
  std::vector<Point> upper;
  std::vector<Point> lower;
  int missing = 0;
  const auto flush = [&] {
    upper.insert(upper.end(), lower.rbegin(), lower.rend());
    canvas.polygon(upper, "area");
    canvas.polyline(line, series.style);
    line.clear();
    upper.clear();
    lower.clear();
  };
  for (size_t i = 0; i < series.buckets.size(); ++i) {
    const Bucket& b = series.buckets[i];
    missing = b.n == 0 ? missing + 1 : 0;
    if (missing == 5) flush();
    if (b.n == 0) continue;
    const double px = x((static_cast<double>(i) + 0.5) / kBuckets);
    line.push_back({px, y(b.sum / b.n)});
    upper.push_back({px, y(b.high)});
    lower.push_back({px, y(b.low)});
  }
  flush();
}

void draw_panel(Canvas& canvas, double top, const std::string& title, const std::string& unit,
                const std::vector<Series>& group, double limit) {
  const Scale x = Scale::linear(0, 1, kLeft, kWidth - kRight);
  const Scale y = Scale::linear(0, limit, top + kPanel, top);
  for (const double tick : y.ticks(3)) {
    canvas.line({kLeft, y(tick)}, {kWidth - kRight, y(tick)}, "grid");
    canvas.text({kLeft - 8, y(tick) + 4}, tick_text(tick) + unit, "small", Anchor::kEnd);
  }
  canvas.text({kLeft, top - 8}, title, "strong");
  double label_y = top + 14;
  for (const Series& series : group) {
    const bool second = &series != &group.front();
    canvas.begin_group(second ? "tone-strong" : "tone");
    draw_series(canvas, series, x, y);
    canvas.text({kWidth - kRight + 10, label_y}, series.label, "colored small");
    canvas.end_group();
    label_y += 18;
  }
}

/// Which mode ran when, above the panels.
void draw_cells(Canvas& canvas, const Results& results, const TimeAxis& axis) {
  const Scale x = Scale::linear(0, axis.seconds(), kLeft, kWidth - kRight);
  for (const CellRecord& cell : results.cells) {
    if (cell.window_end_ns <= cell.window_begin_ns) continue;
    const double from = x(axis.at(cell.window_begin_ns));
    const double to = x(axis.at(cell.window_end_ns));
    canvas.begin_group(mode_class(cell.mode));
    canvas.rect({from, kTop - kStrip}, std::max(1.0, to - from), kStrip - 4,
                cell.valid ? "fill" : "tint",
                fmt::format("{} {} repetition {}{}", cell.mode, cell.mix, cell.rep,
                            cell.valid ? "" : " (void)"));
    canvas.end_group();
  }
}

std::vector<std::string> modes_in(const Results& results) {
  std::vector<std::string> modes;
  for (const CellRecord& cell : results.cells) {
    if (std::find(modes.begin(), modes.end(), cell.mode) == modes.end()) modes.push_back(cell.mode);
  }
  std::stable_sort(modes.begin(), modes.end(), [](const std::string& a, const std::string& b) {
    return mode_rank(a) < mode_rank(b);
  });
  return modes;
}

DataTable cell_means(const Results& results) {
  DataTable table{{"cell", "mode", "NVML utilisation", "SM active", "memory", "energy"}, {}};
  for (const CellRecord& c : results.cells) {
    const auto gib =
        c.memory_used_bytes
            ? fmt::format("{:.1f} GiB", static_cast<double>(*c.memory_used_bytes) / 0x1p30)
            : "-";
    table.rows.push_back({c.cell, c.mode, percent(c.utilization_nvml), percent(c.sm_active), gib,
                          c.energy_j ? number(c.energy_j) + " J" : "-"});
  }
  return table;
}

struct PanelSpec {
  const char* title;
  const char* unit;
  std::vector<Series> group;
  double limit;
};

std::vector<PanelSpec> panels_of(const Results& results, const TimeAxis& axis) {
  const auto share = [](std::optional<double> GpuSnapshot::*which) {
    return [which](const GpuSnapshot& s) {
      return s.*which ? std::optional(*(s.*which) * 100) : std::nullopt;
    };
  };
  std::vector<PanelSpec> panels{
      {"utilisation",
       " %",
       {series_of(results, axis, "NVML", "thin", share(&GpuSnapshot::utilization_nvml)),
        series_of(results, axis, "SM active", "thin", share(&GpuSnapshot::sm_active))},
       105},
      {"device memory",
       " GiB",
       {series_of(results, axis, "used", "thin",
                  [](const GpuSnapshot& s) {
                    return s.memory_used_bytes
                               ? std::optional(static_cast<double>(*s.memory_used_bytes) / 0x1p30)
                               : std::nullopt;
                  })},
       0},
      {"power",
       " W",
       {series_of(results, axis, "board", "thin", [](const GpuSnapshot& s) { return s.power_w; })},
       0}};
  for (PanelSpec& panel : panels) {
    std::erase_if(panel.group, [](const Series& s) { return !s.any(); });
    if (panel.limit <= 0) panel.limit = std::max(1e-6, highest(panel.group) * 1.1);
  }
  std::erase_if(panels, [](const PanelSpec& panel) { return panel.group.empty(); });
  return panels;
}

}  // namespace

std::optional<Plot> timeline_plot(const Results& results) {
  if (results.telemetry.size() < 2) return std::nullopt;
  const TimeAxis axis(results);
  const std::vector<PanelSpec> panels = panels_of(results, axis);
  if (panels.empty()) return std::nullopt;
  const double height =
      kTop + static_cast<double>(panels.size()) * (kPanel + kBetween) + kBetween + 6;
  Plot plot{"timeline",
            "The GPU over the run",
            fmt::format("{} samples of the device. The strip on top shows which mode's window was "
                        "measured; pale areas span least to greatest reading.",
                        results.telemetry.size()),
            Canvas("timeline", "Utilisation, memory and power over time",
                   "Line plots against seconds since the first sample; the table below has means "
                   "per cell",
                   kWidth, height),
            cell_means(results),
            true};
  Canvas& canvas = plot.canvas;
  draw_cells(canvas, results, axis);
  legend(canvas, {kLeft, 16}, modes_in(results));
  double top = kTop + kBetween;
  for (const PanelSpec& panel : panels) {
    draw_panel(canvas, top, panel.title, panel.unit, panel.group, panel.limit);
    top += kPanel + kBetween;
  }
  const Scale x = Scale::linear(0, axis.seconds(), kLeft, kWidth - kRight);
  const double bottom = top - kBetween;
  for (const double tick : x.ticks(10)) {
    canvas.line({x(tick), bottom}, {x(tick), bottom + 5}, "axis");
    canvas.text({x(tick), bottom + 20}, tick_text(tick), "small", Anchor::kMiddle);
  }
  canvas.text({kWidth - kRight + 10, bottom + 20}, "seconds", "small");
  const bool simulated = std::any_of(results.rows.begin(), results.rows.end(),
                                     [](const ResultRow& row) { return row.simulated; });
  mark_simulated(canvas, simulated);
  return plot;
}

}  // namespace corun::benchmarking
