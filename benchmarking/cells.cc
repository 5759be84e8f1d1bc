#include "benchmarking/cells.h"

#include "core/json_fields.h"
#include "core/json_values.h"

namespace corun::benchmarking {

namespace {

/// Reads the object below `key` with `fill(fields)`; its error becomes the error of `key`.
template <typename Fill>
void read_object(JsonFields& in, const char* key, Fill fill) {
  const Json* value = in.find(key);
  if (value == nullptr) return;
  JsonFields nested(*value, "value");
  fill(nested);
  const Status status = nested.status();
  if (!status) in.fail(key, status.error().what);
}

void read_span(JsonFields& in, const char* key, int64_t& begin_ns, int64_t& end_ns) {
  read_object(in, key, [&](JsonFields& fields) {
    fields.get("begin_ns", begin_ns);
    fields.get("end_ns", end_ns);
  });
}

Json process_json(const GpuProcess& process) {
  return {{"pid", process.pid},
          {"memory_bytes", or_null(process.memory_bytes)},
          {"mps_client", process.mps_client},
          {"sm_utilization", or_null(process.sm_utilization)}};
}

void read_processes(JsonFields& in, std::vector<GpuProcess>& out) {
  const Json* list = in.find("processes");
  if (list == nullptr) return;
  if (!list->is_array()) return in.fail("processes", "not a list");
  for (const Json& entry : *list) {
    JsonFields fields(entry, "entry");
    GpuProcess& process = out.emplace_back();
    fields.get("pid", process.pid);
    fields.get("memory_bytes", process.memory_bytes);
    fields.get("mps_client", process.mps_client);
    fields.get("sm_utilization", process.sm_utilization);
    const Status status = fields.status();
    if (!status) return in.fail("processes", status.error().what);
  }
}

}  // namespace

Json to_json(const CellRecord& cell) {
  return {{"schema", kCellSchema},
          {"run", cell.run},
          {"cell", cell.cell},
          {"mode", cell.mode},
          {"mix", cell.mix},
          {"n", cell.n},
          {"rep", cell.rep},
          {"simulated", cell.simulated},
          {"valid", cell.valid},
          {"reason", cell.reason},
          {"stp", or_null(cell.stp)},
          {"antt", or_null(cell.antt)},
          {"worst_progress", or_null(cell.worst_progress)},
          {"jain", or_null(cell.jain)},
          {"jain_1s", or_null(cell.jain_1s)},
          {"tax", or_null(cell.tax)},
          {"aggregate", or_null(cell.aggregate)},
          {"unit", cell.unit},
          {"energy_j", or_null(cell.energy_j)},
          {"energy_above_idle_j", or_null(cell.energy_above_idle_j)},
          {"idle_power_w", or_null(cell.idle_power_w)},
          {"utilization",
           {{"nvml", or_null(cell.utilization_nvml)}, {"sm_active", or_null(cell.sm_active)}}},
          {"memory_used_bytes", or_null(cell.memory_used_bytes)},
          {"window", {{"begin_ns", cell.window_begin_ns}, {"end_ns", cell.window_end_ns}}},
          {"telemetry", {{"begin_ns", cell.telemetry_begin_ns}, {"end_ns", cell.telemetry_end_ns}}},
          {"bracket_drift", or_null(cell.bracket_drift)},
          {"power_coupled", cell.power_coupled}};
}

Result<CellRecord> cell_record_from_json(const Json& value) {
  CellRecord cell;
  JsonFields in(value, "cell");
  int schema = kCellSchema;
  in.get("schema", schema);
  if (schema != kCellSchema) in.fail("schema", "this corun reads version 1 only");
  in.get("run", cell.run);
  in.get("cell", cell.cell);
  in.get("mode", cell.mode);
  in.get("mix", cell.mix);
  in.get("n", cell.n);
  in.get("rep", cell.rep);
  in.get("simulated", cell.simulated);
  in.get("valid", cell.valid);
  in.get("reason", cell.reason);
  in.get("stp", cell.stp);
  in.get("antt", cell.antt);
  in.get("worst_progress", cell.worst_progress);
  in.get("jain", cell.jain);
  in.get("jain_1s", cell.jain_1s);
  in.get("tax", cell.tax);
  in.get("aggregate", cell.aggregate);
  in.get("unit", cell.unit);
  in.get("energy_j", cell.energy_j);
  in.get("energy_above_idle_j", cell.energy_above_idle_j);
  in.get("idle_power_w", cell.idle_power_w);
  read_object(in, "utilization", [&](JsonFields& fields) {
    fields.get("nvml", cell.utilization_nvml);
    fields.get("sm_active", cell.sm_active);
  });
  in.get("memory_used_bytes", cell.memory_used_bytes);
  read_span(in, "window", cell.window_begin_ns, cell.window_end_ns);
  read_span(in, "telemetry", cell.telemetry_begin_ns, cell.telemetry_end_ns);
  in.get("bracket_drift", cell.bracket_drift);
  in.get("power_coupled", cell.power_coupled);
  CORUN_TRY(in.status());
  return cell;
}

Json to_json(const TelemetryRecord& record) {
  const GpuSnapshot& s = record.snapshot;
  Json processes = Json::array();
  for (const GpuProcess& process : s.processes) processes.push_back(process_json(process));
  return {{"cell", record.cell},
          {"t_ns", s.at.ns},
          {"utilization_nvml", or_null(s.utilization_nvml)},
          {"sm_active", or_null(s.sm_active)},
          {"sm_occupancy", or_null(s.sm_occupancy)},
          {"tensor_active", or_null(s.tensor_active)},
          {"dram_active", or_null(s.dram_active)},
          {"pcie_rx_mib_s", or_null(s.pcie_rx_mib_s)},
          {"pcie_tx_mib_s", or_null(s.pcie_tx_mib_s)},
          {"memory_used_bytes", or_null(s.memory_used_bytes)},
          {"power_w", or_null(s.power_w)},
          {"energy_mj", or_null(s.energy_mj)},
          {"sm_clock_mhz", or_null(s.sm_clock_mhz)},
          {"memory_clock_mhz", or_null(s.memory_clock_mhz)},
          {"temperature_c", or_null(s.temperature_c)},
          {"throttle_reasons", or_null(s.throttle_reasons)},
          {"processes", std::move(processes)}};
}

Result<TelemetryRecord> telemetry_record_from_json(const Json& value) {
  TelemetryRecord record;
  GpuSnapshot& s = record.snapshot;
  JsonFields in(value, "telemetry");
  in.get("cell", record.cell);
  in.get("t_ns", s.at.ns);
  in.get("utilization_nvml", s.utilization_nvml);
  in.get("sm_active", s.sm_active);
  in.get("sm_occupancy", s.sm_occupancy);
  in.get("tensor_active", s.tensor_active);
  in.get("dram_active", s.dram_active);
  in.get("pcie_rx_mib_s", s.pcie_rx_mib_s);
  in.get("pcie_tx_mib_s", s.pcie_tx_mib_s);
  in.get("memory_used_bytes", s.memory_used_bytes);
  in.get("power_w", s.power_w);
  in.get("energy_mj", s.energy_mj);
  in.get("sm_clock_mhz", s.sm_clock_mhz);
  in.get("memory_clock_mhz", s.memory_clock_mhz);
  in.get("temperature_c", s.temperature_c);
  in.get("throttle_reasons", s.throttle_reasons);
  read_processes(in, s.processes);
  CORUN_TRY(in.status());
  return record;
}

}  // namespace corun::benchmarking
