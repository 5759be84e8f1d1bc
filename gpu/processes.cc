#include "gpu/processes.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>

namespace corun::gpu {

namespace {

// Room for processes that start between two calls; a GPU has at most some hundred.
constexpr unsigned kFirstCapacity = 64;
constexpr int kMaxTries = 6;
// The inode of the initial PID namespace, fixed in Linux (include/linux/proc_ns.h).
constexpr char kHostPidNamespace[] = "pid:[4026531836]";

uint64_t epoch_us_now() {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(
                                   std::chrono::system_clock::now().time_since_epoch())
                                   .count());
}

}  // namespace

ProcessList::ProcessList(const Nvml& nvml, nvml::DeviceHandle device, uint64_t memory_bytes)
    : nvml_(nvml), device_(device), memory_bytes_(memory_bytes) {}

Status ProcessList::add(nvml::Code (*call)(nvml::DeviceHandle, unsigned*, nvml::ProcessInfo*),
                        bool mps, std::map<int, GpuProcess>* by_pid) const {
  if (call == nullptr) {
    return unsupported("the driver lacks the v3 list of processes",
                       "install the NVIDIA driver R520 or newer");
  }
  std::vector<nvml::ProcessInfo> infos(kFirstCapacity);
  auto count = static_cast<unsigned>(infos.size());
  nvml::Code code = call(device_, &count, infos.data());
  for (int tries = 1; code == nvml::Code::kInsufficientSize && tries < kMaxTries; ++tries) {
    infos.resize(std::max<size_t>(count, infos.size()) * 2);
    count = static_cast<unsigned>(infos.size());
    code = call(device_, &count, infos.data());
  }
  CORUN_TRY(nvml_.check(code, mps ? "nvmlDeviceGetMPSComputeRunningProcesses"
                                  : "nvmlDeviceGetComputeRunningProcesses"));
  infos.resize(std::min<size_t>(count, infos.size()));
  for (const nvml::ProcessInfo& info : infos) {
    GpuProcess& process = (*by_pid)[static_cast<int>(info.pid)];
    process.pid = static_cast<int>(info.pid);
    process.mps_client = process.mps_client || mps;
    process.gpu_instance = info.gpu_instance;
    if (info.used_memory <= memory_bytes_) process.memory_bytes = info.used_memory;
  }
  return {};
}

void ProcessList::add_utilization(std::map<int, GpuProcess>* by_pid) {
  if (nvml_.nvmlDeviceGetProcessUtilization == nullptr || !utilization_supported_) return;
  // Without a last time the driver averages over seconds that are long past.
  if (last_sample_us_ == 0) last_sample_us_ = epoch_us_now() - 1'000'000;
  std::vector<nvml::ProcessUtilization> samples(kFirstCapacity);
  auto count = static_cast<unsigned>(samples.size());
  const auto call = nvml_.nvmlDeviceGetProcessUtilization;
  nvml::Code code = call(device_, samples.data(), &count, last_sample_us_);
  for (int tries = 1; code == nvml::Code::kInsufficientSize && tries < kMaxTries; ++tries) {
    samples.resize(std::max<size_t>(count, samples.size()) * 2);
    count = static_cast<unsigned>(samples.size());
    code = call(device_, samples.data(), &count, last_sample_us_);
  }
  if (code == nvml::Code::kNotFound) count = 0;  // nobody used the GPU since
  if (code != nvml::Code::kSuccess && code != nvml::Code::kNotFound) {
    utilization_supported_ = code != nvml::Code::kNotSupported;
    return;
  }
  samples.resize(std::min<size_t>(count, samples.size()));
  for (auto& [pid, process] : *by_pid) process.sm_utilization = 0.0;
  std::map<unsigned, uint64_t> newest_us;
  uint64_t newest = last_sample_us_;
  for (const nvml::ProcessUtilization& sample : samples) {
    const auto process = by_pid->find(static_cast<int>(sample.pid));
    if (sample.time_us <= last_sample_us_ || sample.sm > 100) continue;
    newest = std::max(newest, sample.time_us);
    if (process == by_pid->end() || sample.time_us < newest_us[sample.pid]) continue;
    newest_us[sample.pid] = sample.time_us;
    process->second.sm_utilization = sample.sm * 0.01;
  }
  last_sample_us_ = newest;
}

Result<std::vector<GpuProcess>> ProcessList::read() {
  std::map<int, GpuProcess> by_pid;
  CORUN_TRY(add(nvml_.nvmlDeviceGetComputeRunningProcesses, false, &by_pid));
  const Status mps = add(nvml_.nvmlDeviceGetMPSComputeRunningProcesses, true, &by_pid);
  if (!mps && mps.error().kind != ErrorKind::kUnsupported) return mps.error();
  add_utilization(&by_pid);
  std::vector<GpuProcess> processes;
  processes.reserve(by_pid.size());
  for (auto& [pid, process] : by_pid) processes.push_back(process);
  return processes;
}

PidView PidView::of_this_process() {
  char link[64] = {};
  const ssize_t length = readlink("/proc/self/ns/pid", link, sizeof link - 1);
  return {.host_namespace = length <= 0 || std::strcmp(link, kHostPidNamespace) == 0};
}

ForeignProcesses find_foreign(std::span<const GpuProcess> on_gpu, std::span<const int> ours,
                              const PidView& view) {
  std::vector<int> others;
  for (const GpuProcess& process : on_gpu) {
    if (std::find(ours.begin(), ours.end(), process.pid) == ours.end()) {
      others.push_back(process.pid);
    }
  }
  const bool recognised_one = others.size() < on_gpu.size();
  if (view.host_namespace || ours.empty() || recognised_one) return {std::move(others), 0};
  // The driver tells host PIDs: each of our processes may stand behind one of them.
  const auto unknown = static_cast<int>(others.size());
  return {{}, std::max(0, unknown - static_cast<int>(ours.size()))};
}

}  // namespace corun::gpu
