#include "engine/daemon/utilization.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "core/clock.h"
#include "core/log.h"
#include "core/wait.h"
#include "gpu/nvml.h"
#include "gpu/processes.h"

namespace corun::daemon {

namespace {
// NVML's figure is of the last 1/6 s, by product: a reading is the mean of several.
constexpr Nanos kPeriod = std::chrono::milliseconds(200);
constexpr int kPeriods = 5;
constexpr Nanos kForLong = std::chrono::hours(1);

void read_processes(gpu::ProcessList& list, Utilization::Reading& reading) {
  const auto processes = list.read();
  if (!processes) return;
  for (const GpuProcess& process : *processes) {
    if (process.sm_utilization) reading.by_pid[process.pid] = *process.sm_utilization;
    if (process.memory_bytes) reading.memory.by_pid[process.pid] = *process.memory_bytes;
  }
}

}  // namespace

Utilization::Utilization(std::string gpu_uuid, uint64_t memory_bytes)
    : uuid_(std::move(gpu_uuid)),
      memory_bytes_(memory_bytes),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (wake_) thread_ = std::jthread([this] { run(); });
}

Utilization::~Utilization() {
  stop_ = true;
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(wake_.get(), &one, sizeof one);
}

void Utilization::set_wanted(bool wanted) {
  if (wanted_.exchange(wanted) == wanted || !wanted) return;
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(wake_.get(), &one, sizeof one);
}

Utilization::Reading Utilization::take() const {
  const std::lock_guard lock(mutex_);
  return reading_;
}

void Utilization::run() {
  const auto nvml = gpu::Nvml::load();
  if (!nvml) return log::debug("no utilisation: {}", nvml.error().text());
  const auto device = (*nvml)->device_by_uuid(uuid_);
  if (!device) return log::debug("no utilisation: {}", device.error().text());
  const bool sees_processes = gpu::PidView::of_this_process().host_namespace;
  gpu::ProcessList list(**nvml, *device, memory_bytes_);
  double sum = 0;
  int count = 0;
  for (int period = 0; !stop_; ++period) {
    const auto rates = wanted_ ? gpu::Nvml::read<nvml::Utilization>(
                                     (*nvml)->nvmlDeviceGetUtilizationRates, *device)
                               : std::nullopt;
    if (rates) {
      sum += std::min(1.0, rates->gpu / 100.0);
      ++count;
    }
    if (period % kPeriods == 0 || !wanted_) {
      Reading fresh;
      if (count > 0) fresh.of_gpu = std::exchange(sum, 0) / std::exchange(count, 0);
      fresh.memory.at = monotonic_now();
      const auto memory =
          wanted_ ? gpu::Nvml::read<nvml::Memory>((*nvml)->nvmlDeviceGetMemoryInfo, *device)
                  : std::nullopt;
      if (memory) fresh.memory.used_bytes = memory->total - std::min(memory->free, memory->total);
      if (wanted_ && sees_processes) read_processes(list, fresh);
      const std::lock_guard lock(mutex_);
      reading_ = std::move(fresh);
    }
    const int fd = wake_.get();
    if (wait_readable({&fd, 1}, monotonic_now() + (wanted_ ? kPeriod : kForLong))[0]) {
      uint64_t woken = 0;
      [[maybe_unused]] const ssize_t n = read(fd, &woken, sizeof woken);
      period = -1;  // somebody came: a whole reading at once
    }
  }
}

}  // namespace corun::daemon
