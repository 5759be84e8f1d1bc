#include "monitoring/gpu_watch.h"

#include <condition_variable>
#include <mutex>
#include <thread>

#include "core/log.h"
#include "gpu/mig.h"
#include "gpu/telemetry.h"

namespace corun::monitoring {

namespace {

constexpr Nanos kSilence = std::chrono::seconds(3);  ///< then NVML counts as hanging
constexpr Nanos kTryAgain = std::chrono::seconds(5);
constexpr Nanos kStateEvery = std::chrono::seconds(2);
constexpr Nanos kNvmlEndPatience = std::chrono::seconds(1);
constexpr size_t kMaxReadings = 1000;  ///< readings between two take() calls

std::optional<std::string> read_compute_mode(const gpu::Nvml& nvml, nvml::DeviceHandle device) {
  const auto mode = gpu::Nvml::read<nvml::ComputeMode>(nvml.nvmlDeviceGetComputeMode, device);
  if (!mode) return std::nullopt;
  switch (*mode) {
    case nvml::ComputeMode::kDefault:
      return "default";
    case nvml::ComputeMode::kProhibited:
      return "prohibited";
    case nvml::ComputeMode::kExclusiveProcess:
      return "exclusive-process";
  }
  return std::nullopt;
}

std::optional<Mig> read_mig(const gpu::Nvml& nvml, nvml::DeviceHandle device) {
  unsigned current = 0;
  unsigned pending = 0;
  if (nvml.nvmlDeviceGetMigMode == nullptr ||
      nvml.nvmlDeviceGetMigMode(device, &current, &pending) != nvml::Code::kSuccess) {
    return std::nullopt;
  }
  Mig mig;
  mig.enabled = current == nvml::kMigEnabled;
  const auto slots =
      gpu::Nvml::read<unsigned>(nvml.nvmlDeviceGetMaxMigDeviceCount, device).value_or(0);
  mig.slots = static_cast<int>(slots);
  if (!mig.enabled) return mig;
  for (gpu::MigInstance& one : gpu::list_mig_instances(nvml, device)) {
    mig.instances.push_back({one.gpu_instance, one.compute_instance, std::move(one.uuid),
                             std::move(one.profile), one.memory_bytes, one.start, one.size});
  }
  return mig;
}

}  // namespace

struct GpuWatch::Shared {
  Shared(std::shared_ptr<const gpu::Nvml> library, const GpuInfo& gpu, double hz)
      : nvml(std::move(library)), info(gpu) {
    periods.fast = from_seconds(1 / hz);
    periods.slow = std::max(periods.fast, Nanos(std::chrono::milliseconds(200)));
    begin = monotonic_now();
  }

  void run();
  /// Reads until it is told to stop, or the GPU is lost.
  Status watch();
  void read_state(nvml::DeviceHandle device);
  bool pause(Nanos length);

  const std::shared_ptr<const gpu::Nvml> nvml;
  const GpuInfo info;
  gpu::TelemetryPeriods periods;

  std::mutex mutex;
  std::condition_variable wake;
  // Guarded by mutex.
  bool stopping = false;
  bool ended = false;
  Instant begin;  ///< of the call that runs, or the last one
  bool fresh = false;
  GpuReading kept;
};

bool GpuWatch::Shared::pause(Nanos length) {
  std::unique_lock lock(mutex);
  return wake.wait_for(lock, length, [this] { return stopping; });
}

void GpuWatch::Shared::read_state(nvml::DeviceHandle device) {
  auto mode = read_compute_mode(*nvml, device);
  auto mig = read_mig(*nvml, device);
  const std::lock_guard lock(mutex);
  kept.compute_mode = std::move(mode);
  kept.mig = std::move(mig);
}

Status GpuWatch::Shared::watch() {
  CORUN_ASSIGN(gpu::TelemetryReader reader, gpu::TelemetryReader::open(nvml, info, periods));
  CORUN_ASSIGN(const nvml::DeviceHandle device, nvml->device_by_uuid(info.uuid));
  auto watch = gpu::EventWatch::start(nvml, info);
  std::optional<gpu::EventWatch> events;
  if (watch) events = std::move(watch).value();
  Instant state_due;
  while (true) {
    const Instant now = monotonic_now();
    auto snapshot = reader.read(now);
    if (!snapshot) return snapshot.error();
    if (now >= state_due) {
      read_state(device);
      state_due = now + kStateEvery;
    }
    {
      const std::lock_guard lock(mutex);
      begin = monotonic_now();
      kept.error.reset();
      if (kept.telemetry.size() < kMaxReadings) kept.telemetry.push_back(std::move(*snapshot));
      if (events) {
        for (const auto& event : events->take()) kept.events.push_back(event);
      }
    }
    if (pause(reader.next_due() - monotonic_now())) return {};
  }
}

void GpuWatch::Shared::run() {
  while (true) {
    const Status status = watch();
    {
      const std::lock_guard lock(mutex);
      if (!status) kept.error = status.error().what;
      if (stopping) break;
    }
    Instant until = monotonic_now() + kTryAgain;
    bool stop = false;
    while (!stop && monotonic_now() < until) {
      stop = pause(std::chrono::milliseconds(500));
      const std::lock_guard lock(mutex);
      begin = monotonic_now();
    }
    if (stop) break;
  }
  const std::lock_guard lock(mutex);
  ended = true;
  wake.notify_all();
}

GpuWatch::GpuWatch(std::shared_ptr<const gpu::Nvml> nvml, const GpuInfo& info, double hz)
    : shared_(std::make_shared<Shared>(std::move(nvml), info, hz)) {
  std::thread([shared = shared_] { shared->run(); }).detach();
}

GpuWatch::~GpuWatch() {
  std::unique_lock lock(shared_->mutex);
  shared_->stopping = true;
  shared_->wake.notify_all();
  if (!shared_->wake.wait_for(lock, kNvmlEndPatience, [this] { return shared_->ended; })) {
    log::warn("an NVML call does not return; its thread is left behind");
  }
}

GpuReading GpuWatch::take(Instant now) {
  const std::lock_guard lock(shared_->mutex);
  GpuReading reading;
  reading.info = shared_->info;
  reading.error = shared_->kept.error;
  reading.compute_mode = shared_->kept.compute_mode;
  reading.mig = shared_->kept.mig;
  reading.telemetry.swap(shared_->kept.telemetry);
  reading.events.swap(shared_->kept.events);
  if (now - shared_->begin > kSilence) reading.error = "NVML does not answer";
  return reading;
}

}  // namespace corun::monitoring
