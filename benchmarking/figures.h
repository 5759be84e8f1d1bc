// The figures of a run: rows of all repetitions brought together per mode, mix and workload. Table,
// JSON output and report print these, so that they cannot disagree.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "benchmarking/results_folder.h"
#include "core/json.h"
#include "core/row.h"
#include "core/stats/compare.h"

namespace corun::benchmarking {

/// One workload under one mode, over all valid repetitions. An Estimate over several repetitions
/// has the interval over launches; over one, the launch's own.
struct WorkloadFigures {
  std::string workload;
  WorkloadKind kind = WorkloadKind::kCommand;
  ServiceClass service_class = ServiceClass::kNormal;
  std::string unit;
  std::optional<Estimate> throughput;
  std::optional<Estimate> progress;  ///< over the solo rate
  std::optional<Estimate> p50_ms;
  std::optional<Estimate> p95_ms;
  std::optional<Estimate> p99_ms;
  std::optional<Estimate> inflation;  ///< p99 here over p99 solo
  /// Against solo; nothing under "solo" and without a figure. Open-loop workloads have no verdict
  /// on their progress: they progress whenever they keep up. All verdicts of a run hold together.
  std::optional<stats::Verdict> p99_verdict;
  std::optional<stats::Verdict> progress_verdict;
  std::optional<double> offered;  ///< requests/s; open-loop workloads only
  uint64_t requests = 0;          ///< latencies behind the percentiles, all repetitions
  int launches = 0;               ///< valid repetitions
  bool saturated = false;
  bool cpu_bound = false;
  std::optional<bool> checksum_ok;
};

/// One mode on one mix.
struct ModeFigures {
  std::string mode;
  std::string mix;
  int n = 0;
  std::vector<WorkloadFigures> workloads;
  std::optional<Estimate> stp;
  std::optional<Estimate> tax;
  std::optional<Estimate> jain;
  std::optional<Estimate> jain_1s;
  std::optional<Estimate> utilization_nvml;
  std::optional<Estimate> sm_active;
  std::optional<Estimate> energy_j;
  std::optional<Estimate> energy_above_idle_j;
  std::optional<Estimate> memory_used_bytes;  ///< peak of the device
  std::optional<double> window_seconds;       ///< mean length of the measured windows
  int cells = 0;                              ///< repetitions that were tried
  int valid_cells = 0;                        ///< repetitions that count
};

/// A cell or row that does not count, and why.
struct VoidCell {
  std::string cell;
  std::string mode;
  std::string mix;
  int rep = 0;
  std::string workload;  ///< empty when the whole cell is void
  std::string reason;
};

struct Figures {
  std::string run;
  std::string gpu;
  std::string driver;
  bool simulated = false;
  std::vector<ModeFigures> modes;  ///< by mix (smallest first), in it by mode ("solo" first)
  std::vector<VoidCell> voids;
};

Figures figures_of(const Results& results);
/// The workload of `figures` that ran alone as `workload` of `mix` did: same mix, else the same
/// name in another mix, else the same name without its number ("infer-2" is "infer-1"'s twin).
const WorkloadFigures* solo_of(const Figures& figures, const std::string& mix,
                               const std::string& workload);
/// "infer" of "infer-2": workloads of a cycle differ by their number only.
std::string base_name(const std::string& workload);
/// A place for `mode` in tables and legends: solo, exclusive, time-slicing, mps, ...; then others.
int mode_rank(const std::string& mode);
/// docs/cells.md, "Figures".
Json to_json(const Figures& figures);

}  // namespace corun::benchmarking
