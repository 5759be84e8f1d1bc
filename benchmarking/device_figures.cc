#include "benchmarking/device_figures.h"

#include <algorithm>

namespace corun::benchmarking {

namespace {

// A clock is judged only where the GPU had work: an idle one may clock down.
constexpr double kBusy = 0.5;

class Mean {
 public:
  void add(const std::optional<double>& value) {
    if (!value) return;
    sum_ += *value;
    ++count_;
  }
  std::optional<double> get() const {
    return count_ == 0 ? std::nullopt : std::optional(sum_ / count_);
  }

 private:
  double sum_ = 0;
  double count_ = 0;
};

// The counter's value at `t`, between the two readings around it.
std::optional<double> energy_at(std::span<const GpuSnapshot> snapshots, Instant t) {
  const GpuSnapshot* before = nullptr;
  for (const GpuSnapshot& snapshot : snapshots) {
    if (!snapshot.energy_mj) continue;
    if (snapshot.at <= t) {
      before = &snapshot;
      continue;
    }
    if (before == nullptr) return std::nullopt;
    double part = to_seconds(t - before->at) / to_seconds(snapshot.at - before->at);
    double low = static_cast<double>(*before->energy_mj);
    double high = static_cast<double>(*snapshot.energy_mj);
    return (low + part * (high - low)) * 1e-3;
  }
  return std::nullopt;
}

}  // namespace

DeviceFigures device_figures(std::span<const GpuSnapshot> snapshots, Instant begin, Instant end,
                             int max_sm_clock_mhz) {
  DeviceFigures figures;
  Mean utilization, sm_active, power;
  for (const GpuSnapshot& snapshot : snapshots) {
    if (snapshot.at < begin || snapshot.at > end) continue;
    utilization.add(snapshot.utilization_nvml);
    sm_active.add(snapshot.sm_active);
    power.add(snapshot.power_w);
    if (snapshot.memory_used_bytes) {
      figures.memory_used_bytes =
          std::max(figures.memory_used_bytes.value_or(0), *snapshot.memory_used_bytes);
    }
    figures.clock_reasons |= snapshot.throttle_reasons.value_or(0);
    bool busy = snapshot.utilization_nvml.value_or(0) >= kBusy;
    if (busy && snapshot.sm_clock_mhz && max_sm_clock_mhz > 0) {
      double share = static_cast<double>(*snapshot.sm_clock_mhz) / max_sm_clock_mhz;
      figures.lowest_clock_share = std::min(figures.lowest_clock_share.value_or(share), share);
    }
  }
  figures.utilization_nvml = utilization.get();
  figures.sm_active = sm_active.get();
  figures.mean_power_w = power.get();
  auto from = energy_at(snapshots, begin);
  auto to = energy_at(snapshots, end);
  if (from && to) figures.energy_j = *to - *from;
  return figures;
}

std::optional<double> gpu_seconds(std::span<const GpuSnapshot> snapshots, Instant begin,
                                  Instant end, std::span<const int> pids) {
  Mean share;
  for (const GpuSnapshot& snapshot : snapshots) {
    if (snapshot.at < begin || snapshot.at > end || snapshot.processes.empty()) continue;
    std::optional<double> sum;
    for (const GpuProcess& process : snapshot.processes) {
      if (std::find(pids.begin(), pids.end(), process.pid) == pids.end()) continue;
      if (process.sm_utilization) sum = sum.value_or(0) + *process.sm_utilization;
    }
    share.add(sum);
  }
  auto mean = share.get();
  return mean ? std::optional(*mean * to_seconds(end - begin)) : std::nullopt;
}

}  // namespace corun::benchmarking
