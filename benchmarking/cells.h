// The cell record: one line of cells.jsonl per cell (mode x mix x repetition), with the figures
// that belong to the mix as a whole. Schema and units are in docs/cells.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/json.h"
#include "core/model/gpu.h"
#include "core/result.h"

namespace corun::benchmarking {

inline constexpr int kCellSchema = 1;

struct CellRecord {
  std::string run;   ///< id of the run (results folder)
  std::string cell;  ///< id, unique in the run; rows and telemetry name it
  std::string mode;  ///< "solo" for a bracketing run, else the mode's name
  std::string mix;
  int n = 0;    ///< workloads in the mix
  int rep = 0;  ///< repetition, from 0
  bool simulated = false;
  bool valid = true;
  std::string reason;  ///< why the cell is void; empty otherwise

  std::optional<double> stp;             ///< sum of progress over closed-loop workloads
  std::optional<double> antt;            ///< mean of 1/progress
  std::optional<double> worst_progress;  ///< smallest progress
  std::optional<double> jain;            ///< of progress/weight over the whole window
  std::optional<double> jain_1s;         ///< mean over 1 s windows
  std::optional<double> tax;             ///< 1 - STP of closed-loop workloads; negative = gain
  std::optional<double> aggregate;       ///< sum of throughputs, where all have `unit`
  std::string unit;                      ///< of `aggregate`; empty when units differ

  std::optional<double> energy_j;             ///< of the device over the window
  std::optional<double> energy_above_idle_j;  ///< idle power x window subtracted
  std::optional<double> idle_power_w;
  std::optional<double> utilization_nvml;     ///< 0..1, mean over the window
  std::optional<double> sm_active;            ///< 0..1, mean over the window
  std::optional<uint64_t> memory_used_bytes;  ///< peak of the device over the window

  int64_t window_begin_ns = 0;  ///< CLOCK_MONOTONIC; the window in which all workloads were active
  int64_t window_end_ns = 0;
  int64_t telemetry_begin_ns = 0;  ///< samples of this cell in telemetry.jsonl
  int64_t telemetry_end_ns = 0;
  /// Largest |after/before - 1| of the bracketing solo rates; nothing without two brackets.
  std::optional<double> bracket_drift;
  bool power_coupled = false;  ///< a power cap was reached: an effect of sharing, not a fault
};

Json to_json(const CellRecord& cell);
/// Errors (usage): a missing or wrongly typed key, by name.
Result<CellRecord> cell_record_from_json(const Json& value);

/// One line of telemetry.jsonl: the device's state at `snapshot.at`, in or around a cell.
struct TelemetryRecord {
  std::string cell;
  GpuSnapshot snapshot;
};

Json to_json(const TelemetryRecord& record);
/// Errors (usage): a missing or wrongly typed key, by name.
Result<TelemetryRecord> telemetry_record_from_json(const Json& value);

}  // namespace corun::benchmarking
