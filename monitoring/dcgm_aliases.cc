#include "monitoring/dcgm_aliases.h"

#include <cmath>

namespace corun::monitoring {

namespace {

struct Alias {
  const char* name;
  MetricType type;
  const char* help;
  std::optional<double> (*value)(const Gpu& gpu);
};

std::optional<double> times(const std::optional<double>& value, double factor) {
  if (!value) return std::nullopt;
  return *value * factor;
}

std::optional<double> whole(const std::optional<double>& value, double factor) {
  if (!value) return std::nullopt;
  return std::round(*value * factor);
}

constexpr double kMiB = 1024.0 * 1024.0;

std::optional<double> used_mib(const Gpu& gpu) {
  if (!gpu.memory_used_bytes) return std::nullopt;
  return std::floor(static_cast<double>(*gpu.memory_used_bytes) / kMiB);
}

std::optional<double> free_mib(const Gpu& gpu) {
  if (!gpu.memory_used_bytes || *gpu.memory_used_bytes > gpu.memory_bytes) return std::nullopt;
  return std::floor(static_cast<double>(gpu.memory_bytes - *gpu.memory_used_bytes) / kMiB);
}

constexpr Alias kAliases[] = {
    {"DCGM_FI_DEV_SM_CLOCK", MetricType::kGauge, "SM clock frequency (in MHz).",
     [](const Gpu& g) { return whole(g.sm_clock_hz, 1e-6); }},
    {"DCGM_FI_DEV_MEM_CLOCK", MetricType::kGauge, "Memory clock frequency (in MHz).",
     [](const Gpu& g) { return whole(g.memory_clock_hz, 1e-6); }},
    {"DCGM_FI_DEV_MEMORY_TEMP", MetricType::kGauge, "Memory temperature (in C).",
     [](const Gpu& g) { return g.memory_temperature_celsius; }},
    {"DCGM_FI_DEV_GPU_TEMP", MetricType::kGauge, "GPU temperature (in C).",
     [](const Gpu& g) { return g.temperature_celsius; }},
    {"DCGM_FI_DEV_POWER_USAGE", MetricType::kGauge, "Power draw (in W).",
     [](const Gpu& g) { return g.power_watts; }},
    {"DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", MetricType::kCounter,
     "Total energy consumption since boot (in mJ).",
     [](const Gpu& g) { return whole(g.energy_joules, 1e3); }},
    {"DCGM_FI_DEV_GPU_UTIL", MetricType::kGauge, "GPU utilization (in %).",
     [](const Gpu& g) { return whole(g.utilization, 100); }},
    {"DCGM_FI_DEV_MEM_COPY_UTIL", MetricType::kGauge, "Memory utilization (in %).",
     [](const Gpu& g) { return whole(g.memory_utilization, 100); }},
    {"DCGM_FI_DEV_XID_ERRORS", MetricType::kGauge, "Value of the last XID error encountered.",
     [](const Gpu& g) {
       return std::optional<double>(g.last_xid ? static_cast<double>(g.last_xid->xid) : 0);
     }},
    {"DCGM_FI_DEV_FB_FREE", MetricType::kGauge, "Framebuffer memory free (in MiB).", free_mib},
    {"DCGM_FI_DEV_FB_USED", MetricType::kGauge, "Framebuffer memory used (in MiB).", used_mib},
    {"DCGM_FI_PROF_SM_ACTIVE", MetricType::kGauge,
     "The ratio of cycles an SM has at least 1 warp assigned.",
     [](const Gpu& g) { return g.sm_active; }},
    {"DCGM_FI_PROF_SM_OCCUPANCY", MetricType::kGauge,
     "The ratio of number of warps resident on an SM.",
     [](const Gpu& g) { return g.sm_occupancy; }},
    {"DCGM_FI_PROF_PIPE_TENSOR_ACTIVE", MetricType::kGauge,
     "Ratio of cycles the tensor (HMMA) pipe is active.",
     [](const Gpu& g) { return g.tensor_active; }},
    {"DCGM_FI_PROF_DRAM_ACTIVE", MetricType::kGauge,
     "Ratio of cycles the device memory interface is active.",
     [](const Gpu& g) { return g.dram_active; }},
    {"DCGM_FI_PROF_PCIE_TX_BYTES", MetricType::kGauge,
     "The rate of data transmitted over the PCIe bus (in bytes/s).",
     [](const Gpu& g) { return times(g.pcie_tx_bytes_per_second, 1); }},
    {"DCGM_FI_PROF_PCIE_RX_BYTES", MetricType::kGauge,
     "The rate of data received over the PCIe bus (in bytes/s).",
     [](const Gpu& g) { return times(g.pcie_rx_bytes_per_second, 1); }},
};

}  // namespace

void add_dcgm_aliases(const Snapshot& snapshot, Exposition& out) {
  std::vector<std::string> labels;
  for (const Gpu& gpu : snapshot.gpus) {
    const std::string index = std::to_string(gpu.index);
    labels.push_back(labels_text({{"gpu", index},
                                  {"UUID", gpu.uuid},
                                  {"pci_bus_id", gpu.pci_bus_id},
                                  {"device", "nvidia" + index},
                                  {"modelName", gpu.name},
                                  {"hostname", snapshot.node.hostname},
                                  {"DCGM_FI_DRIVER_VERSION", snapshot.node.driver}}));
  }
  for (const Alias& alias : kAliases) {
    out.foreign_family(alias.name, alias.type, alias.help);
    for (size_t i = 0; i < snapshot.gpus.size(); ++i) {
      if (const auto value = alias.value(snapshot.gpus[i])) out.sample(labels[i], *value);
    }
  }
}

}  // namespace corun::monitoring
