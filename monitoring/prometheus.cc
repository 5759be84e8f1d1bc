#include "monitoring/prometheus.h"

#include <algorithm>

#include "monitoring/dcgm_aliases.h"
#include "monitoring/exposition.h"
#include "monitoring/exposition_workloads.h"

namespace corun::monitoring {

namespace {

constexpr const char* kReasons[] = {"application-clocks", "display-clocks", "gpu-idle",
                                    "hw-power-brake",     "hw-slowdown",    "hw-thermal",
                                    "sw-power-cap",       "sw-thermal",     "sync-boost"};

struct GpuGauge {
  const char* name;
  MetricType type;
  const char* help;
  std::optional<double> (*value)(const Gpu& gpu);
};

std::optional<double> number(const std::optional<uint64_t>& value) {
  if (!value) return std::nullopt;
  return static_cast<double>(*value);
}

constexpr GpuGauge kGpuGauges[] = {
    {"corun_gpu_up", MetricType::kGauge, "Whether the GPU's readings can be made.",
     [](const Gpu& g) { return std::optional<double>(g.error ? 0 : 1); }},
    {"corun_gpu_utilization_ratio", MetricType::kGauge, "Time with any kernel resident, by NVML.",
     [](const Gpu& g) { return g.utilization; }},
    {"corun_gpu_memory_utilization_ratio", MetricType::kGauge,
     "Time that device memory was read or written.",
     [](const Gpu& g) { return g.memory_utilization; }},
    {"corun_gpu_memory_size_bytes", MetricType::kGauge, "Device memory.",
     [](const Gpu& g) { return std::optional<double>(static_cast<double>(g.memory_bytes)); }},
    {"corun_gpu_memory_used_bytes", MetricType::kGauge,
     "Device memory in use, with what the driver keeps for itself.",
     [](const Gpu& g) { return number(g.memory_used_bytes); }},
    {"corun_gpu_sm_active_ratio", MetricType::kGauge, "SM cycles with a warp resident.",
     [](const Gpu& g) { return g.sm_active; }},
    {"corun_gpu_sm_occupancy_ratio", MetricType::kGauge, "Warp slots in use.",
     [](const Gpu& g) { return g.sm_occupancy; }},
    {"corun_gpu_tensor_active_ratio", MetricType::kGauge, "Cycles with a tensor pipe busy.",
     [](const Gpu& g) { return g.tensor_active; }},
    {"corun_gpu_dram_active_ratio", MetricType::kGauge, "Part of the peak memory bandwidth.",
     [](const Gpu& g) { return g.dram_active; }},
    {"corun_gpu_power_watts", MetricType::kGauge, "Power drawn.",
     [](const Gpu& g) { return g.power_watts; }},
    {"corun_gpu_power_limit_watts", MetricType::kGauge, "Power limit in force.",
     [](const Gpu& g) { return g.power_limit_watts; }},
    {"corun_gpu_energy_joules", MetricType::kCounter, "Energy since the driver was loaded.",
     [](const Gpu& g) { return g.energy_joules; }},
    {"corun_gpu_temperature_celsius", MetricType::kGauge, "Temperature of the GPU.",
     [](const Gpu& g) { return g.temperature_celsius; }},
    {"corun_gpu_memory_temperature_celsius", MetricType::kGauge, "Temperature of the memory.",
     [](const Gpu& g) { return g.memory_temperature_celsius; }},
    {"corun_gpu_sm_clock_hertz", MetricType::kGauge, "Clock of the SMs.",
     [](const Gpu& g) { return g.sm_clock_hz; }},
    {"corun_gpu_memory_clock_hertz", MetricType::kGauge, "Clock of the memory.",
     [](const Gpu& g) { return g.memory_clock_hz; }},
    {"corun_gpu_pcie_receive_bytes_per_second", MetricType::kGauge, "PCIe traffic to the GPU.",
     [](const Gpu& g) { return g.pcie_rx_bytes_per_second; }},
    {"corun_gpu_pcie_transmit_bytes_per_second", MetricType::kGauge, "PCIe traffic from the GPU.",
     [](const Gpu& g) { return g.pcie_tx_bytes_per_second; }},
    {"corun_gpu_processes", MetricType::kGauge, "Processes with a context on the GPU.",
     [](const Gpu& g) {
       return g.error ? std::nullopt
                      : std::optional<double>(static_cast<double>(g.processes.size()));
     }},
};

void add_exporter(const Snapshot* snapshot, const ExporterState& state, Exposition& out) {
  const std::string version = snapshot == nullptr ? "" : snapshot->node.version;
  out.family("corun_build", MetricType::kInfo, "Version of corun.");
  out.sample(labels_text({{"version", version}}), 1);
  out.family("corun_up", MetricType::kGauge, "Whether something was collected yet.");
  out.sample("", snapshot == nullptr ? 0 : 1);
  if (snapshot == nullptr) return;
  const CollectorState& collector = snapshot->node.collector;
  out.family("corun_last_collection_success", MetricType::kGauge,
             "Whether the last cycle had no error.");
  out.sample("", collector.errors.empty() ? 1 : 0);
  out.family("corun_last_collection_timestamp_seconds", MetricType::kGauge,
             "When the last cycle was.");
  out.sample("", snapshot->at);
  out.family("corun_last_collection_duration_seconds", MetricType::kGauge,
             "How long the last cycle took.");
  out.sample("", state.last_cycle_seconds);
  out.family("corun_collector_cpu_ratio", MetricType::kGauge,
             "Processor seconds a second of this program.");
  if (collector.cpu_ratio) out.sample("", *collector.cpu_ratio);
  out.family("corun_viewers", MetricType::kGauge, "Streams of the live API.");
  out.sample("", static_cast<double>(state.viewers));
  out.family("corun_viewer_snapshots", MetricType::kCounter, "Snapshots sent to viewers.");
  out.sample("", static_cast<double>(state.snapshots_sent));
  out.family("corun_viewer_drops", MetricType::kCounter,
             "Times that a viewer was behind and got nothing.");
  out.sample("", static_cast<double>(state.snapshots_dropped));
  out.family("corun_history_bytes", MetricType::kGauge, "Size of the history.");
  out.sample("", static_cast<double>(state.history_bytes));
}

void add_gpus(const Snapshot& snapshot, const std::vector<std::string>& labels,
              const Tally::Counts& counts, Exposition& out) {
  out.family("corun_gpu", MetricType::kInfo, "How the GPU is shared, and its driver.");
  for (size_t i = 0; i < snapshot.gpus.size(); ++i) {
    out.sample(joined_labels(labels[i], labels_text({{"sharing_mode", snapshot.gpus[i].mode},
                                                     {"driver_version", snapshot.node.driver}})),
               1);
  }
  for (const GpuGauge& gauge : kGpuGauges) {
    out.family(gauge.name, gauge.type, gauge.help);
    for (size_t i = 0; i < snapshot.gpus.size(); ++i) {
      if (const auto value = gauge.value(snapshot.gpus[i])) out.sample(labels[i], *value);
    }
  }
  out.family("corun_gpu_throttled", MetricType::kGauge, "Whether clocks are held down, and why.");
  for (size_t i = 0; i < snapshot.gpus.size(); ++i) {
    const auto& given = snapshot.gpus[i].throttle_reasons;
    for (const char* reason : kReasons) {
      const bool on = std::find(given.begin(), given.end(), reason) != given.end();
      out.sample(joined_labels(labels[i], labels_text({{"reason", reason}})), on ? 1 : 0);
    }
  }
  const auto each_xid = [&](auto value) {
    for (size_t i = 0; i < snapshot.gpus.size(); ++i) {
      for (const auto& [key, xid] : counts.xids) {
        if (key.first != snapshot.gpus[i].uuid) continue;
        const std::string number = std::to_string(key.second);
        out.sample(joined_labels(labels[i], labels_text({{"xid", number}})), value(xid));
      }
    }
  };
  out.family("corun_gpu_xid_errors", MetricType::kCounter, "XIDs seen since this program began.");
  each_xid([](const XidCount& xid) { return static_cast<double>(xid.count); });
  out.family("corun_gpu_xid_last_timestamp_seconds", MetricType::kGauge,
             "When the XID was seen last.");
  each_xid([](const XidCount& xid) { return xid.last; });
  out.family("corun_events", MetricType::kCounter, "Events of the GPU and of its corund, by kind.");
  for (size_t i = 0; i < snapshot.gpus.size(); ++i) {
    for (const auto& [key, count] : counts.events) {
      if (key.first != snapshot.gpus[i].uuid) continue;
      out.sample(joined_labels(labels[i], labels_text({{"kind", key.second}})),
                 static_cast<double>(count));
    }
  }
}

}  // namespace

std::string prometheus_text(const Snapshot* snapshot, const Tally::Counts& counts,
                            const ExporterState& state, const ExpositionOptions& options) {
  Exposition out(options.openmetrics);
  add_exporter(snapshot, state, out);
  if (snapshot == nullptr) return out.finish();
  std::vector<std::string> labels;
  for (const Gpu& gpu : snapshot->gpus) {
    labels.push_back(labels_text({{"gpu", std::to_string(gpu.index)},
                                  {"UUID", gpu.uuid},
                                  {"gpu_uuid", gpu.uuid},
                                  {"pci_bus_id", gpu.pci_bus_id},
                                  {"model", gpu.name},
                                  {"hostname", snapshot->node.hostname}}));
  }
  add_gpus(*snapshot, labels, counts, out);
  add_daemons(*snapshot, labels, out);
  add_workloads(*snapshot, counts, out);
  add_containers(*snapshot, out);
  if (options.dcgm_aliases) add_dcgm_aliases(*snapshot, out);
  return out.finish();
}

}  // namespace corun::monitoring
