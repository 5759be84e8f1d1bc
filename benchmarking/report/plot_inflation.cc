#include <fmt/format.h>

#include <algorithm>

#include "benchmarking/format.h"
#include "benchmarking/report/plots.h"
#include "benchmarking/report/scale.h"
#include "benchmarking/report/theme.h"

namespace corun::benchmarking {

namespace {

constexpr double kWidth = 520;
constexpr double kLeft = 150;
constexpr double kRight = 64;
constexpr double kTop = 50;
constexpr double kBottom = 48;
constexpr double kDotRow = 19;
constexpr double kGap = 12;

/// One workload of one mix under each mode that has a p99 for it.
struct Group {
  std::string mix;
  std::string workload;
  std::vector<std::pair<const ModeFigures*, const WorkloadFigures*>> entries;
};

std::vector<Group> groups_of(const Figures& figures) {
  std::vector<Group> groups;
  for (const ModeFigures& mode : figures.modes) {
    for (const WorkloadFigures& w : mode.workloads) {
      if (mode.mode == "solo" || !w.inflation || w.inflation->value <= 0) continue;
      auto it = std::find_if(groups.begin(), groups.end(), [&](const Group& g) {
        return g.mix == mode.mix && g.workload == w.workload;
      });
      if (it == groups.end()) it = groups.insert(groups.end(), {mode.mix, w.workload, {}});
      it->entries.emplace_back(&mode, &w);
    }
  }
  return groups;
}

void draw_group(Canvas& canvas, const Scale& x, double y, const Group& group) {
  canvas.text({4, y + 13}, group.workload, "strong");
  canvas.text({4, y + 28}, group.mix, "small");
  for (const auto& [mode, w] : group.entries) {
    const double middle = y + kDotRow / 2;
    const Estimate& e = *w->inflation;
    canvas.begin_group(mode_class(mode->mode));
    if (e.low && e.high) canvas.whisker(x(*e.low), x(*e.high), middle, "whisker", 13);
    canvas.circle({x(e.value), middle}, 5, "dot",
                  fmt::format("{} {}: {} times solo", w->workload, mode->mode, with_interval(e)));
    const double end = std::max(x(e.value) + 6, e.high ? x(*e.high) : 0);
    canvas.text({end + 6, middle + 4.5}, number(e.value) + "×", "colored");
    canvas.end_group();
    y += kDotRow;
  }
}

}  // namespace

std::optional<Plot> inflation_plot(const Figures& figures) {
  const std::vector<Group> groups = groups_of(figures);
  if (groups.empty()) return std::nullopt;
  double lowest = 1;
  double highest = 1.5;
  double height = kTop + kBottom;
  for (const Group& group : groups) {
    height += std::max(30.0, kDotRow * static_cast<double>(group.entries.size())) + kGap;
    for (const auto& [mode, w] : group.entries) {
      lowest = std::min({lowest, w->inflation->value, w->inflation->low.value_or(1)});
      lowest = std::max(lowest, w->inflation->value / 10);  // an interval may reach towards zero
      highest = std::max({highest, w->inflation->value, w->inflation->high.value_or(1)});
    }
  }
  Plot plot{"inflation",
            "What sharing does to the tail",
            "99th percentile of latency over the same workload's alone, from the solo runs around "
            "each repetition. Whiskers: 95 %. Logarithmic axis.",
            Canvas("inflation", "p99 latency over solo p99",
                   "One dot per workload and mode with its interval; the table below has the "
                   "figures",
                   kWidth, height),
            {{"mix", "workload", "mode", "p99/solo [95 %]", "p99 ms [95 %]", "requests"}, {}},
            false};
  Canvas& canvas = plot.canvas;
  const double bottom = height - kBottom;
  const Scale x = Scale::logarithmic(lowest * 0.94, highest * 1.06, kLeft, kWidth - kRight);
  for (const double tick : x.ticks(5)) {
    canvas.line({x(tick), kTop - 8}, {x(tick), bottom}, "grid");
    canvas.text({x(tick), bottom + 18}, tick_text(tick) + "×", "", Anchor::kMiddle);
  }
  canvas.text({kLeft, bottom + 38}, "p99 over p99 alone", "");
  canvas.line({x(1), kTop - 8}, {x(1), bottom}, "reference");
  legend(canvas, {4, 18}, modes_of(figures, false));
  double y = kTop;
  for (const Group& group : groups) {
    draw_group(canvas, x, y, group);
    y += std::max(30.0, kDotRow * static_cast<double>(group.entries.size())) + kGap;
    for (const auto& [mode, w] : group.entries) {
      plot.data.rows.push_back({group.mix, group.workload, mode->mode, with_interval(w->inflation),
                                with_interval(w->p99_ms), std::to_string(w->requests)});
    }
  }
  mark_simulated(canvas, figures.simulated);
  return plot;
}

}  // namespace corun::benchmarking
