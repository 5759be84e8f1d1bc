#include "workloads/synthetic/gpu_workload.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace corun::synthetic {

namespace {
constexpr int kTries = 4;
/// A timed chain of launches lasts about so long, and has at least so many: what the first launch
/// costs must not count.
constexpr double kChainUs = 6000;
constexpr double kChainMin = 6;
constexpr double kChainMax = 64;
}  // namespace

Status GpuWorkload::initialise() {
  CORUN_ASSIGN(gpu_, GpuSession::open(common_));
  CORUN_TRY(add_state());
  return prepare();
}

Status GpuWorkload::add_state() {
  CORUN_ASSIGN(DeviceState state,
               DeviceState::create(gpu_->driver(), common_.seed + states_.size()));
  states_.push_back(std::move(state));
  return {};
}

Status GpuWorkload::burn(uint32_t blocks, uint32_t iterations) {
  CORUN_TRY(gpu_->kernels().burn(gpu_->stream().get(), blocks, state().argument(), iterations));
  state().launched(1);
  return {};
}

Result<Calibration> GpuWorkload::calibrate_burn(uint32_t blocks, double kernel_us) {
  uint64_t launches = 0;
  const Status raised = gpu_->raise_clocks(state().argument(), launches);
  state().launched(launches);
  if (!raised) return raised.error();
  CORUN_ASSIGN(const Calibration found,
               calibrate_on_gpu(*gpu_, kernel_us, [this, blocks](uint32_t iterations) {
                 return burn(blocks, iterations);
               }));
  note(fmt::format("calibrated: corun_burn with {} blocks and {} iterations takes {:.2f} us",
                   blocks, found.iterations, found.duration_us));
  return found;
}

Status GpuWorkload::begin_window() {
  return common_.plant_corruption ? state().corrupt() : Status();
}

Result<Calibration> calibrate_on_gpu(const GpuSession& gpu, double target_us,
                                     const std::function<Status(uint32_t)>& enqueue,
                                     uint32_t first_guess) {
  const int chain =
      static_cast<int>(std::clamp(std::ceil(kChainUs / target_us), kChainMin, kChainMax));
  return calibrate(
      target_us,
      [&](uint32_t iterations) -> Result<double> {
        CORUN_ASSIGN(const double total_us, gpu.time_on_gpu(
                                                [&]() -> Status {
                                                  for (int i = 0; i < chain; ++i) {
                                                    CORUN_TRY(enqueue(iterations));
                                                  }
                                                  return {};
                                                },
                                                kTries));
        return total_us / chain;
      },
      first_guess);
}

}  // namespace corun::synthetic
