// The result row: one line of rows.jsonl per workload, cell and repetition. Schema and units are in
// docs/result-row.md; every report, prediction and published table reads this and nothing else.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "core/json.h"
#include "core/model/workload.h"

namespace corun {

inline constexpr int kRowSchema = 1;

/// A figure with its 95 % interval; `low`/`high` are nothing when n cannot support one.
struct Estimate {
  double value = 0;
  std::optional<double> low;
  std::optional<double> high;
};

/// Response latency: scheduled arrival (open loop) or start (closed loop) to completion.
struct LatencySummary {
  uint64_t n = 0;
  // A percentile that n cannot support is nothing, and printed "-".
  std::optional<Estimate> p50, p90, p95, p99, p999;
};

/// What the managing daemon counted for one workload (all its processes) in `seconds`.
struct ManagedFigures {
  double seconds = 0;     ///< the time that the counts cover
  std::string mechanism;  ///< "slices and gate", "gate", "slices" or "none"
  uint64_t launches = 0;  ///< kernels
  uint64_t graph_launches = 0;
  uint64_t gate_waits = 0;     ///< waits enqueued on the GPU
  uint64_t bursts = 0;         ///< of a latency-critical workload
  uint64_t gate_closures = 0;  ///< by it
  uint64_t preemptions = 0;
  uint64_t refusals = 0;  ///< allocations refused by its memory limit
  // Since it joined: slices are set before the window begins.
  uint64_t slice_sets = 0;
  uint64_t slice_errors = 0;  ///< slices that the driver refused
  uint64_t slice_us = 0;      ///< ordered at the end; 0: none
};
/// The counts of `after` without those of `before`; what is no count is `after`'s.
ManagedFigures since(const ManagedFigures& before, ManagedFigures after);

struct ResultRow {
  std::string run;     ///< id of the run (results folder)
  std::string gpu;     ///< product name
  std::string driver;  ///< driver version
  bool simulated = false;
  std::string mode;      ///< "solo" for a bracketing run, else the mode's name
  std::string mix;       ///< name of the mix
  int n = 0;             ///< workloads in the mix
  int rep = 0;           ///< repetition, from 0
  std::string cell;      ///< id of the cell this row belongs to
  std::string workload;  ///< name of the workload
  WorkloadKind kind = WorkloadKind::kCommand;
  ServiceClass service_class = ServiceClass::kNormal;
  std::optional<double> throughput;  ///< in `unit`, over the overlap window
  std::string unit;                  ///< "samples/s", "requests/s", "tokens/s", "kernels/s", ...
  std::optional<LatencySummary> latency_ms;
  std::optional<LatencySummary> service_ms;  ///< start of service to completion
  std::optional<double> offered;             ///< open loop: scheduled arrivals per second
  std::optional<Estimate> progress;          ///< rate over the bracketing solo rate
  std::optional<double> utilization_nvml;    ///< 0..1, device, mean over the window
  std::optional<double> sm_active;           ///< 0..1, device, mean over the window
  std::optional<double> gpu_seconds;         ///< of this workload, where it can be told
  std::optional<uint64_t> memory_bytes;      ///< peak device memory of this workload
  std::optional<std::string> checksum;       ///< of the workload's results
  std::optional<bool> checksum_ok;           ///< against the expected one, where known
  double window_seconds = 0;
  std::optional<double> generator_lag_p99_us;  ///< open loop: lateness of the load generator
  bool saturated = false;                      ///< the backlog grew: percentiles are withheld
  bool cpu_bound = false;                      ///< the workload's CPU was contended in the window
  std::optional<ManagedFigures> managed;       ///< managed modes only
  bool valid = true;
  std::string reason;  ///< why the row is not valid; empty otherwise
};

Json to_json(const ResultRow& row);
/// Errors (usage): a missing or wrongly typed key, by name.
Result<ResultRow> result_row_from_json(const Json& value);

}  // namespace corun
