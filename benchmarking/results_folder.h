// A results folder: what a run leaves behind, and all that reports read.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "benchmarking/cells.h"
#include "core/json.h"
#include "core/row.h"

namespace corun::benchmarking {

inline constexpr char kRowsFile[] = "rows.jsonl";
inline constexpr char kCellsFile[] = "cells.jsonl";
inline constexpr char kTelemetryFile[] = "telemetry.jsonl";
inline constexpr char kEnvFile[] = "env.json";

/// Raw requests of one workload in one cell, microseconds after the window's start.
struct RequestSamples {
  std::vector<double> scheduled_us;
  std::vector<double> start_us;
  std::vector<double> end_us;
};

/// samples/CELL.WORKLOAD.csv below the folder ('/' in names becomes '-').
std::filesystem::path samples_path(const std::filesystem::path& folder, std::string_view cell,
                                   std::string_view workload);
/// CSV with the header scheduled_us,start_us,end_us and whole microseconds.
Status write_samples(const std::filesystem::path& path, const RequestSamples& samples);
Result<RequestSamples> read_samples(const std::filesystem::path& path);

struct Results {
  std::filesystem::path folder;
  std::shared_ptr<Json> env;  ///< content of env.json; an empty object when there is none
  std::vector<ResultRow> rows;
  std::vector<CellRecord> cells;
  std::vector<TelemetryRecord> telemetry;
};

/// Reads the folder. rows.jsonl must exist; a last line that a killed run cut off is dropped.
/// Errors (usage): no such folder, a broken line by file and number.
Result<Results> load_results(const std::filesystem::path& folder);

}  // namespace corun::benchmarking
