#include <fmt/format.h>

#include <algorithm>

#include "benchmarking/format.h"
#include "benchmarking/report/plots.h"
#include "benchmarking/report/scale.h"
#include "benchmarking/report/theme.h"

namespace corun::benchmarking {

namespace {

constexpr double kWidth = 1060;
constexpr double kLeft = 130;
constexpr double kRight = 190;
constexpr double kTop = 40;
constexpr double kRow = 34;
constexpr double kBar = 22;
constexpr double kHeading = 28;

struct Segment {
  const WorkloadFigures* workload;
  double progress;
};

/// An open-loop workload's progress is about 1 by construction, so it says nothing about capacity.
std::vector<Segment> segments_of(const ModeFigures& mode) {
  std::vector<Segment> segments;
  for (const WorkloadFigures& w : mode.workloads) {
    if (!w.offered && w.progress) segments.push_back({&w, w.progress->value});
  }
  return segments;
}

double total(const std::vector<Segment>& segments) {
  double sum = 0;
  for (const Segment& s : segments) sum += s.progress;
  return sum;
}

void draw_bar(Canvas& canvas, const Scale& x, double y, const ModeFigures& mode) {
  const double middle = y + kRow / 2;
  const double top = middle - kBar / 2;
  const auto segments = segments_of(mode);
  canvas.begin_group(mode_class(mode.mode));
  canvas.text({kLeft - 10, middle + 4.5}, mode.mode, "colored", Anchor::kEnd);
  double done = 0;
  for (size_t i = 0; i < segments.size(); ++i) {
    const Segment& s = segments[i];
    const double from = x(done);
    done += s.progress;
    const double width = std::max(0.5, x(done) - from - 1.5);
    canvas.rect({from, top}, width, kBar, i % 2 == 0 ? "fill" : "tint",
                s.workload->workload + ": progress " + with_interval(s.workload->progress));
    const std::string& name = s.workload->workload;
    if (width > text_width(name) + 6) canvas.text({from + 7, middle + 4}, name, "inside");
  }
  canvas.end_group();
  const Estimate sum = mode.stp.value_or(Estimate{done, {}, {}});
  double label_x = std::max(x(done), x(sum.value)) + 12;
  if (sum.low && sum.high) {
    canvas.whisker(x(*sum.low), x(*sum.high), middle, "whisker-ink");
    label_x = std::max(label_x, x(*sum.high) + 12);
  }
  const std::string label = with_interval(sum);
  const size_t bracket = std::min(label.find(" ["), label.size());
  canvas.text({label_x, middle + 4.5}, label.substr(0, bracket), "strong");
  canvas.text({label_x + text_width(label.substr(0, bracket)) + 10, middle + 4.5},
              label.substr(bracket), "small");
}

void draw_axis(Canvas& canvas, const Scale& x, double bottom) {
  for (const double tick : x.ticks(6)) {
    canvas.line({x(tick), kTop}, {x(tick), bottom}, "grid");
    canvas.text({x(tick), bottom + 18}, tick_text(tick), "", Anchor::kMiddle);
  }
  canvas.text({kLeft, bottom + 38}, "sum of progress (rate in the mix over rate alone)", "");
  canvas.line({x(1), kTop - 6}, {x(1), bottom}, "reference");
  canvas.text({x(1), kTop - 12}, "1 = the work of one GPU, alone", "ink small", Anchor::kMiddle);
}

}  // namespace

std::optional<Plot> throughput_plot(const Figures& figures) {
  std::vector<const ModeFigures*> bars;
  double largest = 1;
  double height = kTop + 50;
  std::string mix;
  for (const ModeFigures& mode : figures.modes) {
    if (mode.mode == "solo" || segments_of(mode).empty()) continue;
    bars.push_back(&mode);
    largest = std::max(largest, total(segments_of(mode)));
    if (mode.stp && mode.stp->high) largest = std::max(largest, *mode.stp->high);
    height += kRow + (mode.mix == mix ? 0 : kHeading);
    mix = mode.mix;
  }
  if (bars.empty()) return std::nullopt;

  Plot plot{"throughput",
            "How much work gets done",
            "Each bar stacks the progress of the closed-loop workloads of one mode; its length is "
            "the system throughput (STP). Right of the dashed line, sharing beats one workload "
            "alone. Whiskers: 95 % over repetitions. Open-loop workloads are left out: their rate "
            "follows their arrivals.",
            Canvas("throughput", "System throughput per mode",
                   "Stacked horizontal bars, one per mode and mix; the table below has the figures",
                   kWidth, height),
            {{"mix", "mode", "workload", "progress [95 %]", "STP [95 %]", "n"}, {}},
            true};
  const Scale x = Scale::linear(0, largest * 1.03, kLeft, kWidth - kRight);
  draw_axis(plot.canvas, x, height - 50);
  double y = kTop;
  mix.clear();
  for (const ModeFigures* mode : bars) {
    if (mode->mix != mix) {
      plot.canvas.text(
          {4, y + 18},
          fmt::format("{}: {} workload{}", mode->mix, mode->n, mode->n == 1 ? "" : "s"), "strong");
      y += kHeading;
      mix = mode->mix;
    }
    draw_bar(plot.canvas, x, y, *mode);
    y += kRow;
    for (const Segment& s : segments_of(*mode)) {
      plot.data.rows.push_back({mode->mix, mode->mode, s.workload->workload,
                                with_interval(s.workload->progress), with_interval(mode->stp),
                                std::to_string(s.workload->launches)});
    }
  }
  mark_simulated(plot.canvas, figures.simulated);
  return plot;
}

}  // namespace corun::benchmarking
