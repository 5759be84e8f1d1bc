#include "core/row.h"

#include <algorithm>
#include <map>
#include <string_view>

#include "core/json_fields.h"
#include "core/json_values.h"

namespace corun {

namespace {

Json latency_json(const std::optional<LatencySummary>& latency) {
  if (!latency) return {};
  return {{"n", latency->n},
          {"p50", estimate_json(latency->p50)},
          {"p90", estimate_json(latency->p90)},
          {"p95", estimate_json(latency->p95)},
          {"p99", estimate_json(latency->p99)},
          {"p999", estimate_json(latency->p999)}};
}

/// Every count of the figures with its key.
template <typename Figures, typename Use>
void for_each_count(Figures& figures, Use use) {
  use("launches", figures.launches);
  use("graph_launches", figures.graph_launches);
  use("gate_waits", figures.gate_waits);
  use("bursts", figures.bursts);
  use("gate_closures", figures.gate_closures);
  use("preemptions", figures.preemptions);
  use("refusals", figures.refusals);
}

Json managed_json(const ManagedFigures& figures) {
  Json json{{"seconds", figures.seconds},
            {"mechanism", figures.mechanism},
            {"slice_sets", figures.slice_sets},
            {"slice_errors", figures.slice_errors},
            {"slice_us", figures.slice_us}};
  for_each_count(figures, [&json](const char* key, uint64_t count) { json[key] = count; });
  return json;
}

/// Reads the object below `key` with `fill(fields, object)`; null leaves `out` empty.
template <typename T, typename Fill>
void read_nested(JsonFields& in, const char* key, std::optional<T>& out, Fill fill) {
  const Json* value = in.find(key);
  out.reset();
  if (value == nullptr || value->is_null()) return;
  JsonFields nested(*value, "value");
  T object;
  fill(nested, object);
  const Status status = nested.status();
  if (status) {
    out = std::move(object);
  } else {
    in.fail(key, status.error().what);
  }
}

void read_estimate(JsonFields& in, const char* key, std::optional<Estimate>& out) {
  read_nested(in, key, out, [](JsonFields& fields, Estimate& estimate) {
    fields.get("value", estimate.value);
    fields.get("low", estimate.low);
    fields.get("high", estimate.high);
  });
}

void read_latency(JsonFields& in, const char* key, std::optional<LatencySummary>& out) {
  read_nested(in, key, out, [](JsonFields& fields, LatencySummary& latency) {
    fields.get("n", latency.n);
    read_estimate(fields, "p50", latency.p50);
    read_estimate(fields, "p90", latency.p90);
    read_estimate(fields, "p95", latency.p95);
    read_estimate(fields, "p99", latency.p99);
    read_estimate(fields, "p999", latency.p999);
  });
}

/// Reads a name of a table (kind, class) with its parser.
template <typename T, typename Parse>
void read_name(JsonFields& in, const char* key, T& out, Parse parse) {
  std::string name;
  in.get(key, name);
  if (!in.status()) return;
  Result<T> parsed = parse(name);
  if (parsed) {
    out = *parsed;
  } else {
    in.fail(key, parsed.error().text());
  }
}

void read_utilization(JsonFields& in, ResultRow& row) {
  const Json* value = in.find("utilization");
  if (value == nullptr) return;
  JsonFields nested(*value, "value");
  nested.get("nvml", row.utilization_nvml);
  nested.get("sm_active", row.sm_active);
  const Status status = nested.status();
  if (!status) in.fail("utilization", status.error().what);
}

/// Rows of other modes, and rows from before there were managed ones, have no such key.
void read_managed(JsonFields& in, const Json& row, std::optional<ManagedFigures>& out) {
  if (!row.is_object() || !row.contains("managed")) return;
  read_nested(in, "managed", out, [](JsonFields& fields, ManagedFigures& figures) {
    fields.get("seconds", figures.seconds);
    fields.get("mechanism", figures.mechanism);
    fields.get("slice_sets", figures.slice_sets);
    fields.get("slice_errors", figures.slice_errors);
    fields.get("slice_us", figures.slice_us);
    for_each_count(figures,
                   [&fields](const char* key, uint64_t& count) { fields.get(key, count); });
  });
}

void read_schema(JsonFields& in) {
  int schema = 0;
  in.get("schema", schema);
  if (in.status() && schema != kRowSchema) {
    in.fail("schema", "this corun reads version " + std::to_string(kRowSchema) + ", not " +
                          std::to_string(schema));
  }
}

void read_identity(JsonFields& in, ResultRow& row) {
  in.get("run", row.run);
  in.get("gpu", row.gpu);
  in.get("driver", row.driver);
  in.get("simulated", row.simulated);
  in.get("mode", row.mode);
  in.get("mix", row.mix);
  in.get("n", row.n);
  in.get("rep", row.rep);
  in.get("cell", row.cell);
  in.get("workload", row.workload);
  read_name(in, "kind", row.kind, parse_workload_kind);
  read_name(in, "class", row.service_class, parse_service_class);
}

void read_figures(JsonFields& in, ResultRow& row) {
  in.get("throughput", row.throughput);
  in.get("unit", row.unit);
  read_latency(in, "latency_ms", row.latency_ms);
  read_latency(in, "service_ms", row.service_ms);
  in.get("offered", row.offered);
  read_estimate(in, "progress", row.progress);
  read_utilization(in, row);
  in.get("gpu_seconds", row.gpu_seconds);
  in.get("memory_bytes", row.memory_bytes);
  in.get("checksum", row.checksum);
  in.get("checksum_ok", row.checksum_ok);
  in.get("window_seconds", row.window_seconds);
  in.get("generator_lag_p99_us", row.generator_lag_p99_us);
  in.get("saturated", row.saturated);
  in.get("cpu_bound", row.cpu_bound);
  in.get("valid", row.valid);
  in.get("reason", row.reason);
}

}  // namespace

ManagedFigures since(const ManagedFigures& before, ManagedFigures after) {
  std::map<std::string_view, uint64_t> old;
  for_each_count(before, [&old](const char* key, uint64_t count) { old[key] = count; });
  // A process that left takes its counts with it.
  for_each_count(
      after, [&old](const char* key, uint64_t& count) { count -= std::min(count, old.at(key)); });
  after.seconds -= before.seconds;
  return after;
}

Json to_json(const ResultRow& row) {
  Json json{{"schema", kRowSchema},
            {"run", row.run},
            {"gpu", row.gpu},
            {"driver", row.driver},
            {"simulated", row.simulated},
            {"mode", row.mode},
            {"mix", row.mix},
            {"n", row.n},
            {"rep", row.rep},
            {"cell", row.cell},
            {"workload", row.workload},
            {"kind", to_string(row.kind)},
            {"class", to_string(row.service_class)},
            {"throughput", or_null(row.throughput)},
            {"unit", row.unit},
            {"latency_ms", latency_json(row.latency_ms)},
            {"service_ms", latency_json(row.service_ms)},
            {"offered", or_null(row.offered)},
            {"progress", estimate_json(row.progress)},
            {"utilization",
             {{"nvml", or_null(row.utilization_nvml)}, {"sm_active", or_null(row.sm_active)}}},
            {"gpu_seconds", or_null(row.gpu_seconds)},
            {"memory_bytes", or_null(row.memory_bytes)},
            {"checksum", or_null(row.checksum)},
            {"checksum_ok", or_null(row.checksum_ok)},
            {"window_seconds", row.window_seconds},
            {"generator_lag_p99_us", or_null(row.generator_lag_p99_us)},
            {"saturated", row.saturated},
            {"cpu_bound", row.cpu_bound},
            {"valid", row.valid},
            {"reason", row.reason}};
  if (row.managed) json["managed"] = managed_json(*row.managed);
  return json;
}

Result<ResultRow> result_row_from_json(const Json& value) {
  ResultRow row;
  JsonFields in(value, "row");
  read_schema(in);
  read_identity(in, row);
  read_figures(in, row);
  read_managed(in, value, row.managed);
  CORUN_TRY(in.status());
  return row;
}

}  // namespace corun
