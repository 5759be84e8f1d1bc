#include <algorithm>

#include "gpu/gpm.h"
#include "gpu/telemetry.h"

namespace corun::gpu {

namespace {

/// One due time, kept on a grid so that a late reading does not shift the following ones.
class Schedule {
 public:
  explicit Schedule(Nanos period) : period_(period) {}
  Instant due() const { return due_; }
  /// Whether it is due at `now`; if so, the next due time is the next grid point after `now`.
  bool take(Instant now) {
    if (now < due_) return false;
    if (due_.ns == 0) {
      due_ = now + period_;
    } else {
      const int64_t missed = (now - due_).count() / period_.count();
      due_ = due_ + period_ * (missed + 1);
    }
    return true;
  }

 private:
  Nanos period_;
  Instant due_;
};

bool is_fatal(nvml::Code code) {
  return code == nvml::Code::kGpuIsLost || code == nvml::Code::kResetRequired ||
         code == nvml::Code::kUninitialized;
}

/// An NVML getter with one result. Once the device says that it does not support it, it is not
/// called again.
template <typename Value, typename... Arguments>
class Getter {
 public:
  using Function = nvml::Code (*)(nvml::DeviceHandle, Arguments..., Value*);
  Getter(Function function, Arguments... arguments)
      : function_(function), arguments_(arguments...) {}

  std::optional<Value> read(nvml::DeviceHandle device, nvml::Code* worst) {
    if (function_ == nullptr) return std::nullopt;
    Value value{};
    const nvml::Code code =
        std::apply([&](Arguments... arguments) { return function_(device, arguments..., &value); },
                   arguments_);
    if (code == nvml::Code::kSuccess) return value;
    if (is_fatal(code)) *worst = code;
    if (code == nvml::Code::kNotSupported) function_ = nullptr;
    return std::nullopt;
  }

 private:
  Function function_;
  std::tuple<Arguments...> arguments_;
};

}  // namespace

struct TelemetryReader::State {
  State(std::shared_ptr<const Nvml> library, nvml::DeviceHandle handle, const GpuInfo& gpu,
        TelemetryPeriods periods)
      : nvml(std::move(library)),
        device(handle),
        fast(periods.fast),
        slow(periods.slow),
        rare(periods.rare),
        utilization(nvml->nvmlDeviceGetUtilizationRates),
        memory(nvml->nvmlDeviceGetMemoryInfo),
        power_mw(nvml->nvmlDeviceGetPowerUsage),
        sm_clock(nvml->nvmlDeviceGetClockInfo, nvml::ClockKind::kSm),
        memory_clock(nvml->nvmlDeviceGetClockInfo, nvml::ClockKind::kMemory),
        energy_mj(nvml->nvmlDeviceGetTotalEnergyConsumption),
        reasons(nvml->nvmlDeviceGetCurrentClocksThrottleReasons),
        temperature(nvml->nvmlDeviceGetTemperature, nvml::TemperatureSensor::kGpu),
        gpm(GpmReader::open(*nvml, handle)),
        processes(*nvml, handle, gpu.memory_bytes) {}

  void read_fast(GpuSnapshot* snapshot, nvml::Code* worst);
  void read_slow(GpuSnapshot* snapshot, nvml::Code* worst);
  void read_rare(GpuSnapshot* snapshot, nvml::Code* worst);

  std::shared_ptr<const Nvml> nvml;  // shared: a sampler thread may outlive its owner's Nvml
  nvml::DeviceHandle device;
  Schedule fast, slow, rare;
  Getter<nvml::Utilization> utilization;
  Getter<nvml::Memory> memory;
  Getter<unsigned> power_mw;
  Getter<unsigned, nvml::ClockKind> sm_clock;
  Getter<unsigned, nvml::ClockKind> memory_clock;
  Getter<uint64_t> energy_mj;
  Getter<uint64_t> reasons;
  Getter<unsigned, nvml::TemperatureSensor> temperature;
  std::optional<GpmReader> gpm;
  ProcessList processes;
};

void TelemetryReader::State::read_fast(GpuSnapshot* snapshot, nvml::Code* worst) {
  // Memory first: a driver may tell the other figures, which it samples more rarely, from the same
  // reading.
  if (const auto value = memory.read(device, worst)) snapshot->memory_used_bytes = value->used;
  if (const auto value = utilization.read(device, worst)) {
    snapshot->utilization_nvml = std::min(value->gpu, 100U) * 0.01;
    snapshot->memory_utilization = std::min(value->memory, 100U) * 0.01;
  }
  if (const auto value = power_mw.read(device, worst)) snapshot->power_w = *value * 1e-3;
  if (const auto value = sm_clock.read(device, worst)) {
    snapshot->sm_clock_mhz = static_cast<int>(*value);
  }
}

void TelemetryReader::State::read_slow(GpuSnapshot* snapshot, nvml::Code* worst) {
  if (gpm) gpm->read(snapshot);
  snapshot->energy_mj = energy_mj.read(device, worst);
  snapshot->throttle_reasons = reasons.read(device, worst);
}

void TelemetryReader::State::read_rare(GpuSnapshot* snapshot, nvml::Code* worst) {
  if (const auto value = memory_clock.read(device, worst)) {
    snapshot->memory_clock_mhz = static_cast<int>(*value);
  }
  if (const auto value = temperature.read(device, worst)) {
    snapshot->temperature_c = static_cast<int>(*value);
  }
  if (auto list = processes.read()) {
    snapshot->processes_read = true;
    snapshot->processes = std::move(*list);
  }
}

TelemetryReader::TelemetryReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
TelemetryReader::TelemetryReader(TelemetryReader&&) noexcept = default;
TelemetryReader& TelemetryReader::operator=(TelemetryReader&&) noexcept = default;
TelemetryReader::~TelemetryReader() = default;

Result<TelemetryReader> TelemetryReader::open(std::shared_ptr<const Nvml> nvml, const GpuInfo& gpu,
                                              TelemetryPeriods periods) {
  CORUN_ASSIGN(const nvml::DeviceHandle device, nvml->device_by_uuid(gpu.uuid));
  return TelemetryReader(std::make_unique<State>(std::move(nvml), device, gpu, periods));
}

Result<GpuSnapshot> TelemetryReader::read(Instant now) {
  GpuSnapshot snapshot;
  snapshot.at = now;
  nvml::Code worst = nvml::Code::kSuccess;
  if (state_->fast.take(now)) state_->read_fast(&snapshot, &worst);
  if (state_->slow.take(now)) state_->read_slow(&snapshot, &worst);
  if (state_->rare.take(now)) state_->read_rare(&snapshot, &worst);
  CORUN_TRY(state_->nvml->check(worst, "reading the GPU"));
  return snapshot;
}

Instant TelemetryReader::next_due() const {
  return std::min({state_->fast.due(), state_->slow.due(), state_->rare.due()});
}

}  // namespace corun::gpu
