#include "benchmarking/results_writer.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "core/files.h"

namespace corun::benchmarking {

namespace {

namespace fs = std::filesystem;

// A killed run may have left half a line at the end.
Result<std::string> whole_lines(const fs::path& path) {
  std::error_code error;
  if (!fs::exists(path, error)) return std::string();
  CORUN_ASSIGN(std::string text, read_file(path));
  size_t end = text.rfind('\n');
  text.resize(end == std::string::npos ? 0 : end + 1);
  return text;
}

}  // namespace

Result<ResultsWriter> ResultsWriter::open(const fs::path& folder, bool resume) {
  std::error_code error;
  if (!resume && fs::exists(folder / kRowsFile, error)) {
    return usage_error(fmt::format("{} holds a run already", folder.string()),
                       "give another --out, or --resume to go on with it");
  }
  ResultsWriter writer(folder);
  for (const fs::path& path : {folder, folder / "samples", folder / "logs"}) {
    fs::create_directories(path, error);
    if (error) {
      return failed(fmt::format("cannot make {}: {}", path.string(), error.message()),
                    "give another folder with --out");
    }
  }
  CORUN_ASSIGN(writer.earlier_rows_, whole_lines(folder / kRowsFile));
  CORUN_ASSIGN(writer.earlier_cells_, whole_lines(folder / kCellsFile));
  if (resume) {
    CORUN_TRY(write_file_atomically(folder / kRowsFile, writer.earlier_rows_));
    CORUN_TRY(write_file_atomically(folder / kCellsFile, writer.earlier_cells_));
    CORUN_ASSIGN(std::string telemetry, whole_lines(folder / kTelemetryFile));
    CORUN_TRY(write_file_atomically(folder / kTelemetryFile, telemetry));
  }
  return writer;
}

Error ResultsWriter::with_advice(const Error& error) const {
  return failed(error.what, fmt::format("completed cells are kept; make room, then go on with "
                                        "'corun bench --resume {}'",
                                        folder_.string()));
}

Status ResultsWriter::write_env(const Json& env) {
  Status written = write_file_atomically(folder_ / kEnvFile, to_line(env) + "\n");
  return written ? written : Status(with_advice(written.error()));
}

Status ResultsWriter::add(const MeasuredCell& cell, const CellOutcome& outcome) {
  auto add_all = [&]() -> Status {
    for (const GpuSnapshot& snapshot : outcome.snapshots) {
      TelemetryRecord record{.cell = cell.identity.id, .snapshot = snapshot};
      CORUN_TRY(append_line(folder_ / kTelemetryFile, to_line(to_json(record))));
    }
    for (const TenantResult& tenant : outcome.tenants) {
      if (tenant.record.requests.scheduled_us.empty()) continue;
      CORUN_TRY(write_samples(samples_path(folder_, cell.identity.id, tenant.spec.workload.name),
                              tenant.record.requests));
    }
    for (const ResultRow& row : cell.rows) {
      CORUN_TRY(append_line(folder_ / kRowsFile, to_line(to_json(row))));
    }
    // The cell record comes last: a cell is complete when it is there.
    return append_line(folder_ / kCellsFile, to_line(to_json(cell.record)));
  };
  Status added = add_all();
  return added ? added : Status(with_advice(added.error()));
}

Status ResultsWriter::rewrite(const std::vector<MeasuredCell>& cells) {
  std::string rows = earlier_rows_;
  std::string records = earlier_cells_;
  for (const MeasuredCell& cell : cells) {
    for (const ResultRow& row : cell.rows) rows += to_line(to_json(row)) + "\n";
    records += to_line(to_json(cell.record)) + "\n";
  }
  Status written = write_file_atomically(folder_ / kRowsFile, rows);
  if (written) written = write_file_atomically(folder_ / kCellsFile, records);
  return written ? written : Status(with_advice(written.error()));
}

}  // namespace corun::benchmarking
