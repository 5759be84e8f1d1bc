// Replay: the recorded kernels, copies and gaps of a model, as requests or as training steps.
#include <fmt/format.h>

#include <algorithm>

#include "gpu/graph.h"
#include "workloads/synthetic/factories.h"
#include "workloads/synthetic/gpu_workload.h"
#include "workloads/synthetic/open_loop.h"
#include "workloads/synthetic/pump.h"
#include "workloads/synthetic/recording.h"
#include "workloads/synthetic/replay_kernels.h"

namespace corun::synthetic {

namespace {

constexpr uint32_t kStepsAhead = 3;  // as the recorded training runs ahead of the GPU
constexpr int kChain = 8;            // launches of a timed chain
constexpr int kReplayTries = 3;
constexpr int kGraphsInARow = 3;
constexpr double kEagerTolerance = 0.10;  // as of the eager models themselves

/// Profiles lie beside bin/, as mixes do.
std::filesystem::path profiles_folder() {
  std::error_code ignored;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", ignored);
  return self.parent_path().parent_path() / "profiles";
}

class Replay final : public GpuWorkload {
 public:
  Replay(const CommonOptions& common, const ReplayOptions& options)
      : GpuWorkload(common), options_(options) {}

  WorkloadKind kind() const override { return recording_.kind; }
  std::string unit() const override { return training() ? "samples/s" : "requests/s"; }

  Status initialise() override;
  Status calibrate() override;
  Result<WarmFigures> warm(Nanos length) override;
  Result<WindowOutcome> run(const Window& window, Recorder& recorder) override;
  /// A host that launches kernel by kernel sets the pace, and wanders.
  double settle_tolerance() const override { return as_graph() ? 0 : kEagerTolerance; }

 protected:
  Status prepare() override;

 private:
  bool training() const { return recording_.kind == WorkloadKind::kTraining; }
  bool as_graph() const {
    if (options_.launch == ReplayLaunch::kAsRecorded) return recording_.graph;
    return options_.launch == ReplayLaunch::kGraph;
  }
  /// Submits plan_.ops[index]; launches are to be counted by the caller.
  Status submit(size_t index, const std::vector<uint32_t>& iterations);
  /// The kernels and what is between them, as a graph.
  Result<gpu::Graph> capture(const std::vector<uint32_t>& iterations);
  Result<double> time_burn(uint32_t blocks, uint32_t iterations);
  Result<double> time_graph(const std::vector<uint32_t>& iterations);
  void note_fit(const FittedKernels& fitted);

  /// Everything of a step, each piece when the recorded host submitted it.
  Status launch_step();
  /// One request on an idle server, start to answer.
  Status serve();
  Status steps_until(Instant end, const std::function<bool(uint64_t)>& done);
  Status requests_until(Instant end, const std::function<bool(Instant, Instant)>& answered);

  ReplayOptions options_;
  Recording recording_;
  ReplayPlan plan_;
  std::vector<uint32_t> iterations_;
  std::optional<gpu::Graph> graph_;
  gpu::DeviceMemory device_, other_device_;
  gpu::PinnedMemory host_;
  double capacity_ = 0;  // requests/s, one after the other, as last measured in a warm-up
};

Status Replay::initialise() {
  CORUN_ASSIGN(recording_, load_recording(options_.profile, profiles_folder()));
  if (training() && (options_.rate > 0 || options_.load > 0)) {
    return usage_error(
        fmt::format("profile '{}' is a training, which has no requests", recording_.name),
        "leave out --rate and --load");
  }
  return GpuWorkload::initialise();
}

Status Replay::prepare() {
  plan_ = plan_replay(recording_, gpu().sm_count(), options_.merge);
  uint64_t on_host = 0, on_device = 0;
  for (const ReplayOp& op : plan_.ops) {
    on_device = std::max(on_device, op.bytes);
    const bool crosses = op.kind == OpKind::kCopyIn || op.kind == OpKind::kCopyOut;
    if (crosses) on_host = std::max(on_host, op.bytes);
  }
  if (on_device > 0) {
    CORUN_ASSIGN(device_, allocate(on_device));
    CORUN_ASSIGN(other_device_, allocate(on_device));
  }
  if (on_host > 0) {
    CORUN_ASSIGN(host_, gpu::PinnedMemory::allocate(gpu().driver(), on_host));
  }
  return {};
}

Status Replay::submit(size_t index, const std::vector<uint32_t>& iterations) {
  const ReplayOp& op = plan_.ops[index];
  const cuda::StreamHandle stream = gpu().stream().get();
  if (op.kind != OpKind::kKernel && op.bytes == 0) return {};
  switch (op.kind) {
    case OpKind::kKernel:
      return gpu().kernels().burn(stream, op.blocks, state().argument(), iterations[index]);
    case OpKind::kCopyIn:
      CORUN_CUDA(gpu().driver(), cuMemcpyHtoDAsync, device_.address(), host_.data(), op.bytes,
                 stream);
      return {};
    case OpKind::kCopyOut:
      CORUN_CUDA(gpu().driver(), cuMemcpyDtoHAsync, host_.data(), device_.address(), op.bytes,
                 stream);
      return {};
    case OpKind::kCopyOnDevice:
      CORUN_CUDA(gpu().driver(), cuMemcpyDtoDAsync, other_device_.address(), device_.address(),
                 op.bytes, stream);
      return {};
    case OpKind::kSet:
      CORUN_CUDA(gpu().driver(), cuMemsetD8Async, other_device_.address(), 0, op.bytes, stream);
      return {};
  }
  return {};
}

Result<gpu::Graph> Replay::capture(const std::vector<uint32_t>& iterations) {
  return gpu::Graph::capture(gpu().stream(), [&]() -> Status {
    for (size_t i = plan_.first_kernel; i < plan_.after_kernels; ++i) {
      CORUN_TRY(submit(i, iterations));
    }
    return {};
  });
}

Result<double> Replay::time_burn(uint32_t blocks, uint32_t iterations) {
  CORUN_ASSIGN(const double chain_us, gpu().time_on_gpu(
                                          [&]() -> Status {
                                            for (int i = 0; i < kChain; ++i) {
                                              CORUN_TRY(burn(blocks, iterations));
                                            }
                                            return {};
                                          },
                                          kReplayTries));
  return chain_us / kChain;
}

/// From one launch's end to the next one's: what comes before the first launch does not count.
Result<double> Replay::time_graph(const std::vector<uint32_t>& iterations) {
  CORUN_ASSIGN(const gpu::Graph graph, capture(iterations));
  const auto in_a_row = [&](int count) {
    return gpu().time_on_gpu(
        [&, count]() -> Status {
          for (int i = 0; i < count; ++i) {
            CORUN_TRY(graph.launch(gpu().stream().get()));
            state().launched(plan_.launches);
          }
          return {};
        },
        kReplayTries);
  };
  CORUN_ASSIGN(const double one_us, in_a_row(1));
  CORUN_ASSIGN(const double several_us, in_a_row(kGraphsInARow));
  return (several_us - one_us) / (kGraphsInARow - 1);
}

Status Replay::calibrate() {
  uint64_t launches = 0;
  const Status raised = gpu().raise_clocks(state().argument(), launches);
  state().launched(launches);
  if (!raised) return raised.error();
  CORUN_ASSIGN(const auto lines, fit_lines(plan_, gpu().sm_count(), [this](uint32_t b, uint32_t n) {
                 return time_burn(b, n);
               }));
  FittedKernels fitted = fit_kernels(plan_, lines);
  if (as_graph()) {
    // An eager recording has waits for the host in its span, a graph has none.
    const double span_us = recording_.graph ? plan_.span_us : plan_.gpu_us;
    CORUN_ASSIGN(fitted, fit_whole(plan_, lines, span_us, [this](const auto& iterations) {
                   return time_graph(iterations);
                 }));
  }
  iterations_ = fitted.iterations;
  if (as_graph()) {
    CORUN_ASSIGN(graph_, capture(iterations_));
  }
  note_fit(fitted);
  return {};
}

void Replay::note_fit(const FittedKernels& fitted) {
  const double recorded_us = as_graph() && recording_.graph ? plan_.span_us : plan_.gpu_us;
  note(
      fmt::format("replay of {} (recorded on {}): {} kernels of {} sizes, {:.1f} us on the GPU "
                  "as recorded, {:.1f} us here{}",
                  recording_.name, recording_.gpu.name, plan_.launches, fitted.sizes, recorded_us,
                  fitted.gpu_us, options_.merge ? ", merged" : ""));
  if (!as_graph()) note("eager: warm when three windows agree within 10 %");
}

Status Replay::launch_step() {
  // The gaps of a host that launched kernel by kernel are not those of one that launches a graph.
  const bool paced = !graph_ || recording_.graph;
  Instant submitted = monotonic_now();
  double submitted_due_us = 0;
  for (size_t i = 0; i < plan_.ops.size(); ++i) {
    if (paced) {
      // A call that took long, as in a full queue, moves all that follows.
      const Instant due = submitted + from_micros(plan_.ops[i].due_us - submitted_due_us);
      submitted = monotonic_now();
      if (submitted < due) submitted = gpu().waiter().until(due);
      submitted_due_us = plan_.ops[i].due_us;
    }
    if (graph_ && i == plan_.first_kernel) {
      CORUN_TRY(graph_->launch(gpu().stream().get()));
      state().launched(plan_.launches);
      i = plan_.after_kernels - 1;
      continue;
    }
    CORUN_TRY(submit(i, iterations_));
    if (plan_.ops[i].kind == OpKind::kKernel) state().launched(1);
  }
  return {};
}

Status Replay::serve() {
  CORUN_TRY(launch_step());
  return gpu().stream().synchronize();
}

Status Replay::steps_until(Instant end, const std::function<bool(uint64_t)>& done) {
  bool go_on = true;
  Pump pump(gpu(), kStepsAhead, [&](uint64_t items) { go_on = done(items); });
  while (go_on && monotonic_now() < end) {
    Instant host_done;
    CORUN_TRY(pump.submit(gpu().stream(), recording_.batch, [&] {
      host_done = monotonic_now() + from_micros(graph_ ? 0 : plan_.host_us);
      return launch_step();
    }));
    if (monotonic_now() < host_done) gpu().waiter().until(std::min(host_done, end));
  }
  return pump.drain();
}

Status Replay::requests_until(Instant end, const std::function<bool(Instant, Instant)>& answered) {
  bool go_on = true;
  Instant now = monotonic_now();
  do {
    const Instant start = now;
    CORUN_TRY(serve());
    now = monotonic_now();
    go_on = answered(start, now);
  } while (go_on && now < end);
  return {};
}

Result<WarmFigures> Replay::warm(Nanos length) {
  const Instant start = monotonic_now();
  if (training()) {
    uint64_t items = 0;
    CORUN_TRY(steps_until(start + length, [&](uint64_t count) {
      items += count;
      return true;
    }));
    return pipelined_figures(items, monotonic_now() - start);
  }
  SerialMeter meter(start);
  CORUN_TRY(requests_until(start + length, [&](Instant, Instant end) {
    meter.done(end);
    return true;
  }));
  const WarmFigures figures = meter.figures();
  capacity_ = figures.settling.value_or(0);
  return figures;
}

Result<WindowOutcome> Replay::run(const Window& window, Recorder& recorder) {
  CORUN_TRY(begin_window());
  const double rate = options_.load > 0 ? options_.load * capacity_ : options_.rate;
  if (rate > 0) {
    const std::vector<Nanos> arrivals =
        draw_arrivals(options_.arrivals, rate, window.length, window.seed);
    CORUN_ASSIGN(OpenLoop done, serve_arrivals(arrivals, window, gpu().waiter(), recorder,
                                               [this] { return serve(); }));
    if (done.note) note(*std::move(done.note));
    return done.outcome;
  }
  gpu().waiter().until(window.start);
  if (training()) {
    CORUN_TRY(steps_until(window.end(), [&](uint64_t count) {
      recorder.items(count);
      return recorder.listening();
    }));
    return WindowOutcome{};
  }
  CORUN_TRY(requests_until(window.end(), [&](Instant start, Instant end) {
    recorder.request(start, start, end);
    return recorder.listening();
  }));
  return WindowOutcome{};
}

}  // namespace

std::unique_ptr<Workload> make_replay(const CommonOptions& common, const ReplayOptions& options) {
  return std::make_unique<Replay>(common, options);
}

}  // namespace corun::synthetic
