// No GPU: items of a fixed amount of processor work, back to back. What the harness costs a
// workload is the difference between this alone and this under the harness.
#include <fmt/format.h>

#include "workloads/synthetic/calibration.h"
#include "workloads/synthetic/checksum.h"
#include "workloads/synthetic/factories.h"

namespace corun::synthetic {

namespace {

class Noop final : public Workload {
 public:
  Noop(const CommonOptions& common, const NoopOptions& options)
      : options_(options), model_(common.seed, 1), value_(model_.initial().front()) {}

  WorkloadKind kind() const override { return WorkloadKind::kSynthetic; }
  std::string unit() const override { return "items/s"; }
  Status initialise() override { return {}; }

  Status calibrate() override {
    if (options_.item_steps > 0) {
      steps_ = options_.item_steps;
      return {};
    }
    CORUN_ASSIGN(const Calibration found,
                 synthetic::calibrate(options_.item_us, [this](uint32_t steps) {
                   return Result<double>(shortest_item_us(steps));
                 }));
    steps_ = found.iterations;
    notes_.push_back(fmt::format("calibrated: {} steps take {:.2f} us", steps_, found.duration_us));
    return {};
  }

  Result<WarmFigures> warm(Nanos length) override {
    const Instant start = monotonic_now();
    SerialMeter meter(start);
    Instant now = start;
    while (now < start + length) {
      work(steps_);
      now = monotonic_now();
      meter.done(now);
    }
    return meter.figures();
  }

  Result<WindowOutcome> run(const Window& window, Recorder& recorder) override {
    sleep_until(window.start);
    for (Instant start = monotonic_now(); start < window.end() && recorder.listening();) {
      work(steps_);
      const Instant end = monotonic_now();
      recorder.request(start, start, end);
      start = end;
    }
    return WindowOutcome{};
  }

  Result<std::optional<Verification>> verify() override {
    const uint32_t expected =
        repeated(launch_step(model_.addend()), done_)(model_.initial().front());
    const uint32_t words[] = {value_};
    return std::optional(Verification{hash_text(hash_words(words)), value_ == expected});
  }

  uint64_t memory_bytes() const override { return 0; }
  std::vector<std::string> take_notes() override { return std::exchange(notes_, {}); }

 private:
  void work(uint32_t steps) {
    const AffineStep step = launch_step(model_.addend());
    for (uint32_t i = 0; i < steps; ++i) {
      value_ = step(value_);
      asm volatile("" : "+r"(value_));  // each step is done, none folded into the next
    }
    done_ += steps;
  }

  double shortest_item_us(uint32_t steps) {
    constexpr int kRepetitions = 20;
    double best_us = 1e18;
    for (int i = 0; i < kRepetitions; ++i) {
      const Instant start = monotonic_now();
      work(steps);
      best_us = std::min(best_us, to_micros(monotonic_now() - start));
    }
    return best_us;
  }

  NoopOptions options_;
  StateModel model_;
  uint32_t value_;
  uint64_t done_ = 0;
  uint32_t steps_ = 1;
  std::vector<std::string> notes_;
};

}  // namespace

std::unique_ptr<Workload> make_noop(const CommonOptions& common, const NoopOptions& options) {
  return std::make_unique<Noop>(common, options);
}

}  // namespace corun::synthetic
