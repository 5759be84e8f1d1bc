#include "workloads/inference/models/gpu_work.h"

#include <algorithm>
#include <cmath>

#include "workloads/synthetic/gpu_workload.h"

namespace corun::inference {

namespace {
constexpr int kTries = 7;
constexpr size_t kMaxGraphs = 512;
}  // namespace

Result<std::unique_ptr<GpuWork>> GpuWork::open(const GpuWorkOptions& options) {
  std::unique_ptr<GpuWork> work(new GpuWork(options));
  CORUN_TRY(work->set_up());
  return work;
}

Status GpuWork::set_up() {
  CORUN_ASSIGN(gpu_, synthetic::GpuSession::open(options_.common));
  CORUN_ASSIGN(state_, synthetic::DeviceState::create(gpu_->driver(), options_.common.seed));
  uint64_t launches = 0;
  const Status raised = gpu_->raise_clocks(state_->argument(), launches);
  state_->launched(launches);
  if (!raised) return raised.error();
  const double fit_us = to_micros(options_.fit);
  const auto one = [this](uint32_t iterations) -> Status {
    CORUN_TRY(burn(iterations));
    state_->launched(1);
    return {};
  };
  CORUN_ASSIGN(const synthetic::Calibration first,
               synthetic::calibrate_on_gpu(*gpu_, fit_us / options_.kernels, one));
  // The kernels of a graph follow one another faster than launches from the host.
  const auto measure = [&](uint32_t iterations) -> Result<double> {
    CORUN_ASSIGN(const gpu::Graph graph, capture(iterations));
    const auto launch = [&]() -> Status {
      CORUN_TRY(graph.launch(gpu_->stream().get()));
      state_->launched(options_.kernels);
      return {};
    };
    return gpu_->time_on_gpu(launch, kTries);
  };
  CORUN_ASSIGN(const synthetic::Calibration found,
               synthetic::calibrate(fit_us, measure, first.iterations));
  iterations_a_us_ = found.iterations / found.duration_us;
  return {};
}

Status GpuWork::burn(uint32_t iterations) const {
  return gpu_->kernels().burn(gpu_->stream().get(), gpu_->sm_count(), state_->argument(),
                              iterations);
}

Result<gpu::Graph> GpuWork::capture(uint32_t iterations) const {
  return gpu::Graph::capture(gpu_->stream(), [&]() -> Status {
    for (uint32_t i = 0; i < options_.kernels; ++i) CORUN_TRY(burn(iterations));
    return {};
  });
}

uint32_t GpuWork::iterations_for(Nanos duration) const {
  constexpr double kMost = 4e9;
  return static_cast<uint32_t>(
      std::clamp(std::round(iterations_a_us_ * to_micros(duration)), 1.0, kMost));
}

Status GpuWork::enqueue_graph(Nanos duration) {
  const uint32_t iterations = iterations_for(duration);
  auto found = graphs_.find(iterations);
  if (found == graphs_.end()) {
    if (graphs_.size() >= kMaxGraphs) graphs_.clear();
    CORUN_ASSIGN(gpu::Graph graph, capture(iterations));
    found = graphs_.emplace(iterations, std::move(graph)).first;
  }
  CORUN_TRY(found->second.launch(gpu_->stream().get()));
  state_->launched(options_.kernels);
  return {};
}

Status GpuWork::enqueue_launches(Nanos duration) {
  const uint32_t iterations = iterations_for(duration);
  for (uint32_t i = 0; i < options_.kernels; ++i) {
    CORUN_TRY(burn(iterations));
    state_->launched(1);
  }
  return {};
}

}  // namespace corun::inference
