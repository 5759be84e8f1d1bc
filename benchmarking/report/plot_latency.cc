#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "benchmarking/format.h"
#include "benchmarking/report/plots.h"
#include "benchmarking/report/scale.h"
#include "benchmarking/report/theme.h"
#include "core/stats/bootstrap.h"
#include "core/stats/quantile.h"

namespace corun::benchmarking {

namespace {

constexpr double kWidth = 520;
constexpr double kHeight = 370;
constexpr double kLeft = 62;
constexpr double kRight = 24;
constexpr double kTop = 50;
constexpr double kBottom = 52;
constexpr std::array<double, 5> kShares{0, 0.5, 0.9, 0.99, 0.999};

/// All latencies (ms, ascending) of one workload under one mode.
struct Curve {
  std::string mode;
  std::string workload;
  std::vector<double> ms;
  double effective_n = 0;  ///< what these are worth as independent samples
};

/// Curves of one plot: the workloads of a mix that differ by their number only.
struct Panel {
  std::string mix;
  std::string group;
  std::vector<Curve> curves;
};

/// The axis stretches the tail: equal steps from 90 % to 99 % to 99.9 %.
double stretched(double share) { return -std::log10(std::max(1e-9, 1 - share)); }

Curve& curve_in(Panel& panel, const ResultRow& row) {
  for (Curve& curve : panel.curves) {
    if (curve.mode == row.mode && curve.workload == row.workload) return curve;
  }
  return panel.curves.emplace_back(Curve{row.mode, row.workload, {}, 0});
}

void add_latencies(const Results& results, const ResultRow& row, Panel& panel) {
  const auto samples = read_samples(samples_path(results.folder, row.cell, row.workload));
  if (!samples || samples->end_us.empty()) return;  // samples are kept only where they are small
  Curve& curve = curve_in(panel, row);
  std::vector<double> ms;
  for (size_t i = 0; i < samples->end_us.size(); ++i) {
    ms.push_back((samples->end_us[i] - samples->scheduled_us[i]) / 1000);
  }
  const double span_s = (samples->scheduled_us.back() - samples->scheduled_us.front()) * 1e-6;
  const double per_second = static_cast<double>(ms.size()) / std::max(1.0, span_s);
  curve.effective_n += stats::effective_sample_size(ms, static_cast<size_t>(per_second) + 1);
  curve.ms.insert(curve.ms.end(), ms.begin(), ms.end());
}

bool is_void(const Results& results, const ResultRow& row) {
  return !row.valid || std::any_of(results.cells.begin(), results.cells.end(),
                                   [&](const auto& c) { return c.cell == row.cell && !c.valid; });
}

/// Shared cells make the panels; solo rows join the panels of their like.
std::vector<Panel> panels_of(const Results& results) {
  std::vector<Panel> panels;
  const auto panel_for = [&](const std::string& mix, const std::string& group) -> Panel& {
    for (Panel& panel : panels) {
      if (panel.mix == mix && panel.group == group) return panel;
    }
    return panels.emplace_back(Panel{mix, group, {}});
  };
  for (const ResultRow& row : results.rows) {
    if (row.mode == "solo" || !row.latency_ms || row.saturated || is_void(results, row)) continue;
    add_latencies(results, row, panel_for(row.mix, base_name(row.workload)));
  }
  std::erase_if(panels, [](const Panel& panel) { return panel.curves.empty(); });
  for (Panel& panel : panels) {
    const bool own_solo = std::any_of(results.rows.begin(), results.rows.end(), [&](const auto& r) {
      return r.mode == "solo" && r.mix == panel.mix && base_name(r.workload) == panel.group;
    });
    for (const ResultRow& row : results.rows) {
      if (row.mode != "solo" || base_name(row.workload) != panel.group) continue;
      if ((own_solo && row.mix != panel.mix) || is_void(results, row)) continue;
      add_latencies(results, row, panel);
    }
    for (Curve& curve : panel.curves) std::sort(curve.ms.begin(), curve.ms.end());
    std::stable_sort(panel.curves.begin(), panel.curves.end(), [](const auto& a, const auto& b) {
      return mode_rank(a.mode) < mode_rank(b.mode);
    });
  }
  return panels;
}

/// The highest share that n samples can tell.
double supported_share(size_t n) {
  double best = 0.5;
  for (const double share : kShares) {
    if (share > 0 && stats::supports_percentile(n, share)) best = share;
  }
  return best;
}

/// Points of the curve up to `to`, no more than the eye can tell apart.
std::vector<Point> curve_points(const Curve& curve, double from, double to, const Scale& x,
                                const Scale& y) {
  constexpr int kSteps = 240;
  std::vector<Point> points;
  const double begin = stretched(from);
  const double end = stretched(to);
  for (int i = 0; i <= kSteps; ++i) {
    const double share = 1 - std::pow(10, -(begin + (end - begin) * i / kSteps));
    const double ms = stats::quantile_of_sorted(curve.ms, share);
    points.push_back({x(ms), y(stretched(share))});
  }
  return points;
}

void draw_curve(Canvas& canvas, const Curve& curve, const Scale& x, const Scale& y) {
  const double n = static_cast<double>(curve.ms.size());
  const double sure = supported_share(curve.ms.size());
  const double last = std::min(kShares.back(), 1 - 1 / n);
  canvas.begin_group(mode_class(curve.mode));
  canvas.polyline(curve_points(curve, 0, std::min(sure, last), x, y),
                  curve.mode == "solo" ? "curve dashed" : "curve");
  if (last > sure) canvas.polyline(curve_points(curve, sure, last, x, y), "unsure");
  canvas.end_group();
}

void draw_p99(Canvas& canvas, const Panel& panel, const Figures& figures, const Scale& x,
              const Scale& y) {
  for (const ModeFigures& mode : figures.modes) {
    for (const WorkloadFigures& w : mode.workloads) {
      if (mode.mix != panel.mix || base_name(w.workload) != panel.group || !w.p99_ms) continue;
      const double at = y(stretched(0.99));
      canvas.begin_group(mode_class(mode.mode));
      if (w.p99_ms->low && w.p99_ms->high) {
        canvas.whisker(x(*w.p99_ms->low), x(*w.p99_ms->high), at, "whisker", 13);
      }
      canvas.circle(
          {x(w.p99_ms->value), at}, 4.5, "dot",
          fmt::format("{} {}: p99 {} ms", w.workload, mode.mode, with_interval(w.p99_ms)));
      canvas.end_group();
    }
  }
}

void draw_axes(Canvas& canvas, const Scale& x, const Scale& y) {
  const double bottom = kHeight - kBottom;
  for (const double tick : x.ticks(6)) {
    canvas.line({x(tick), kTop}, {x(tick), bottom}, "grid");
    canvas.text({x(tick), bottom + 18}, tick_text(tick), "", Anchor::kMiddle);
  }
  for (const double share : kShares) {
    const double at = y(stretched(share));
    canvas.line({kLeft, at}, {kWidth - kRight, at}, share == 0.99 ? "axis" : "grid");
    canvas.text({kLeft - 8, at + 4.5}, tick_text(share * 100) + " %", "", Anchor::kEnd);
  }
  canvas.text({kLeft, bottom + 40}, "latency, ms (logarithmic)", "");
}

std::vector<std::string> percentile_row(const Curve& curve) {
  std::vector<std::string> row{curve.workload, curve.mode, std::to_string(curve.ms.size()),
                               fmt::format("{:.0f}", curve.effective_n)};
  for (const double share : {0.5, 0.9, 0.95, 0.99, 0.999}) {
    const auto e = stats::quantile_estimate(curve.ms, share);
    row.push_back(number(value_of(e)));
  }
  return row;
}

Plot panel_plot(const Panel& panel, const Figures& figures) {
  double low = 1e300;
  double high = 0;
  size_t fewest = SIZE_MAX;
  for (const Curve& curve : panel.curves) {
    low = std::min(low, stats::quantile_of_sorted(curve.ms, 0.001));
    high = std::max(high, stats::quantile_of_sorted(curve.ms, kShares.back()));
    fewest = std::min(fewest, curve.ms.size());
  }
  low = std::max(low, 1e-3);  // whole microseconds: nothing is shorter
  const std::string id = "latency-" + panel.mix + "-" + panel.group;
  Plot plot{
      id,
      fmt::format("Latency of {} in {}", panel.group, panel.mix),
      fmt::format("Share of requests answered within x, from {} or more requests per curve. "
                  "The axis stretches the tail; dots are p99 with 95 % intervals; dotted "
                  "parts are beyond what n supports.",
                  fewest),
      Canvas(id, "Distribution of latency per mode",
             "Cumulative curves, one per workload and mode; the table below has percentiles",
             kWidth, kHeight),
      {{"workload", "mode", "n", "effective n", "p50 ms", "p90 ms", "p95 ms", "p99 ms", "p99.9 ms"},
       {}},
      false};
  const Scale x = Scale::logarithmic(low * 0.93, std::max(high, low) * 1.1, kLeft, kWidth - kRight);
  const Scale y = Scale::linear(0, stretched(kShares.back()) * 1.02, kHeight - kBottom, kTop);
  draw_axes(plot.canvas, x, y);
  std::vector<std::string> modes;
  // Alone comes last: its dashes stay visible on a mode that does no harm.
  for (auto curve = panel.curves.rbegin(); curve != panel.curves.rend(); ++curve) {
    draw_curve(plot.canvas, *curve, x, y);
  }
  for (const Curve& curve : panel.curves) {
    if (modes.empty() || modes.back() != curve.mode) modes.push_back(curve.mode);
    plot.data.rows.push_back(percentile_row(curve));
  }
  draw_p99(plot.canvas, panel, figures, x, y);
  legend(plot.canvas, {4, 18}, modes);
  mark_simulated(plot.canvas, figures.simulated);
  return plot;
}

}  // namespace

std::vector<Plot> latency_plots(const Results& results, const Figures& figures) {
  std::vector<Plot> plots;
  for (const Panel& panel : panels_of(results)) plots.push_back(panel_plot(panel, figures));
  return plots;
}

}  // namespace corun::benchmarking
