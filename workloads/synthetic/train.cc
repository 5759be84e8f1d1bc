// Training: long kernels back to back, fed by copies of batches that overlap with them.
#include <algorithm>
#include <array>
#include <cmath>

#include "gpu/graph.h"
#include "workloads/synthetic/factories.h"
#include "workloads/synthetic/gpu_workload.h"
#include "workloads/synthetic/pump.h"

namespace corun::synthetic {

namespace {

/// Copies a batch to the device while the step before computes: two buffers, by turns.
class BatchFeeder {
 public:
  static Result<BatchFeeder> create(const GpuSession& gpu, gpu::DeviceMemory first,
                                    gpu::DeviceMemory second) {
    BatchFeeder feeder;
    feeder.gpu_ = &gpu;
    CORUN_ASSIGN(feeder.stream_, gpu.new_stream());
    CORUN_ASSIGN(feeder.batch_, gpu::PinnedMemory::allocate(gpu.driver(), first.bytes()));
    for (Buffer& buffer : feeder.buffers_) {
      CORUN_ASSIGN(buffer.copied, gpu.new_event());
      CORUN_ASSIGN(buffer.used, gpu.new_event());
    }
    feeder.buffers_[0].memory = std::move(first);
    feeder.buffers_[1].memory = std::move(second);
    return feeder;
  }

  /// Before a step's kernels: copies the batch; the kernels' stream waits for it.
  Status begin_step() {
    const Buffer& buffer = buffers_[turn_];
    CORUN_TRY(stream_->wait(*buffer.used));
    CORUN_CUDA(gpu_->driver(), cuMemcpyHtoDAsync, buffer.memory.address(), batch_.data(),
               batch_.bytes(), stream_->get());
    CORUN_TRY(buffer.copied->record(stream_->get()));
    return gpu_->stream().wait(*buffer.copied);
  }
  /// After a step's kernels: its buffer may be filled again once they are done.
  Status end_step() {
    CORUN_TRY(buffers_[turn_].used->record(gpu_->stream().get()));
    turn_ = 1 - turn_;
    return {};
  }

 private:
  struct Buffer {
    gpu::DeviceMemory memory;
    std::optional<gpu::Event> copied;
    std::optional<gpu::Event> used;
  };
  const GpuSession* gpu_ = nullptr;
  std::optional<gpu::Stream> stream_;
  gpu::PinnedMemory batch_;
  std::array<Buffer, 2> buffers_;
  size_t turn_ = 0;
};

class Train final : public GpuWorkload {
 public:
  Train(const CommonOptions& common, const TrainOptions& options)
      : GpuWorkload(common), options_(options) {}

  WorkloadKind kind() const override { return WorkloadKind::kTraining; }
  std::string unit() const override { return "samples/s"; }

  Status calibrate() override {
    blocks_ = options_.blocks != 0 ? options_.blocks : 8 * gpu().sm_count();
    const uint32_t kernels = options_.graph ? options_.kernels_per_step : 1;
    depth_ =
        options_.queue_depth != 0 ? options_.queue_depth : depth_for(options_.kernel_us * kernels);
    CORUN_ASSIGN(const Calibration found, calibrate_burn(blocks_, options_.kernel_us));
    iterations_ = found.iterations;
    return options_.graph ? capture_step() : Status();
  }

  Result<WarmFigures> warm(Nanos length) override {
    const Instant start = monotonic_now();
    uint64_t items = 0;
    CORUN_TRY(pump_until(start + length, [&](uint64_t count) {
      items += count;
      return true;
    }));
    return pipelined_figures(items, monotonic_now() - start);
  }

  Result<WindowOutcome> run(const Window& window, Recorder& recorder) override {
    CORUN_TRY(begin_window());
    gpu().waiter().until(window.start);
    CORUN_TRY(pump_until(window.end(), [&](uint64_t count) {
      recorder.items(count);
      return recorder.listening();
    }));
    return WindowOutcome{};
  }

 protected:
  Status prepare() override {
    const auto bytes = static_cast<uint64_t>(std::lround(options_.batch_mib * 1024.0 * 1024.0));
    if (bytes == 0) return {};
    CORUN_ASSIGN(gpu::DeviceMemory first, allocate(bytes));
    CORUN_ASSIGN(gpu::DeviceMemory second, allocate(bytes));
    CORUN_ASSIGN(feeder_, BatchFeeder::create(gpu(), std::move(first), std::move(second)));
    return {};
  }

 private:
  Status pump_until(Instant end, const std::function<bool(uint64_t)>& done) {
    bool go_on = true;
    Pump pump(gpu(), depth_, [&](uint64_t items) { go_on = done(items); });
    while (step_ && go_on && monotonic_now() < end) {
      CORUN_TRY(pump.submit(gpu().stream(),
                            uint64_t{options_.samples_per_kernel} * options_.kernels_per_step,
                            [&] { return launch_step(); }));
    }
    if (step_) return pump.drain();
    uint32_t kernel = 0;  // of the current step
    while (go_on && monotonic_now() < end) {
      CORUN_TRY(pump.submit(gpu().stream(), options_.samples_per_kernel,
                            [&] { return enqueue(kernel); }));
      kernel = (kernel + 1) % options_.kernels_per_step;
    }
    CORUN_TRY(pump.drain());
    // A step that the end has cut off leaves its buffer to the next step.
    return feeder_ && kernel != 0 ? feeder_->end_step() : Status();
  }

  Status enqueue(uint32_t kernel_of_step) {
    if (feeder_ && kernel_of_step == 0) CORUN_TRY(feeder_->begin_step());
    CORUN_TRY(burn(blocks_, iterations_));
    if (feeder_ && kernel_of_step + 1 == options_.kernels_per_step) return feeder_->end_step();
    return {};
  }

  Status capture_step() {
    CORUN_ASSIGN(step_, gpu::Graph::capture(gpu().stream(), [&]() -> Status {
                   for (uint32_t i = 0; i < options_.kernels_per_step; ++i) {
                     CORUN_TRY(gpu().kernels().burn(gpu().stream().get(), blocks_,
                                                    state().argument(), iterations_));
                   }
                   return {};
                 }));
    return {};
  }
  Status launch_step() {
    CORUN_TRY(step_->launch(gpu().stream().get()));
    state().launched(options_.kernels_per_step);
    return {};
  }

  TrainOptions options_;
  std::optional<BatchFeeder> feeder_;
  std::optional<gpu::Graph> step_;
  uint32_t blocks_ = 0;
  uint32_t depth_ = 2;
  uint32_t iterations_ = 1;
};

}  // namespace

uint32_t depth_for(double kernel_us) {
  constexpr double kQueuedUs = 20000;
  return static_cast<uint32_t>(std::clamp(std::ceil(kQueuedUs / kernel_us), 2.0, 256.0));
}

std::unique_ptr<Workload> make_train(const CommonOptions& common, const TrainOptions& options) {
  return std::make_unique<Train>(common, options);
}

}  // namespace corun::synthetic
