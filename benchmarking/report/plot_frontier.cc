#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "benchmarking/format.h"
#include "benchmarking/report/plots.h"
#include "benchmarking/report/scale.h"
#include "benchmarking/report/theme.h"

namespace corun::benchmarking {

namespace {

constexpr double kWidth = 520;
constexpr double kHeight = 360;
constexpr double kLeft = 62;
constexpr double kRight = 24;
constexpr double kTop = 50;
constexpr double kBottom = 52;

/// One mode on one mix: the worst tail of those who care, and what the others got done.
struct FrontierPoint {
  const ModeFigures* mode;
  Estimate tail;
  Estimate progress;
};

std::optional<FrontierPoint> point_of(const ModeFigures& mode) {
  std::optional<Estimate> tail;
  std::optional<Estimate> progress;
  double others = 0;
  double sum = 0;
  for (const WorkloadFigures& w : mode.workloads) {
    if (w.service_class == ServiceClass::kLatencyCritical) {
      if (w.inflation && (!tail || w.inflation->value > tail->value)) tail = w.inflation;
    } else if (!w.offered && w.progress) {
      others += 1;
      sum += w.progress->value;
      progress = w.progress;
    }
  }
  if (!tail || !progress) return std::nullopt;
  // Several others: their sum, which has no interval of its own here.
  if (others > 1) progress = Estimate{sum, {}, {}};
  return FrontierPoint{&mode, *tail, *progress};
}

void draw_point(Canvas& canvas, const Scale& x, const Scale& y, const FrontierPoint& point) {
  const double px = x(point.tail.value);
  const double py = y(point.progress.value);
  if (point.tail.low && point.tail.high) {
    canvas.whisker(x(*point.tail.low), x(*point.tail.high), py, "whisker", 16);
  }
  if (point.progress.low && point.progress.high) {
    canvas.vertical_whisker(px, y(*point.progress.low), y(*point.progress.high), "whisker", 16);
  }
  canvas.circle(
      {px, py}, 6, "dot",
      fmt::format("{} {}: p99 {} times solo, progress {}", point.mode->mix, point.mode->mode,
                  with_interval(point.tail), with_interval(point.progress)));
}

/// One mode's points, joined in the order of N; points that coincide share a label.
void draw_mode(Canvas& canvas, const Scale& x, const Scale& y, const std::string& mode,
               const std::vector<FrontierPoint>& points) {
  struct Label {
    Point at;
    std::string text;
  };
  std::vector<Label> labels;
  std::vector<Point> path;
  canvas.begin_group(mode_class(mode));
  for (const FrontierPoint& point : points) {
    if (point.mode->mode != mode) continue;
    const Point at{x(point.tail.value), y(point.progress.value)};
    const std::string size = std::to_string(point.mode->n);
    path.push_back(at);
    const auto near = std::find_if(labels.begin(), labels.end(), [&](const Label& l) {
      return std::abs(l.at.x - at.x) < 24 && std::abs(l.at.y - at.y) < 14;
    });
    if (near == labels.end()) {
      labels.push_back({at, "N=" + size});
    } else {
      near->text += ", " + size;
    }
  }
  canvas.polyline(path, "thin");
  for (const FrontierPoint& point : points) {
    if (point.mode->mode == mode) draw_point(canvas, x, y, point);
  }
  for (const Label& label : labels) {
    const bool flip = label.at.x > kWidth - kRight - text_width(label.text) - 14;
    canvas.text({flip ? label.at.x - 10 : label.at.x + 10, label.at.y - 8}, label.text, "colored",
                flip ? Anchor::kEnd : Anchor::kStart);
  }
  canvas.end_group();
}

void draw_axes(Canvas& canvas, const Scale& x, const Scale& y) {
  const double bottom = kHeight - kBottom;
  for (const double tick : x.ticks(5)) {
    canvas.line({x(tick), kTop}, {x(tick), bottom}, "grid");
    canvas.text({x(tick), bottom + 18}, tick_text(tick) + "×", "", Anchor::kMiddle);
  }
  for (const double tick : y.ticks(5)) {
    canvas.line({kLeft, y(tick)}, {kWidth - kRight, y(tick)}, "grid");
    canvas.text({kLeft - 8, y(tick) + 4.5}, tick_text(tick), "", Anchor::kEnd);
  }
  canvas.text({kLeft, bottom + 40}, "worst latency-critical p99 over its p99 alone", "");
  canvas.vertical_text({16, (kTop + bottom) / 2}, "progress of the others", "");
  canvas.text({kLeft + 8, kTop + 16}, "↖ better", "ink small");
}

}  // namespace

std::optional<Plot> frontier_plot(const Figures& figures) {
  std::vector<FrontierPoint> points;
  double right = 1.5;
  double left = 1;
  double top = 1;
  for (const ModeFigures& mode : figures.modes) {
    const auto point = mode.mode == "solo" ? std::nullopt : point_of(mode);
    if (!point || point->tail.value <= 0) continue;
    points.push_back(*point);
    left = std::min({left, point->tail.value, point->tail.low.value_or(1)});
    left = std::max(left, point->tail.value / 10);  // an interval may reach towards zero
    right = std::max({right, point->tail.value, point->tail.high.value_or(1)});
    top = std::max({top, point->progress.value, point->progress.high.value_or(0)});
  }
  if (points.empty()) return std::nullopt;
  Plot plot{"frontier",
            "Throughput against tail latency",
            "Up is more work of best-effort and normal closed-loop workloads (sum of their "
            "progress), left is a shorter tail of the latency-critical ones. N is the number of "
            "workloads. "
            "Whiskers: 95 %.",
            Canvas("frontier", "Progress of the others against latency-critical p99",
                   "One dot per mode and mix; the table below has the figures", kWidth, kHeight),
            {{"mix", "mode", "worst p99/solo [95 %]", "progress of the others [95 %]"}, {}},
            false};
  const Scale x = Scale::logarithmic(left * 0.92, right * 1.15, kLeft, kWidth - kRight);
  const Scale y = Scale::linear(0, top * 1.08, kHeight - kBottom, kTop);
  draw_axes(plot.canvas, x, y);
  legend(plot.canvas, {kLeft, 18}, modes_of(figures, false));
  for (const std::string& mode : modes_of(figures, false)) {
    draw_mode(plot.canvas, x, y, mode, points);
  }
  for (const FrontierPoint& point : points) {
    plot.data.rows.push_back({point.mode->mix, point.mode->mode, with_interval(point.tail),
                              with_interval(point.progress)});
  }
  mark_simulated(plot.canvas, figures.simulated);
  return plot;
}

}  // namespace corun::benchmarking
