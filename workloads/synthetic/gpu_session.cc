#include "workloads/synthetic/gpu_session.h"

#include <algorithm>
#include <limits>

#include "core/stats/steady.h"

namespace corun::synthetic {

namespace {

// About 20 ms of work on a recent GPU.
constexpr uint32_t kClocksIterations = 4096;
constexpr int kClocksLaunches = 20;
constexpr Nanos kClocksLimit = std::chrono::seconds(1);

int priority_value(StreamPriority priority, gpu::Context::PriorityRange range) {
  switch (priority) {
    case StreamPriority::kLow:
      return range.least;
    case StreamPriority::kDefault:
      return 0;
    case StreamPriority::kHigh:
      return range.greatest;
  }
  return 0;
}

}  // namespace

Result<std::unique_ptr<GpuSession>> GpuSession::open(const CommonOptions& options) {
  CORUN_ASSIGN(auto driver, gpu::Driver::load());
  CORUN_TRY(driver->init());
  CORUN_ASSIGN(const tenant::Processors processors, tenant::this_process_processors());
  std::unique_ptr<GpuSession> session(
      new GpuSession(std::move(driver), options.wait != WaitChoice::kBlock,
                     tenant::gpu_wait_flag(options.wait, processors)));
  CORUN_TRY(session->set_up(options));
  return session;
}

Status GpuSession::set_up(const CommonOptions& options) {
  CORUN_ASSIGN(context_, gpu::Context::open(*driver_, options.gpu, wait_flag_));
  CORUN_ASSIGN(const int sms, context_->attribute(cuda::DeviceAttribute::kMultiprocessorCount));
  CORUN_ASSIGN(const int l2, context_->attribute(cuda::DeviceAttribute::kL2CacheBytes));
  sm_count_ = static_cast<uint32_t>(sms);
  l2_bytes_ = static_cast<uint64_t>(l2);
  CORUN_ASSIGN(const auto priorities, context_->stream_priorities());
  stream_priority_ = priority_value(options.priority, priorities);
  CORUN_ASSIGN(stream_, new_stream());
  CORUN_ASSIGN(kernels_, Kernels::load(*driver_));
  if (options.memory_bytes > 0) {
    CORUN_ASSIGN(held_, allocate(options.memory_bytes));
  }
  return {};
}

Result<gpu::Stream> GpuSession::new_stream() const {
  return gpu::Stream::create(*driver_,
                             {.flags = cuda::kStreamNonBlocking, .priority = stream_priority_});
}

unsigned GpuSession::event_flags() const {
  return wait_flag_ == cuda::kContextScheduleBlockingSync ? cuda::kEventBlockingSync
                                                          : cuda::kEventDefault;
}

Result<gpu::Event> GpuSession::new_event() const {
  return gpu::Event::create(*driver_, event_flags() | cuda::kEventDisableTiming);
}

Result<gpu::DeviceMemory> GpuSession::allocate(uint64_t bytes) {
  CORUN_ASSIGN(gpu::DeviceMemory memory, gpu::DeviceMemory::allocate(*driver_, bytes));
  memory_bytes_ += bytes;
  return memory;
}

Result<double> GpuSession::time_on_gpu(const std::function<Status()>& enqueue, int tries) const {
  CORUN_ASSIGN(const gpu::Event start, gpu::Event::create(*driver_, event_flags()));
  CORUN_ASSIGN(const gpu::Event end, gpu::Event::create(*driver_, event_flags()));
  double best = std::numeric_limits<double>::infinity();
  for (int i = 0; i < tries; ++i) {
    CORUN_TRY(start.record(stream_->get()));
    CORUN_TRY(enqueue());
    CORUN_TRY(end.record(stream_->get()));
    CORUN_TRY(end.synchronize());
    CORUN_ASSIGN(const Nanos elapsed, end.since(start));
    best = std::min(best, to_micros(elapsed));
  }
  return best;
}

Status GpuSession::raise_clocks(StateArgument state, uint64_t& launches) const {
  const Instant end = monotonic_now() + kClocksLimit;
  const auto chunk = [&]() -> Status {
    for (int i = 0; i < kClocksLaunches; ++i, ++launches) {
      CORUN_TRY(kernels_->burn(stream_->get(), 8 * sm_count_, state, kClocksIterations));
    }
    return {};
  };
  stats::SteadyState steady(3, 0.01);
  do {
    CORUN_ASSIGN(const double chunk_us, time_on_gpu(chunk, 1));
    if (steady.add(chunk_us)) break;
  } while (monotonic_now() < end);
  return {};
}

}  // namespace corun::synthetic
