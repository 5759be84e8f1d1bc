#include "simgpu/tools/smi_fields.h"

#include <fmt/format.h>

#include "core/clock.h"
#include "core/files.h"
#include "simgpu/nvml/api.h"

namespace corun::simgpu {

namespace {

namespace api = nvml_api;
using nvml::Code;

const SmiValue kNotAvailable{"[N/A]", ""};

/// A text field from an NVML call (device, buffer, length).
template <typename Call>
SmiValue text(const SmiGpu& gpu, Call call) {
  char buffer[nvml::kNameBytes] = {};
  if (call(gpu.handle, buffer, sizeof buffer) != Code::kSuccess) return kNotAvailable;
  return {buffer, ""};
}

/// A number in milliwatts as watts.
template <typename Call>
SmiValue watts(const SmiGpu& gpu, Call call) {
  unsigned milliwatts = 0;
  if (call(gpu.handle, &milliwatts) != Code::kSuccess) return kNotAvailable;
  return {fmt::format("{:.2f}", milliwatts * 1e-3), "W"};
}

SmiValue mebibytes(uint64_t bytes) { return {std::to_string(bytes >> 20), "MiB"}; }

SmiValue memory(const SmiGpu& gpu, uint64_t nvml::Memory::*member) {
  nvml::Memory info{};
  if (api::nvmlDeviceGetMemoryInfo(gpu.handle, &info) != Code::kSuccess) return kNotAvailable;
  return mebibytes(info.*member);
}

SmiValue utilization(const SmiGpu& gpu, unsigned nvml::Utilization::*member) {
  nvml::Utilization rates{};
  if (api::nvmlDeviceGetUtilizationRates(gpu.handle, &rates) != Code::kSuccess) {
    return kNotAvailable;
  }
  return {std::to_string(rates.*member), "%"};
}

template <typename Call>
SmiValue clock_of(const SmiGpu& gpu, Call call, nvml::ClockKind kind) {
  unsigned mhz = 0;
  if (call(gpu.handle, kind, &mhz) != Code::kSuccess) return kNotAvailable;
  return {std::to_string(mhz), "MHz"};
}

SmiValue mig_mode(const SmiGpu& gpu) {
  unsigned current = 0;
  unsigned pending = 0;
  if (api::nvmlDeviceGetMigMode(gpu.handle, &current, &pending) != Code::kSuccess) {
    return kNotAvailable;
  }
  return {current == nvml::kMigEnabled ? "Enabled" : "Disabled", ""};
}

SmiValue temperature(const SmiGpu& gpu) {
  unsigned celsius = 0;
  const Code code =
      api::nvmlDeviceGetTemperature(gpu.handle, nvml::TemperatureSensor::kGpu, &celsius);
  return code == Code::kSuccess ? SmiValue{std::to_string(celsius), ""} : kNotAvailable;
}

SmiValue bus_id(const SmiGpu& gpu) {
  nvml::PciInfo info{};
  if (api::nvmlDeviceGetPciInfo(gpu.handle, &info) != Code::kSuccess) return kNotAvailable;
  return {info.bus_id, ""};
}

SmiValue compute_capability(const SmiGpu& gpu) {
  int major = 0;
  int minor = 0;
  api::nvmlDeviceGetCudaComputeCapability(gpu.handle, &major, &minor);
  return {fmt::format("{}.{}", major, minor), ""};
}

SmiValue driver_version(const SmiGpu&) {
  char buffer[nvml::kVersionBytes] = {};
  api::nvmlSystemGetDriverVersion(buffer, sizeof buffer);
  return {buffer, ""};
}

SmiValue name(const SmiGpu& gpu) { return text(gpu, api::nvmlDeviceGetName); }
SmiValue uuid(const SmiGpu& gpu) { return text(gpu, api::nvmlDeviceGetUUID); }
SmiValue sm_clock(const SmiGpu& gpu) {
  return clock_of(gpu, api::nvmlDeviceGetClockInfo, nvml::ClockKind::kSm);
}
SmiValue memory_clock(const SmiGpu& gpu) {
  return clock_of(gpu, api::nvmlDeviceGetClockInfo, nvml::ClockKind::kMemory);
}

SmiValue process_name(const SmiApp& app) {
  const std::string path = "/proc/" + std::to_string(app.process.pid) + "/cmdline";
  const std::string line = read_file(path).value_or("");
  return {line.substr(0, line.find('\0')), ""};
}

SmiValue process_memory(const SmiApp& app) { return mebibytes(app.process.used_memory); }

}  // namespace

const GpuFields& gpu_fields() {
  static const GpuFields fields = {
      {"index",
       [](const SmiGpu& gpu) {
         return SmiValue{std::to_string(gpu.index), ""};
       }},
      {"timestamp",
       [](const SmiGpu&) {
         return SmiValue{utc_now_rfc3339(), ""};
       }},
      {"name", name},
      {"gpu_name", name},
      {"uuid", uuid},
      {"gpu_uuid", uuid},
      {"driver_version", driver_version},
      {"pci.bus_id", bus_id},
      {"gpu_bus_id", bus_id},
      {"compute_cap", compute_capability},
      {"memory.total", [](const SmiGpu& gpu) { return memory(gpu, &nvml::Memory::total); }},
      {"memory.used", [](const SmiGpu& gpu) { return memory(gpu, &nvml::Memory::used); }},
      {"memory.free", [](const SmiGpu& gpu) { return memory(gpu, &nvml::Memory::free); }},
      {"utilization.gpu",
       [](const SmiGpu& gpu) { return utilization(gpu, &nvml::Utilization::gpu); }},
      {"utilization.memory",
       [](const SmiGpu& gpu) { return utilization(gpu, &nvml::Utilization::memory); }},
      {"power.draw", [](const SmiGpu& gpu) { return watts(gpu, api::nvmlDeviceGetPowerUsage); }},
      {"power.limit",
       [](const SmiGpu& gpu) { return watts(gpu, api::nvmlDeviceGetEnforcedPowerLimit); }},
      {"temperature.gpu", temperature},
      {"clocks.sm", sm_clock},
      {"clocks.current.sm", sm_clock},
      {"clocks.mem", memory_clock},
      {"clocks.current.memory", memory_clock},
      {"clocks.max.sm",
       [](const SmiGpu& gpu) {
         return clock_of(gpu, api::nvmlDeviceGetMaxClockInfo, nvml::ClockKind::kSm);
       }},
      {"compute_mode",
       [](const SmiGpu&) {
         return SmiValue{"Default", ""};
       }},
      {"persistence_mode",
       [](const SmiGpu&) {
         return SmiValue{"Enabled", ""};
       }},
      {"mig.mode.current", mig_mode},
      {"pstate",
       [](const SmiGpu&) {
         return SmiValue{"P0", ""};
       }},
  };
  return fields;
}

const AppFields& app_fields() {
  static const AppFields fields = {
      {"pid",
       [](const SmiApp& app) {
         return SmiValue{std::to_string(app.process.pid), ""};
       }},
      {"process_name", process_name},
      {"name", process_name},
      {"used_memory", process_memory},
      {"used_gpu_memory", process_memory},
      {"gpu_uuid", [](const SmiApp& app) { return uuid(app.gpu); }},
      {"gpu_name", [](const SmiApp& app) { return name(app.gpu); }},
      {"gpu_bus_id", [](const SmiApp& app) { return bus_id(app.gpu); }},
  };
  return fields;
}

}  // namespace corun::simgpu
