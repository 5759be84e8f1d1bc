// Inference: requests that arrive on their own schedule at one server that answers them in order,
// each by one launch of a CUDA graph of short kernels.
#include <fmt/format.h>

#include "gpu/graph.h"
#include "workloads/synthetic/factories.h"
#include "workloads/synthetic/gpu_workload.h"
#include "workloads/synthetic/open_loop.h"

namespace corun::synthetic {

namespace {

class Infer final : public GpuWorkload {
 public:
  Infer(const CommonOptions& common, const InferOptions& options)
      : GpuWorkload(common), options_(options) {}

  WorkloadKind kind() const override { return WorkloadKind::kInference; }
  std::string unit() const override { return "requests/s"; }

  Status calibrate() override;
  Result<WarmFigures> warm(Nanos length) override;
  Result<WindowOutcome> run(const Window& window, Recorder& recorder) override;

 private:
  Result<gpu::Graph> capture(uint32_t iterations);
  Status launch(const gpu::Graph& graph);
  /// One request on an idle server, start to answer.
  Status serve();

  InferOptions options_;
  std::optional<gpu::Graph> graph_;
  uint32_t blocks_ = 0;
  double capacity_ = 0;  // requests/s, back to back, as last measured in a warm-up
};

Result<gpu::Graph> Infer::capture(uint32_t iterations) {
  return gpu::Graph::capture(gpu().stream(), [&]() -> Status {
    for (uint32_t i = 0; i < options_.kernels; ++i) {
      CORUN_TRY(
          gpu().kernels().burn(gpu().stream().get(), blocks_, state().argument(), iterations));
    }
    return {};
  });
}

Status Infer::launch(const gpu::Graph& graph) {
  CORUN_TRY(graph.launch(gpu().stream().get()));
  state().launched(options_.kernels);
  return {};
}

Status Infer::serve() {
  CORUN_TRY(launch(*graph_));
  return gpu().stream().synchronize();
}

Status Infer::calibrate() {
  blocks_ = options_.blocks != 0 ? options_.blocks : gpu().sm_count();
  const double kernel_us = options_.request_us / options_.kernels;
  CORUN_ASSIGN(const Calibration first, calibrate_burn(blocks_, kernel_us));
  // The kernels of a graph follow one another faster than launches from the host, so the whole
  // request is timed as it will be run.
  constexpr int kMeasurements = 7;
  const auto measure = [&](uint32_t iterations) -> Result<double> {
    CORUN_ASSIGN(const gpu::Graph graph, capture(iterations));
    return gpu().time_on_gpu([&] { return launch(graph); }, kMeasurements);
  };
  CORUN_ASSIGN(const Calibration found,
               synthetic::calibrate(options_.request_us, measure, first.iterations));
  CORUN_ASSIGN(graph_, capture(found.iterations));
  note(
      fmt::format("calibrated: a request of {} kernels with {} blocks and {} iterations takes "
                  "{:.1f} us",
                  options_.kernels, blocks_, found.iterations, found.duration_us));
  return {};
}

Result<WarmFigures> Infer::warm(Nanos length) {
  const Instant start = monotonic_now();
  SerialMeter meter(start);
  Instant now = start;
  do {
    CORUN_TRY(serve());
    now = monotonic_now();
    meter.done(now);
  } while (now < start + length);
  const WarmFigures figures = meter.figures();
  capacity_ = figures.settling.value_or(0);
  return figures;
}

Result<WindowOutcome> Infer::run(const Window& window, Recorder& recorder) {
  const double rate = options_.rate > 0 ? options_.rate : options_.load * capacity_;
  const std::vector<Nanos> arrivals =
      draw_arrivals(options_.arrivals, rate, window.length, window.seed);
  CORUN_TRY(begin_window());
  CORUN_ASSIGN(OpenLoop done, serve_arrivals(arrivals, window, gpu().waiter(), recorder,
                                             [this] { return serve(); }));
  if (done.note) note(*std::move(done.note));
  return done.outcome;
}

}  // namespace

std::unique_ptr<Workload> make_infer(const CommonOptions& common, const InferOptions& options) {
  return std::make_unique<Infer>(common, options);
}

}  // namespace corun::synthetic
