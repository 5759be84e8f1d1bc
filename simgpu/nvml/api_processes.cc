// Processes on the GPU, and events (of which a simulated GPU has none).
#include <algorithm>
#include <cmath>
#include <ctime>

#include "core/clock.h"
#include "simgpu/nvml/api.h"
#include "simgpu/nvml/library.h"

namespace corun::simgpu::nvml_api {

namespace {

constexpr unsigned kNoInstance = 0xffffffff;

struct EventSet {};

Code entries_of(DeviceHandle device, std::vector<wire::ProcessEntry>* entries) {
  Library& library = Library::get();
  const std::lock_guard lock(library.mutex);
  uint32_t index = 0;
  if (const Code code = library.index_of(device, &index); code != Code::kSuccess) return code;
  Answer answer;
  const Code code = library.call(wire::Type::kProcesses, index, &answer);
  if (code == Code::kSuccess) *entries = answer.array<wire::ProcessEntry>();
  return code;
}

Code running(DeviceHandle device, bool mps, unsigned* count, ProcessInfo* processes) {
  if (count == nullptr) return Code::kInvalidArgument;
  std::vector<wire::ProcessEntry> entries;
  if (const Code code = entries_of(device, &entries); code != Code::kSuccess) return code;
  std::erase_if(entries, [&](const auto& e) { return (e.mps_client != 0) != mps; });
  const unsigned room = *count;
  *count = static_cast<unsigned>(entries.size());
  if (entries.size() > room) return Code::kInsufficientSize;
  if (!entries.empty() && processes == nullptr) return Code::kInvalidArgument;
  for (size_t i = 0; i < entries.size(); ++i) {
    processes[i] = {static_cast<unsigned>(entries[i].pid), entries[i].memory_bytes, kNoInstance,
                    kNoInstance};
  }
  return Code::kSuccess;
}

bool valid(DeviceHandle device, Code* code) {
  Library& library = Library::get();
  const std::lock_guard lock(library.mutex);
  uint32_t index = 0;
  *code = library.index_of(device, &index);
  return *code == Code::kSuccess;
}

}  // namespace

Code nvmlDeviceGetComputeRunningProcesses(DeviceHandle device, unsigned* count,
                                          ProcessInfo* processes) {
  return running(device, false, count, processes);
}

Code nvmlDeviceGetMPSComputeRunningProcesses(DeviceHandle device, unsigned* count,
                                             ProcessInfo* processes) {
  return running(device, true, count, processes);
}

/// One sample per process that used the GPU in the last sampling period.
Code nvmlDeviceGetProcessUtilization(DeviceHandle device, ProcessUtilization* samples,
                                     unsigned* count, uint64_t last_seen_us) {
  if (count == nullptr) return Code::kInvalidArgument;
  std::vector<wire::ProcessEntry> entries;
  if (const Code code = entries_of(device, &entries); code != Code::kSuccess) return code;
  std::erase_if(entries, [](const auto& e) { return !(e.utilization > 0); });
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);  // as NVML stamps samples
  const uint64_t now_us =
      static_cast<uint64_t>(now.tv_sec) * 1'000'000 + static_cast<uint64_t>(now.tv_nsec) / 1000;
  if (entries.empty() || now_us <= last_seen_us) {
    *count = 0;
    return Code::kNotFound;
  }
  const unsigned room = *count;
  *count = static_cast<unsigned>(entries.size());
  if (samples == nullptr || entries.size() > room) return Code::kInsufficientSize;
  for (size_t i = 0; i < entries.size(); ++i) {
    const double share = std::min(entries[i].utilization, 1.0) * 100;
    samples[i] = {static_cast<unsigned>(entries[i].pid),
                  now_us,
                  static_cast<unsigned>(std::lround(share)),
                  0,
                  0,
                  0};
  }
  return Code::kSuccess;
}

Code nvmlDeviceGetSupportedEventTypes(DeviceHandle device, uint64_t* kinds) {
  Code code{};
  if (!valid(device, &code)) return code;
  if (kinds == nullptr) return Code::kInvalidArgument;
  *kinds = 0;
  return Code::kSuccess;
}

Code nvmlDeviceRegisterEvents(DeviceHandle device, uint64_t kinds, EventSetHandle set) {
  Code code{};
  if (!valid(device, &code)) return code;
  if (set == nullptr) return Code::kInvalidArgument;
  return kinds == 0 ? Code::kSuccess : Code::kNotSupported;
}

Code nvmlEventSetCreate(EventSetHandle* set) {
  if (set == nullptr) return Code::kInvalidArgument;
  *set = reinterpret_cast<EventSetHandle>(new EventSet());
  return Code::kSuccess;
}

Code nvmlEventSetWait(EventSetHandle set, EventData* data, unsigned timeout_ms) {
  if (set == nullptr || data == nullptr) return Code::kInvalidArgument;
  sleep_until(monotonic_now() + std::chrono::milliseconds(timeout_ms));  // none ever comes
  return Code::kTimeout;
}

Code nvmlEventSetFree(EventSetHandle set) {
  delete reinterpret_cast<EventSet*>(set);
  return Code::kSuccess;
}

}  // namespace corun::simgpu::nvml_api
