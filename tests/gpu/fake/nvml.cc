#include "core/abi/nvml.h"

#include "tests/gpu/fake/script.h"

namespace corun::nvml {
namespace {

Code code_of(const fake::Answer& answer) {
  return static_cast<Code>(answer.code(static_cast<int>(Code::kNotSupported)));
}

const auto kDevice = reinterpret_cast<DeviceHandle>(uintptr_t{0x10});

Code text(const char* function, char* buffer, unsigned length) {
  const fake::Answer answer(function);
  fake::copy_text(answer.line(), buffer, length);
  return code_of(answer);
}

template <typename Number>
Code number(const std::string& function, Number* out) {
  const fake::Answer answer(function);
  *out = static_cast<Number>(answer.number(0));
  return code_of(answer);
}

/// Words are PID:BYTES; BYTES is "-" where the driver cannot tell.
Code processes(const char* function, unsigned* count, ProcessInfo* infos) {
  const fake::Answer answer(function);
  if (code_of(answer) != Code::kSuccess) return code_of(answer);
  const auto there = static_cast<unsigned>(answer.words().size());
  const unsigned room = *count;
  *count = there;
  if (there > room) return Code::kInsufficientSize;
  for (unsigned i = 0; i < there; ++i) {
    const std::string word = answer.word(i);
    const size_t colon = word.find(':');
    const std::string bytes = word.substr(colon + 1);
    infos[i] = {static_cast<unsigned>(fake::number_in(word.substr(0, colon))),
                bytes == "-" ? kMemoryNotAvailable : fake::number_in(bytes), ~0U, ~0U};
  }
  return Code::kSuccess;
}

unsigned mig_index(DeviceHandle instance) {
  return static_cast<unsigned>(
      (reinterpret_cast<uintptr_t>(instance) - reinterpret_cast<uintptr_t>(kDevice)) / 16 - 1);
}

}  // namespace

extern "C" {

Code nvmlInit_v2() { return code_of(fake::Answer("nvmlInit")); }
Code nvmlShutdown() { return Code::kSuccess; }
const char* nvmlErrorString(Code) { return "an error"; }

Code nvmlSystemGetDriverVersion(char* version, unsigned length) {
  return text("nvmlSystemGetDriverVersion", version, length);
}
Code nvmlSystemGetCudaDriverVersion_v2(int* version) {
  return number("nvmlSystemGetCudaDriverVersion", version);
}
Code nvmlDeviceGetCount_v2(unsigned* count) { return number("nvmlDeviceGetCount", count); }
Code nvmlDeviceGetHandleByIndex_v2(unsigned, DeviceHandle* device) {
  *device = kDevice;
  return Code::kSuccess;
}
Code nvmlDeviceGetHandleByUUID(const char* uuid, DeviceHandle* device) {
  *device = kDevice;
  return fake::Answer("nvmlDeviceGetUUID").word(0) == uuid ? Code::kSuccess : Code::kNotFound;
}
Code nvmlDeviceGetName(DeviceHandle, char* name, unsigned length) {
  return text("nvmlDeviceGetName", name, length);
}
Code nvmlDeviceGetUUID(DeviceHandle, char* uuid, unsigned length) {
  return text("nvmlDeviceGetUUID", uuid, length);
}
Code nvmlDeviceGetPciInfo_v3(DeviceHandle, PciInfo* info) {
  return text("nvmlDeviceGetPciInfo", info->bus_id, sizeof info->bus_id);
}

Code nvmlDeviceGetMemoryInfo(DeviceHandle, Memory* memory) {
  const fake::Answer answer("nvmlDeviceGetMemoryInfo");  // TOTAL USED
  *memory = {answer.number(0), answer.number(0) - answer.number(1), answer.number(1)};
  return code_of(answer);
}
Code nvmlDeviceGetUtilizationRates(DeviceHandle, Utilization* rates) {
  const fake::Answer answer("nvmlDeviceGetUtilizationRates");  // GPU MEMORY, percent
  *rates = {static_cast<unsigned>(answer.number(0)), static_cast<unsigned>(answer.number(1))};
  return code_of(answer);
}
Code nvmlDeviceGetPowerUsage(DeviceHandle, unsigned* milliwatts) {
  return number("nvmlDeviceGetPowerUsage", milliwatts);
}
Code nvmlDeviceGetEnforcedPowerLimit(DeviceHandle, unsigned* milliwatts) {
  return number("nvmlDeviceGetEnforcedPowerLimit", milliwatts);
}
Code nvmlDeviceGetTotalEnergyConsumption(DeviceHandle, uint64_t* millijoules) {
  return number("nvmlDeviceGetTotalEnergyConsumption", millijoules);
}
Code nvmlDeviceGetClockInfo(DeviceHandle, ClockKind kind, unsigned* mhz) {
  return number(kind == ClockKind::kMemory ? "memory-clock" : "sm-clock", mhz);
}
Code nvmlDeviceGetMaxClockInfo(DeviceHandle, ClockKind, unsigned* mhz) {
  return number("nvmlDeviceGetMaxClockInfo", mhz);
}
Code nvmlDeviceGetTemperature(DeviceHandle, TemperatureSensor, unsigned* celsius) {
  return number("nvmlDeviceGetTemperature", celsius);
}
Code nvmlDeviceGetCurrentClocksThrottleReasons(DeviceHandle, uint64_t* reasons) {
  return number("nvmlDeviceGetCurrentClocksThrottleReasons", reasons);
}
Code nvmlDeviceGetComputeMode(DeviceHandle, ComputeMode* mode) {
  return number("nvmlDeviceGetComputeMode", mode);
}
Code nvmlDeviceGetPersistenceMode(DeviceHandle, Feature* mode) {
  return number("nvmlDeviceGetPersistenceMode", mode);
}
Code nvmlDeviceGetMigMode(DeviceHandle, unsigned* current, unsigned* pending) {
  const Code code = number("nvmlDeviceGetMigMode", current);
  *pending = *current;
  return code;
}

/// The script's word is how many instances there are; instance i has the ids 10 + i and 20 + i.
Code nvmlDeviceGetMaxMigDeviceCount(DeviceHandle, unsigned* count) {
  return number("nvmlDeviceGetMaxMigDeviceCount", count);
}
Code nvmlDeviceGetMigDeviceHandleByIndex(DeviceHandle, unsigned index, DeviceHandle* instance) {
  const fake::Answer answer("nvmlDeviceGetMigDeviceHandleByIndex");
  *instance =
      reinterpret_cast<DeviceHandle>(reinterpret_cast<uintptr_t>(kDevice) + 16 * (index + 1));
  return answer.given() && index < answer.number(0) ? Code::kSuccess : Code::kNotFound;
}
Code nvmlDeviceGetGpuInstanceId(DeviceHandle instance, unsigned* id) {
  *id = 10 + mig_index(instance);
  return Code::kSuccess;
}
Code nvmlDeviceGetComputeInstanceId(DeviceHandle instance, unsigned* id) {
  *id = 20 + mig_index(instance);
  return Code::kSuccess;
}
Code nvmlDeviceGetGpuInstanceById(DeviceHandle, unsigned id, GpuInstanceHandle* instance) {
  *instance = reinterpret_cast<GpuInstanceHandle>(static_cast<uintptr_t>(id));
  return code_of(fake::Answer("nvmlDeviceGetGpuInstanceById"));
}
Code nvmlGpuInstanceGetInfo(GpuInstanceHandle instance, GpuInstanceInfo* info) {
  info->id = static_cast<unsigned>(reinterpret_cast<uintptr_t>(instance));
  info->placement = {2 * (info->id - 10), 2};
  return Code::kSuccess;
}

Code nvmlDeviceGetComputeRunningProcesses_v3(DeviceHandle, unsigned* count, ProcessInfo* infos) {
  return processes("nvmlDeviceGetComputeRunningProcesses", count, infos);
}
Code nvmlDeviceGetMPSComputeRunningProcesses_v3(DeviceHandle, unsigned* count, ProcessInfo* infos) {
  return processes("nvmlDeviceGetMPSComputeRunningProcesses", count, infos);
}
/// Words are PID:SM; samples are at the time given by `sample-time` (default: just now).
Code nvmlDeviceGetProcessUtilization(DeviceHandle, ProcessUtilization* samples, unsigned* count,
                                     uint64_t last_seen_us) {
  const fake::Answer answer("nvmlDeviceGetProcessUtilization");
  if (code_of(answer) != Code::kSuccess) return code_of(answer);
  const fake::Answer time("sample-time");
  *count = static_cast<unsigned>(answer.words().size());
  for (unsigned i = 0; i < *count; ++i) {
    const std::string word = answer.word(i);
    const size_t colon = word.find(':');
    samples[i] = {static_cast<unsigned>(fake::number_in(word.substr(0, colon))),
                  time.given() ? time.number(0) : last_seen_us + 1,
                  static_cast<unsigned>(fake::number_in(word.substr(colon + 1))),
                  0,
                  0,
                  0};
  }
  return Code::kSuccess;
}

Code nvmlGpmQueryDeviceSupport(DeviceHandle, GpmSupport* support) {
  return number("nvmlGpmQueryDeviceSupport", &support->supported);
}
Code nvmlGpmSampleAlloc(GpmSampleHandle* sample) {
  *sample = reinterpret_cast<GpmSampleHandle>(new char);
  return Code::kSuccess;
}
Code nvmlGpmSampleFree(GpmSampleHandle sample) {
  delete reinterpret_cast<char*>(sample);
  return Code::kSuccess;
}
Code nvmlGpmSampleGet(DeviceHandle, GpmSampleHandle) {
  return code_of(fake::Answer("nvmlGpmSampleGet"));
}
/// One line per metric: gpm-ID HUNDREDTHS.
Code nvmlGpmMetricsGet(GpmMetricsGet* request) {
  if (request->version != kGpmVersion) return Code::kArgumentVersionMismatch;
  for (unsigned i = 0; i < request->count; ++i) {
    GpmMetric& metric = request->metrics[i];
    const fake::Answer answer("gpm-" + std::to_string(static_cast<unsigned>(metric.id)));
    metric.value = static_cast<double>(answer.number(0)) * 0.01;
    metric.code = code_of(answer);
  }
  return Code::kSuccess;
}

Code nvmlDeviceGetSupportedEventTypes(DeviceHandle, uint64_t* kinds) {
  return number("nvmlDeviceGetSupportedEventTypes", kinds);
}
Code nvmlDeviceRegisterEvents(DeviceHandle, uint64_t kinds, EventSetHandle) {
  const fake::Answer refusal("nvmlDeviceRegisterEvents");
  if (refusal.given()) return code_of(refusal);
  const fake::Answer answer("nvmlDeviceGetSupportedEventTypes");
  return (kinds & ~answer.number(0)) == 0 ? Code::kSuccess : Code::kNotSupported;
}
Code nvmlEventSetCreate(EventSetHandle* set) {
  *set = reinterpret_cast<EventSetHandle>(uintptr_t{0x20});
  return Code::kSuccess;
}
Code nvmlEventSetFree(EventSetHandle) { return Code::kSuccess; }
/// KIND DATA, at every wait; without a line the wait times out.
Code nvmlEventSetWait_v2(EventSetHandle, EventData* data, unsigned) {
  const fake::Answer answer("nvmlEventSetWait");
  if (!answer.given()) return Code::kTimeout;
  *data = {kDevice, answer.number(0), answer.number(1), ~0U, ~0U};
  return code_of(answer);
}

}  // extern "C"
}  // namespace corun::nvml
