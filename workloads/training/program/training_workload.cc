#include "workloads/training/program/training_workload.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "core/wait.h"

namespace corun::training {

namespace {

constexpr size_t kMeanOver = 10;  ///< losses waver from step to step
constexpr uint64_t kLines = 20;

double mean(std::span<const float> losses) {
  return std::accumulate(losses.begin(), losses.end(), 0.0) / static_cast<double>(losses.size());
}

/// "loss 6.91 after 12 steps, 5.02 after 340": means over the first and the last few.
std::string loss_note(std::span<const float> losses, uint64_t first) {
  const size_t few = std::min(kMeanOver, losses.size());
  return fmt::format("loss {:.4f} around step {}, {:.4f} around step {}", mean(losses.first(few)),
                     first + few / 2, mean(losses.last(few)), first + losses.size() - 1 - few / 2);
}

}  // namespace

Status TrainingWorkload::initialise() {
  CORUN_ASSIGN(training_, Training::open(options_));
  notes_.push_back(training_->text());
  return {};
}

Result<tenant::WarmFigures> TrainingWorkload::warm(Nanos length) {
  const Instant start = monotonic_now();
  tenant::SerialMeter meter(start);
  do {
    CORUN_ASSIGN(const auto done, training_->advance(monotonic_now() < start + length));
    if (done) meter.done(monotonic_now());
  } while (monotonic_now() < start + length || training_->running());
  tenant::WarmFigures figures = meter.figures();
  const auto batch = static_cast<double>(training_->batch());
  figures.rate *= batch;
  if (figures.settling) *figures.settling *= batch;
  return figures;
}

Result<tenant::WindowOutcome> TrainingWorkload::run(const tenant::Window& window,
                                                    tenant::Recorder& recorder) {
  sleep_until(window.start);
  const uint64_t waits = training_->loader_waits();
  std::vector<float> losses;
  uint64_t first = 0;
  Instant last = monotonic_now();
  for (bool more = true; more || training_->running();) {
    more = monotonic_now() < window.end() && recorder.listening();
    CORUN_ASSIGN(const auto done, training_->advance(more));
    if (!done) continue;
    if (losses.empty()) first = done->number;
    losses.push_back(done->loss);
    const Instant now = monotonic_now();
    recorder.request(last, last, now, training_->batch());
    last = now;
  }
  if (losses.empty()) return tenant::WindowOutcome{};
  notes_.push_back(loss_note(losses, first));
  notes_.push_back(fmt::format("{} of {} steps waited for their batch",
                               training_->loader_waits() - waits, losses.size()));
  return tenant::WindowOutcome{};
}

Status train_steps(const TrainOptions& options) {
  CORUN_ASSIGN(const auto training, Training::open(options));
  fmt::print("{}\n", training->text());
  const uint64_t between = std::max<uint64_t>(options.steps / kLines, 1);
  const Instant start = monotonic_now();
  for (uint64_t ended = 0; ended < options.steps;) {
    CORUN_ASSIGN(const auto done, training->advance(training->begun() < options.steps));
    if (!done) continue;
    if (++ended % between != 0 && ended != options.steps) continue;
    fmt::print("step {:>6}  loss {:.6f}\n", done->number, done->loss);
  }
  const double seconds = to_seconds(monotonic_now() - start);
  fmt::print("{:.4g} samples/s\n",
             static_cast<double>(options.steps * training->batch()) / seconds);
  return options.checkpoint.empty() ? Status() : training->write_checkpoint();
}

}  // namespace corun::training
