// Readings: memory, utilisation, power, clocks, GPM. They come from the device engine; what it does
// not model is "not supported", as on a product without that sensor.
#include <algorithm>
#include <cmath>

#include "simgpu/nvml/api.h"
#include "simgpu/nvml/library.h"

namespace corun::simgpu::nvml_api {

namespace {

struct GpmSample {
  wire::Telemetry reading;
  double dram_bytes_per_s = 0;
  bool taken = false;
};

template <typename T>
Code reading_of(DeviceHandle device, T* out, wire::Telemetry* reading) {
  if (out == nullptr) return Code::kInvalidArgument;
  return Library::get().recent_telemetry(device, reading);
}

Code info_of(DeviceHandle device, wire::DeviceInfo* info) {
  Library& library = Library::get();
  const std::lock_guard lock(library.mutex);
  uint32_t index = 0;
  const Code code = library.index_of(device, &index);
  if (code == Code::kSuccess) *info = library.devices()[index];
  return code;
}

unsigned percent(double part) {
  return static_cast<unsigned>(std::lround(std::clamp(part, 0.0, 1.0) * 100));
}

unsigned whole(double value) { return static_cast<unsigned>(std::lround(std::max(value, 0.0))); }

/// The value of one metric between two samples. False: not simulated.
bool gpm_value(const GpmSample& first, const GpmSample& second, GpmMetricId id, double* value) {
  const wire::Telemetry& a = first.reading;
  const wire::Telemetry& b = second.reading;
  const double seconds = static_cast<double>(b.at_ns - a.at_ns) * 1e-9;
  if (seconds <= 0) return false;
  constexpr double kMib = 1024.0 * 1024.0;
  switch (id) {
    case GpmMetricId::kGraphicsUtil:
      *value = (b.busy_s - a.busy_s) / seconds * 100;
      return true;
    case GpmMetricId::kSmUtil:
      *value = (b.sm_s - a.sm_s) / seconds * 100;
      return true;
    case GpmMetricId::kDramUtil:
      *value = (b.dram_bytes - a.dram_bytes) / (second.dram_bytes_per_s * seconds) * 100;
      return true;
    case GpmMetricId::kPcieTxMibPerSecond:
      *value = (b.d2h_bytes - a.d2h_bytes) / seconds / kMib;
      return true;
    case GpmMetricId::kPcieRxMibPerSecond:
      *value = (b.h2d_bytes - a.h2d_bytes) / seconds / kMib;
      return true;
    case GpmMetricId::kSmOccupancy:
    case GpmMetricId::kTensorUtil:
    case GpmMetricId::kFp64Util:
    case GpmMetricId::kFp32Util:
    case GpmMetricId::kFp16Util:
      return false;
  }
  return false;
}

}  // namespace

Code nvmlDeviceGetMemoryInfo(DeviceHandle device, Memory* memory) {
  if (memory == nullptr) return Code::kInvalidArgument;
  wire::Telemetry reading;
  wire::DeviceInfo info;
  const Code read = Library::get().telemetry(device, &reading);
  if (read != Code::kSuccess) return read;
  if (const Code code = info_of(device, &info); code != Code::kSuccess) return code;
  *memory = {info.memory_bytes, info.memory_bytes - reading.memory_used_bytes,
             reading.memory_used_bytes};
  return Code::kSuccess;
}

Code nvmlDeviceGetMemoryInfo_v2(DeviceHandle device, MemoryV2* memory) {
  if (memory == nullptr) return Code::kInvalidArgument;
  if (memory->version != kMemoryV2) return Code::kArgumentVersionMismatch;
  Memory plain{};
  const Code code = nvml_api::nvmlDeviceGetMemoryInfo(device, &plain);
  if (code == Code::kSuccess) *memory = {kMemoryV2, plain.total, 0, plain.free, plain.used};
  return code;
}

Code nvmlDeviceGetUtilizationRates(DeviceHandle device, Utilization* utilization) {
  wire::Telemetry reading;
  const Code code = reading_of(device, utilization, &reading);
  if (code == Code::kSuccess) {
    *utilization = {percent(reading.utilization), percent(reading.memory_utilization)};
  }
  return code;
}

Code nvmlDeviceGetPowerUsage(DeviceHandle device, unsigned* milliwatts) {
  wire::Telemetry reading;
  const Code code = reading_of(device, milliwatts, &reading);
  if (code == Code::kSuccess) *milliwatts = whole(reading.power_w * 1e3);
  return code;
}

Code nvmlDeviceGetEnforcedPowerLimit(DeviceHandle device, unsigned* milliwatts) {
  if (milliwatts == nullptr) return Code::kInvalidArgument;
  wire::DeviceInfo info;
  const Code code = info_of(device, &info);
  if (code == Code::kSuccess) *milliwatts = info.power_limit_mw;
  return code;
}

Code nvmlDeviceGetTotalEnergyConsumption(DeviceHandle device, uint64_t* millijoules) {
  wire::Telemetry reading;
  const Code code = reading_of(device, millijoules, &reading);
  if (code == Code::kSuccess) *millijoules = static_cast<uint64_t>(reading.energy_j * 1e3);
  return code;
}

Code nvmlDeviceGetClockInfo(DeviceHandle device, ClockKind kind, unsigned* mhz) {
  wire::Telemetry reading;
  const Code code = reading_of(device, mhz, &reading);
  if (code != Code::kSuccess) return code;
  *mhz = kind == ClockKind::kMemory ? reading.memory_clock_mhz : reading.sm_clock_mhz;
  return Code::kSuccess;
}

Code nvmlDeviceGetMaxClockInfo(DeviceHandle device, ClockKind kind, unsigned* mhz) {
  if (mhz == nullptr) return Code::kInvalidArgument;
  wire::DeviceInfo info;
  const Code code = info_of(device, &info);
  if (code != Code::kSuccess) return code;
  *mhz = kind == ClockKind::kMemory ? info.memory_clock_mhz : info.sm_clock_mhz;
  return Code::kSuccess;
}

Code nvmlDeviceGetApplicationsClock(DeviceHandle device, ClockKind, unsigned*) {
  wire::DeviceInfo info;
  const Code code = info_of(device, &info);
  return code == Code::kSuccess ? Code::kNotSupported : code;
}

Code nvmlDeviceGetTemperature(DeviceHandle device, TemperatureSensor, unsigned* celsius) {
  wire::Telemetry reading;
  const Code code = reading_of(device, celsius, &reading);
  if (code == Code::kSuccess) *celsius = whole(reading.temperature_c);
  return code;
}

Code nvmlDeviceGetCurrentClocksThrottleReasons(DeviceHandle device, uint64_t* reasons) {
  wire::Telemetry reading;
  const Code code = reading_of(device, reasons, &reading);
  if (code == Code::kSuccess) *reasons = reading.utilization == 0 ? kClocksGpuIdle : 0;
  return code;
}

Code nvmlDeviceGetPerformanceState(DeviceHandle device, unsigned* state) {
  if (state == nullptr) return Code::kInvalidArgument;
  wire::DeviceInfo info;
  const Code code = info_of(device, &info);
  if (code == Code::kSuccess) *state = 0;
  return code;
}

Code nvmlDeviceGetViolationStatus(DeviceHandle device, PerformancePolicy, ViolationTime*) {
  wire::DeviceInfo info;
  const Code code = info_of(device, &info);
  return code == Code::kSuccess ? Code::kNotSupported : code;
}

Code nvmlDeviceGetTotalEccErrors(DeviceHandle device, MemoryError, EccCounter, uint64_t*) {
  wire::DeviceInfo info;
  const Code code = info_of(device, &info);
  return code == Code::kSuccess ? Code::kNotSupported : code;
}

// --- GPM ---

Code nvmlGpmQueryDeviceSupport(DeviceHandle device, GpmSupport* support) {
  if (support == nullptr) return Code::kInvalidArgument;
  if (support->version != kGpmVersion) return Code::kArgumentVersionMismatch;
  wire::DeviceInfo info;
  const Code code = info_of(device, &info);
  if (code == Code::kSuccess) support->supported = info.compute_major >= 9 ? 1 : 0;  // Hopper on
  return code;
}

Code nvmlGpmSampleAlloc(GpmSampleHandle* sample) {
  if (sample == nullptr) return Code::kInvalidArgument;
  *sample = reinterpret_cast<GpmSampleHandle>(new GpmSample());
  return Code::kSuccess;
}

Code nvmlGpmSampleFree(GpmSampleHandle sample) {
  delete reinterpret_cast<GpmSample*>(sample);
  return Code::kSuccess;
}

Code nvmlGpmSampleGet(DeviceHandle device, GpmSampleHandle handle) {
  auto* sample = reinterpret_cast<GpmSample*>(handle);
  if (sample == nullptr) return Code::kInvalidArgument;
  wire::DeviceInfo info;
  if (const Code code = info_of(device, &info); code != Code::kSuccess) return code;
  if (info.compute_major < 9) return Code::kNotSupported;
  sample->dram_bytes_per_s = info.dram_bytes_per_s;
  const Code code = Library::get().telemetry(device, &sample->reading);
  sample->taken = code == Code::kSuccess;
  return code;
}

Code nvmlGpmMetricsGet(GpmMetricsGet* metrics) {
  if (metrics == nullptr || metrics->count > kGpmMetricCapacity) return Code::kInvalidArgument;
  if (metrics->version != kGpmVersion) return Code::kArgumentVersionMismatch;
  const auto* first = reinterpret_cast<const GpmSample*>(metrics->first);
  const auto* second = reinterpret_cast<const GpmSample*>(metrics->second);
  if (first == nullptr || second == nullptr || !first->taken || !second->taken) {
    return Code::kInvalidArgument;
  }
  for (unsigned i = 0; i < metrics->count; ++i) {
    GpmMetric& metric = metrics->metrics[i];
    metric.value = 0;
    metric.code =
        gpm_value(*first, *second, metric.id, &metric.value) ? Code::kSuccess : Code::kNotSupported;
    metric.short_name = "";
    metric.long_name = "";
    metric.unit = "";
  }
  return Code::kSuccess;
}

}  // namespace corun::simgpu::nvml_api
