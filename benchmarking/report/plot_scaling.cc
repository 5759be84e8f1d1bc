#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "benchmarking/format.h"
#include "benchmarking/report/plots.h"
#include "benchmarking/report/scale.h"
#include "benchmarking/report/theme.h"

namespace corun::benchmarking {

namespace {

constexpr double kWidth = 520;
constexpr double kHeight = 360;
constexpr double kLeft = 62;
constexpr double kRight = 110;
constexpr double kTop = 50;
constexpr double kBottom = 52;

struct TaxPoint {
  int n;
  Estimate tax;
};
using Lines = std::map<std::string, std::vector<TaxPoint>>;

Lines lines_of(const Figures& figures, std::set<int>& sizes) {
  Lines lines;
  for (const ModeFigures& mode : figures.modes) {
    if (mode.mode == "solo" || !mode.tax || mode.n < 1) continue;
    auto& line = lines[mode.mode];
    // Two mixes of one size would make a line that goes back.
    if (!line.empty() && line.back().n >= mode.n) continue;
    line.push_back({mode.n, *mode.tax});
    sizes.insert(mode.n);
  }
  return lines;
}

void draw_line(Canvas& canvas, const Scale& x, const Scale& y, const std::string& mode,
               const std::vector<TaxPoint>& line, double label_y) {
  canvas.begin_group(mode_class(mode));
  std::vector<Point> path;
  path.reserve(line.size());
  for (const TaxPoint& p : line) path.push_back({x(p.n), y(p.tax.value * 100)});
  canvas.polyline(path, "curve");
  for (size_t i = 0; i < line.size(); ++i) {
    const Estimate& tax = line[i].tax;
    if (tax.low && tax.high) {
      canvas.vertical_whisker(path[i].x, y(*tax.low * 100), y(*tax.high * 100), "whisker", 13);
    }
    canvas.circle(path[i], 4.5, "dot",
                  fmt::format("{}, {} workloads: {}", mode, line[i].n, percent_with_interval(tax)));
  }
  canvas.text({kWidth - kRight + 12, label_y + 4.5}, mode, "colored");
  canvas.end_group();
}

void draw_axes(Canvas& canvas, const Scale& x, const Scale& y, const std::set<int>& sizes) {
  const double bottom = kHeight - kBottom;
  for (const int n : sizes) {
    canvas.line({x(n), kTop}, {x(n), bottom}, "grid");
    canvas.text({x(n), bottom + 18}, std::to_string(n), "", Anchor::kMiddle);
  }
  for (const double tick : y.ticks(5)) {
    canvas.line({kLeft, y(tick)}, {kWidth - kRight, y(tick)}, "grid");
    canvas.text({kLeft - 8, y(tick) + 4.5}, tick_text(tick) + " %", "", Anchor::kEnd);
  }
  canvas.line({kLeft, y(0)}, {kWidth - kRight, y(0)}, "reference");
  canvas.text({kLeft, bottom + 40}, "workloads on the GPU", "");
}

/// Label heights that keep their order and do not touch.
std::vector<double> spread(std::vector<std::pair<double, size_t>> wanted) {
  std::sort(wanted.begin(), wanted.end());
  std::vector<double> placed(wanted.size());
  double last = -1e9;
  for (const auto& [y, index] : wanted) {
    last = std::max(y, last + 16);
    placed[index] = last;
  }
  return placed;
}

}  // namespace

std::optional<Plot> scaling_plot(const Figures& figures) {
  std::set<int> sizes;
  const Lines lines = lines_of(figures, sizes);
  if (sizes.size() < 2) return std::nullopt;
  double low = 0;
  double high = 10;
  for (const auto& [mode, line] : lines) {
    for (const TaxPoint& p : line) {
      low = std::min({low, p.tax.value * 100, p.tax.low.value_or(0) * 100});
      high = std::max({high, p.tax.value * 100, p.tax.high.value_or(0) * 100});
    }
  }
  Plot plot{"scaling",
            "The tax of sharing",
            "1 - STP: the part of one GPU's work that is lost by sharing it. Below zero, sharing "
            "gains. Whiskers: 95 % over repetitions.",
            Canvas("scaling", "Tax against the number of workloads",
                   "One line per mode; the table below has the figures", kWidth, kHeight),
            {{"mode", "workloads", "tax [95 %]"}, {}},
            false};
  const Scale x =
      Scale::logarithmic(*sizes.begin() * 0.9, *sizes.rbegin() * 1.1, kLeft, kWidth - kRight);
  const double room = (high - low) * 0.06;
  const Scale y = Scale::linear(low < 0 ? low - room : 0, high + room, kHeight - kBottom, kTop);
  draw_axes(plot.canvas, x, y, sizes);
  std::vector<std::pair<double, size_t>> wanted;
  for (const auto& [mode, line] : lines) {
    wanted.emplace_back(y(line.back().tax.value * 100), wanted.size());
  }
  const std::vector<double> labels = spread(wanted);
  size_t index = 0;
  for (const auto& [mode, line] : lines) {
    draw_line(plot.canvas, x, y, mode, line, labels[index++]);
    for (const TaxPoint& p : line) {
      plot.data.rows.push_back({mode, std::to_string(p.n), percent_with_interval(p.tax)});
    }
  }
  mark_simulated(plot.canvas, figures.simulated);
  return plot;
}

}  // namespace corun::benchmarking
