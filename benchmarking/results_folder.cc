#include "benchmarking/results_folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/files.h"

namespace corun::benchmarking {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kSamplesHeader = "scheduled_us,start_us,end_us";

std::string file_part(std::string_view name) {
  std::string part(name);
  std::replace(part.begin(), part.end(), '/', '-');
  return part;
}

/// Cuts the next line off `text`; `whole` tells whether a line feed ended it.
std::string_view next_line(std::string_view& text, bool& whole) {
  const size_t end = text.find('\n');
  whole = end != std::string_view::npos;
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(whole ? end + 1 : text.size());
  return line;
}

/// One record per line. A run that was killed may leave half a last line: it is dropped.
template <typename Record>
Status read_lines(const fs::path& path, Result<Record> (*from_json)(const Json&),
                  std::vector<Record>& out) {
  CORUN_ASSIGN(const std::string content, read_file(path));
  std::string_view rest = content;
  for (int number = 1; !rest.empty(); ++number) {
    bool whole = false;
    const std::string_view line = next_line(rest, whole);
    if (line.empty()) continue;
    const std::string origin = fmt::format("{} line {}", path.string(), number);
    Result<Json> json = parse_json(line, origin);
    if (!json && !whole) break;
    if (!json) return json.error();
    Result<Record> record = from_json(*json);
    if (!record) return usage_error(origin + ": " + record.error().what, record.error().todo);
    out.push_back(std::move(record).value());
  }
  return {};
}

template <typename Record>
Status read_optional_lines(const fs::path& path, Result<Record> (*from_json)(const Json&),
                           std::vector<Record>& out) {
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return {};
  return read_lines(path, from_json, out);
}

/// Three numbers separated by commas.
bool parse_sample(std::string_view line, RequestSamples& out) {
  double fields[3] = {};
  const char* at = line.data();
  const char* end = line.data() + line.size();
  for (int i = 0; i < 3; ++i) {
    const auto parsed = std::from_chars(at, end, fields[i]);
    if (parsed.ec != std::errc()) return false;
    at = parsed.ptr;
    if (i < 2 && (at == end || *at++ != ',')) return false;
  }
  out.scheduled_us.push_back(fields[0]);
  out.start_us.push_back(fields[1]);
  out.end_us.push_back(fields[2]);
  return at == end;
}

}  // namespace

fs::path samples_path(const fs::path& folder, std::string_view cell, std::string_view workload) {
  return folder / "samples" / (file_part(cell) + "." + file_part(workload) + ".csv");
}

Status write_samples(const fs::path& path, const RequestSamples& samples) {
  CORUN_CHECK(samples.start_us.size() == samples.scheduled_us.size() &&
                  samples.end_us.size() == samples.scheduled_us.size(),
              "sample columns of different length");
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  if (error) {
    return failed("cannot make the folder " + path.parent_path().string() + ": " + error.message());
  }
  std::string text(kSamplesHeader);
  text += '\n';
  for (size_t i = 0; i < samples.scheduled_us.size(); ++i) {
    fmt::format_to(std::back_inserter(text), "{:.0f},{:.0f},{:.0f}\n", samples.scheduled_us[i],
                   samples.start_us[i], samples.end_us[i]);
  }
  return write_file_atomically(path, text);
}

Result<RequestSamples> read_samples(const fs::path& path) {
  CORUN_ASSIGN(const std::string content, read_file(path));
  std::string_view rest = content;
  bool whole = false;
  if (next_line(rest, whole) != kSamplesHeader) {
    return usage_error(path.string() + " line 1: not a samples file",
                       "it starts with " + std::string(kSamplesHeader));
  }
  RequestSamples samples;
  for (int number = 2; !rest.empty(); ++number) {
    if (!parse_sample(next_line(rest, whole), samples)) {
      return usage_error(fmt::format("{} line {}: not three numbers", path.string(), number));
    }
  }
  return samples;
}

Result<Results> load_results(const fs::path& folder) {
  Results results;
  results.folder = folder;
  results.env = std::make_shared<Json>(Json::object());
  std::error_code ignored;
  if (!fs::exists(folder / kRowsFile, ignored)) {
    return usage_error(fmt::format("{} has no {}", folder.string(), kRowsFile),
                       "name a results folder of corun bench");
  }
  CORUN_TRY(read_lines(folder / kRowsFile, result_row_from_json, results.rows));
  CORUN_TRY(read_optional_lines(folder / kCellsFile, cell_record_from_json, results.cells));
  CORUN_TRY(
      read_optional_lines(folder / kTelemetryFile, telemetry_record_from_json, results.telemetry));
  if (fs::exists(folder / kEnvFile, ignored)) {
    CORUN_ASSIGN(*results.env, read_json_file(folder / kEnvFile));
  }
  return results;
}

}  // namespace corun::benchmarking
