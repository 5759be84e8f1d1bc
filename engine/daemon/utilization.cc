#include "engine/daemon/utilization.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <chrono>

#include "core/clock.h"
#include "core/log.h"
#include "core/wait.h"
#include "gpu/nvml.h"
#include "gpu/processes.h"

namespace corun::daemon {

namespace {
constexpr Nanos kPeriod = std::chrono::seconds(1);
constexpr Nanos kForLong = std::chrono::hours(1);
}  // namespace

Utilization::Utilization(std::string gpu_uuid, uint64_t memory_bytes)
    : uuid_(std::move(gpu_uuid)),
      memory_bytes_(memory_bytes),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (wake_ && gpu::PidView::of_this_process().host_namespace) {
    thread_ = std::jthread([this] { run(); });
  }
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

std::map<int, double> Utilization::take() const {
  const std::lock_guard lock(mutex_);
  return by_pid_;
}

void Utilization::run() {
  const auto nvml = gpu::Nvml::load();
  if (!nvml) return log::debug("no utilisation: {}", nvml.error().text());
  const auto device = (*nvml)->device_by_uuid(uuid_);
  if (!device) return log::debug("no utilisation: {}", device.error().text());
  gpu::ProcessList list(**nvml, *device, memory_bytes_);
  while (!stop_) {
    std::map<int, double> fresh;
    if (wanted_) {
      if (const auto processes = list.read()) {
        for (const GpuProcess& process : *processes) {
          if (process.sm_utilization) fresh[process.pid] = *process.sm_utilization;
        }
      }
    }
    {
      const std::lock_guard lock(mutex_);
      by_pid_ = std::move(fresh);
    }
    const int fd = wake_.get();
    if (wait_readable({&fd, 1}, monotonic_now() + (wanted_ ? kPeriod : kForLong))[0]) {
      uint64_t count = 0;
      [[maybe_unused]] const ssize_t n = read(fd, &count, sizeof count);
    }
  }
}

}  // namespace corun::daemon
