#include "monitoring/series.h"

#include <array>

namespace corun::monitoring {

namespace {

Figure named(const Workload& workload, const char* name) {
  const auto found = workload.figures.find(name);
  return found == workload.figures.end() ? Figure{} : found->second;
}

std::optional<double> as_number(const std::optional<uint64_t>& value) {
  if (!value) return std::nullopt;
  return static_cast<double>(*value);
}

constexpr std::array<GpuSeries, 11> kGpuSeries{{
    {"utilization", "ratio", false, [](const Gpu& g) { return g.utilization; }},
    {"memory_used_bytes", "bytes", false,
     [](const Gpu& g) { return as_number(g.memory_used_bytes); }},
    {"power_watts", "watts", false, [](const Gpu& g) { return g.power_watts; }},
    {"temperature_celsius", "celsius", false, [](const Gpu& g) { return g.temperature_celsius; }},
    {"sm_clock_hz", "hertz", false, [](const Gpu& g) { return g.sm_clock_hz; }},
    {"sm_active", "ratio", false, [](const Gpu& g) { return g.sm_active; }},
    {"tensor_active", "ratio", false, [](const Gpu& g) { return g.tensor_active; }},
    {"dram_active", "ratio", false, [](const Gpu& g) { return g.dram_active; }},
    {"pcie_rx_bytes_per_second", "bytes/second", false,
     [](const Gpu& g) { return g.pcie_rx_bytes_per_second; }},
    {"pcie_tx_bytes_per_second", "bytes/second", false,
     [](const Gpu& g) { return g.pcie_tx_bytes_per_second; }},
    {"energy_joules", "joules", true, [](const Gpu& g) { return g.energy_joules; }},
}};

constexpr std::array<WorkloadSeries, 7> kWorkloadSeries{{
    {"gpu_ratio", "ratio", [](const Workload& w) { return w.rates.gpu_ratio; }},
    {"memory_bytes", "bytes", [](const Workload& w) { return named(w, "memory_bytes"); }},
    {"wait_ratio", "ratio", [](const Workload& w) { return w.rates.wait_ratio; }},
    {"burst_p50_us", "microseconds", [](const Workload& w) { return named(w, "burst_p50_us"); }},
    {"burst_p99_us", "microseconds", [](const Workload& w) { return named(w, "burst_p99_us"); }},
    {"launches_per_second", "1/second",
     [](const Workload& w) { return w.rates.launches_per_second; }},
    {"slice_us", "microseconds", [](const Workload& w) { return named(w, "slice_us"); }},
}};

}  // namespace

std::span<const GpuSeries> gpu_series() { return kGpuSeries; }
std::span<const WorkloadSeries> workload_series() { return kWorkloadSeries; }

}  // namespace corun::monitoring
