// A notebook: a person runs a cell (a burst of kernels), thinks, runs the next. The memory stays
// allocated all the time; the latency of a cell is what the person feels.
#include <algorithm>
#include <cmath>

#include "workloads/synthetic/factories.h"
#include "workloads/synthetic/gpu_workload.h"
#include "workloads/synthetic/pump.h"

namespace corun::synthetic {

namespace {

class Notebook final : public GpuWorkload {
 public:
  Notebook(const CommonOptions& common, const NotebookOptions& options)
      : GpuWorkload(common), options_(options) {}

  WorkloadKind kind() const override { return WorkloadKind::kInteractive; }
  std::string unit() const override { return "cells/s"; }

  Status calibrate() override {
    blocks_ = options_.blocks != 0 ? options_.blocks : 8 * gpu().sm_count();
    CORUN_ASSIGN(const Calibration found, calibrate_burn(blocks_, options_.kernel_us));
    iterations_ = found.iterations;
    return {};
  }

  /// One cell, of the median length where `length` allows. A notebook is warm after its first cell.
  Result<WarmFigures> warm(Nanos length) override {
    const uint64_t kernels = kernels_in(std::min(length, options_.burst.median));
    const Instant start = monotonic_now();
    CORUN_TRY(run_cell(kernels, Instant{INT64_MAX}));
    return WarmFigures{.rate = 1.0 / to_seconds(monotonic_now() - start), .settling = {}};
  }

  Result<WindowOutcome> run(const Window& window, Recorder& recorder) override {
    CORUN_TRY(begin_window());
    stats::Random random(window.seed);
    WindowOutcome outcome;
    // The first cell falls somewhere in a think time, so that notebooks do not start together.
    Instant next =
        window.start + from_seconds(random.uniform() * to_seconds(draw(options_.think, random)));
    while (next < window.end() && recorder.listening()) {
      const uint64_t kernels = kernels_in(draw(options_.burst, random));
      const Nanos think = draw(options_.think, random);
      const Instant start = gpu().waiter().until(next);
      CORUN_ASSIGN(const bool finished, run_cell(kernels, window.give_up()));
      const Instant end = monotonic_now();
      if (!finished) {
        ++outcome.unanswered;
        break;
      }
      recorder.request(start, start, end);
      next = end + think;
    }
    gpu().waiter().until(window.end());
    return outcome;
  }

 private:
  uint64_t kernels_in(Nanos burst) const {
    return std::max<uint64_t>(
        1, static_cast<uint64_t>(std::llround(to_micros(burst) / options_.kernel_us)));
  }

  /// False when the cell was given up.
  Result<bool> run_cell(uint64_t kernels, Instant give_up) {
    Pump pump(gpu(), depth_for(options_.kernel_us), [](uint64_t) {});
    bool in_time = true;
    for (uint64_t i = 0; i < kernels && in_time; ++i) {
      CORUN_TRY(pump.submit(gpu().stream(), 1, [this] { return burn(blocks_, iterations_); }));
      in_time = monotonic_now() < give_up;
    }
    CORUN_TRY(pump.drain());
    return in_time;
  }

  NotebookOptions options_;
  uint32_t blocks_ = 0;
  uint32_t iterations_ = 1;
};

}  // namespace

std::unique_ptr<Workload> make_notebook(const CommonOptions& common,
                                        const NotebookOptions& options) {
  return std::make_unique<Notebook>(common, options);
}

}  // namespace corun::synthetic
