#include "workloads/synthetic/aggressor.h"

#include <fmt/format.h>

namespace corun::synthetic {

Status Aggressor::calibrate() {
  CORUN_ASSIGN(piece_, fit());
  return {};
}

Result<WarmFigures> Aggressor::warm(Nanos length) {
  const Instant start = monotonic_now();
  uint64_t items = 0;
  CORUN_TRY(press_until(start + length, [&](uint64_t count) {
    items += count;
    return true;
  }));
  return figures(items, monotonic_now() - start);
}

Result<WindowOutcome> Aggressor::run(const Window& window, Recorder& recorder) {
  CORUN_TRY(begin_window());
  gpu().waiter().until(window.start);
  uint64_t items = 0;
  CORUN_TRY(press_until(window.end(), [&](uint64_t count) {
    items += count;
    recorder.items(count);
    return recorder.listening();
  }));
  const double seconds = to_seconds(monotonic_now() - window.start);
  note(fmt::format("achieved: {}", achieved(static_cast<double>(items) / seconds)));
  return WindowOutcome{};
}

Status Aggressor::press_until(Instant end, const std::function<bool(uint64_t)>& done) {
  const DutyCycle cycle(options_.intensity, piece_);
  bool go_on = true;
  Pump pump(gpu(), depth(), [&](uint64_t items) { go_on = done(items); });
  Instant period = monotonic_now();
  while (go_on && monotonic_now() < end) {
    for (uint64_t i = 0; i < cycle.pieces() && go_on && monotonic_now() < end; ++i) {
      CORUN_TRY(submit(pump));
    }
    if (cycle.continuous()) continue;
    CORUN_TRY(pump.drain());
    period = cycle.next(period, monotonic_now());
    gpu().waiter().until(std::min(period, end));
  }
  return pump.drain();
}

std::unique_ptr<Workload> make_aggressor(const CommonOptions& common,
                                         const AggressorOptions& options) {
  switch (options.kind) {
    case AggressorKind::kFp32:
    case AggressorKind::kTensor:
      return make_compute_aggressor(common, options);
    case AggressorKind::kL2:
      return make_l2_aggressor(common, options);
    case AggressorKind::kDram:
      return make_dram_aggressor(common, options);
    case AggressorKind::kPcie:
      return make_pcie_aggressor(common, options);
    case AggressorKind::kLaunch:
      return make_launch_aggressor(common, options);
  }
  return nullptr;
}

}  // namespace corun::synthetic
