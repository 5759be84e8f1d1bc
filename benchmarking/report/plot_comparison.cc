#include <fmt/format.h>

#include <algorithm>

#include "benchmarking/format.h"
#include "benchmarking/report/plots.h"
#include "benchmarking/report/scale.h"
#include "benchmarking/report/theme.h"

namespace corun::benchmarking {

namespace {

constexpr double kWidth = 1060;
constexpr double kLeft = 330;
constexpr double kRight = 270;
constexpr double kTop = 44;
constexpr double kBottom = 50;
constexpr double kRow = 28;

void draw_row(Canvas& canvas, const Scale& x, double middle, const ComparedFigure& f) {
  canvas.begin_group(mode_class(f.mode));
  canvas.text({4, middle + 4.5}, f.mode, "colored");
  canvas.text({130, middle + 4.5}, fmt::format("{} · {} · {}", f.mix, f.workload, f.metric),
              "ink small");
  // The band within which a ratio counts as the same is this row's own.
  canvas.rect({x(1 - f.band), middle - kRow / 2 + 2}, x(1 + f.band) - x(1 - f.band), kRow - 4,
              "band");
  if (f.ratio.low && f.ratio.high) {
    canvas.whisker(x(*f.ratio.low), x(*f.ratio.high), middle, "whisker", 13);
  }
  canvas.circle({x(f.ratio.value), middle}, 5, "dot",
                fmt::format("{} {} {} {}: {} to {} {}", f.mix, f.mode, f.workload, f.metric,
                            number(f.base), number(f.other), f.unit));
  canvas.end_group();
  const double right = kWidth - kRight + 14;
  canvas.text({right, middle + 4.5}, std::string(stats::to_string(f.verdict)), "strong");
  canvas.text({right + 100, middle + 4.5}, ratio_with_interval(f.ratio), "small");
}

}  // namespace

std::optional<Plot> comparison_plot(const RunComparison& comparison, int index) {
  if (comparison.figures.empty()) return std::nullopt;
  double low = 0.97;
  double high = 1.03;
  for (const ComparedFigure& f : comparison.figures) {
    low = std::min({low, f.ratio.value, f.ratio.low.value_or(1), 1 - f.band});
    high = std::max({high, f.ratio.value, f.ratio.high.value_or(1), 1 + f.band});
  }
  const double height = kTop + kBottom + kRow * static_cast<double>(comparison.figures.size());
  const std::string id = fmt::format("comparison-{}", index);
  Plot plot{id,
            fmt::format("{} against {}", comparison.other, comparison.base),
            "Ratios after/before with 95 % intervals. Grey: the band that counts as the same (1 % "
            "for throughput, 5 % for p99). Verdicts hold for the grid as a whole (Holm); AMBIGUOUS "
            "means that these data cannot tell.",
            Canvas(id, "Ratios between two runs",
                   "One dot per figure with its interval; the table below has the figures", kWidth,
                   height),
            {{"mix", "mode", "workload", "metric", "before", "after", "ratio [95 %]", "launches",
              "verdict"},
             {}},
            true};
  const Scale x =
      Scale::logarithmic(std::max(1e-3, low * 0.98), high * 1.02, kLeft, kWidth - kRight);
  Canvas& canvas = plot.canvas;
  const double bottom = height - kBottom;
  for (const double tick : x.ticks(6)) {
    canvas.line({x(tick), kTop - 8}, {x(tick), bottom}, "grid");
    canvas.text({x(tick), bottom + 18}, tick_text(tick), "", Anchor::kMiddle);
  }
  canvas.text({kLeft, bottom + 38}, "after over before", "");
  canvas.line({x(1), kTop - 8}, {x(1), bottom}, "reference");
  double middle = kTop + kRow / 2;
  for (const ComparedFigure& f : comparison.figures) {
    draw_row(canvas, x, middle, f);
    middle += kRow;
    plot.data.rows.push_back({f.mix, f.mode, f.workload, f.metric, number(f.base) + " " + f.unit,
                              number(f.other) + " " + f.unit, ratio_with_interval(f.ratio),
                              fmt::format("{}/{}", f.base_launches, f.other_launches),
                              std::string(stats::to_string(f.verdict))});
  }
  mark_simulated(canvas, comparison.simulated);
  return plot;
}

}  // namespace corun::benchmarking
