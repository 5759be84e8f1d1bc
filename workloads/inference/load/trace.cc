#include "workloads/inference/load/trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <optional>

#include "core/text.h"

namespace corun::inference {

namespace {

constexpr int64_t kMaxSeconds = int64_t{100} * 366 * 86'400;
constexpr uint64_t kMaxTokens = 10'000'000;
constexpr size_t kShown = 60;  ///< characters of a wrong value

std::string shown(std::string_view text) { return one_line(text.substr(0, kShown)); }

std::string_view take_until(std::string_view& text, char separator) {
  const std::string_view part = text.substr(0, text.find(separator));
  text.remove_prefix(std::min(text.size(), part.size() + 1));
  return part;
}

template <typename T>
std::optional<T> whole_number(std::string_view text) {
  T value{};
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || code != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// "9799600" after the dot, as nanoseconds.
std::optional<int64_t> fraction_ns(std::string_view digits) {
  if (digits.empty() || digits.size() > 9) return std::nullopt;
  const auto value = whole_number<uint32_t>(digits);
  if (!value) return std::nullopt;
  int64_t ns = *value;
  for (size_t i = digits.size(); i < 9; ++i) ns *= 10;
  return ns;
}

/// "2023-11-16 18:17:03.9799600", or with 'T', the fraction optional.
std::optional<Nanos> timestamp(std::string_view text) {
  if (text.size() < 19 || text[4] != '-' || text[7] != '-' || text[13] != ':' || text[16] != ':' ||
      (text[10] != ' ' && text[10] != 'T')) {
    return std::nullopt;
  }
  const auto field = [&](size_t at, size_t size) {
    return whole_number<unsigned>(text.substr(at, size));
  };
  const auto year = field(0, 4), month = field(5, 2), day = field(8, 2);
  const auto hour = field(11, 2), minute = field(14, 2), second = field(17, 2);
  if (!year || !month || !day || !hour || !minute || !second) return std::nullopt;
  const std::chrono::year_month_day date(std::chrono::year(static_cast<int>(*year)),
                                         std::chrono::month(*month), std::chrono::day(*day));
  if (!date.ok() || *year < 1970 || *year > 2200) return std::nullopt;
  if (*hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  std::optional<int64_t> ns = 0;
  if (text.size() > 19) {
    if (text[19] != '.') return std::nullopt;
    ns = fraction_ns(text.substr(20));
  }
  if (!ns) return std::nullopt;
  return std::chrono::sys_days(date).time_since_epoch() + std::chrono::hours(*hour) +
         std::chrono::minutes(*minute) + std::chrono::seconds(*second) + Nanos(*ns);
}

std::optional<Nanos> seconds(std::string_view text) {
  double value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = code == std::errc() && end == text.data() + text.size() && !text.empty();
  if (!whole || !std::isfinite(value) || value < 0 || value > kMaxSeconds) return std::nullopt;
  return from_seconds(value);
}

/// Where the columns are; kNone: not there.
struct Columns {
  static constexpr size_t kNone = SIZE_MAX;
  size_t timestamp = kNone;
  size_t arrival_s = kNone;
  size_t context = kNone;
  size_t generated = kNone;
};

Columns columns_of(std::string_view header) {
  Columns columns;
  for (size_t i = 0; !header.empty(); ++i) {
    const std::string_view name = take_until(header, ',');
    if (name == "TIMESTAMP") columns.timestamp = i;
    if (name == "arrival_s") columns.arrival_s = i;
    if (name == "ContextTokens") columns.context = i;
    if (name == "GeneratedTokens") columns.generated = i;
  }
  return columns;
}

struct Row {
  std::optional<Nanos> time;
  TraceRow rest;
};

/// Errors: without the place.
Result<Row> parse_row(std::string_view line, const Columns& columns) {
  Row row;
  for (size_t i = 0; !line.empty(); ++i) {
    const std::string_view value = take_until(line, ',');
    const auto wrong = [&](const char* what) {
      return usage_error(fmt::format("'{}' is {}", shown(value), what));
    };
    if (i == columns.timestamp || (columns.timestamp == Columns::kNone && i == columns.arrival_s)) {
      row.time = i == columns.timestamp ? timestamp(value) : seconds(value);
      if (!row.time) return wrong("no time");
    }
    if (i != columns.context && i != columns.generated) continue;
    const auto tokens = whole_number<uint64_t>(value);
    if (!tokens || *tokens > kMaxTokens) return wrong("no number of tokens");
    (i == columns.context ? row.rest.context_tokens : row.rest.generated_tokens) = *tokens;
  }
  if (!row.time) return usage_error("the time is missing");
  return row;
}

}  // namespace

Result<Trace> parse_trace(std::string_view text, std::string_view file) {
  const auto at = [&](size_t line, const std::string& what) {
    return usage_error(fmt::format("{}:{}: {}", file, line, what));
  };
  const auto next_line = [&] {
    std::string_view line = take_until(text, '\n');
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
  };
  const Columns columns = columns_of(next_line());
  if (columns.timestamp == Columns::kNone && columns.arrival_s == Columns::kNone) {
    return at(1, "there is no column TIMESTAMP or arrival_s");
  }
  Trace trace;
  trace.has_tokens = columns.context != Columns::kNone && columns.generated != Columns::kNone;
  Nanos first{0};
  for (size_t number = 2; !text.empty(); ++number) {
    const std::string_view line = next_line();
    if (line.empty()) continue;
    const auto row = parse_row(line, columns);
    if (!row) return at(number, row.error().what);
    if (trace.rows.empty()) first = *row->time;
    TraceRow placed = row->rest;
    placed.at = *row->time - first;
    if (!trace.rows.empty() && placed.at < trace.rows.back().at) {
      return at(number, "its time is before the last line's");
    }
    trace.rows.push_back(placed);
  }
  if (trace.rows.empty()) return at(1, "there is no row");
  return trace;
}

std::vector<TraceRow> part_of(const Trace& trace, Nanos offset, Nanos length, double speed) {
  std::vector<TraceRow> part;
  for (TraceRow row : trace.rows) {
    if (row.at < offset) continue;
    const double at_s = to_seconds(row.at - offset) / speed;
    if (at_s >= to_seconds(length)) break;  // before it is made nanoseconds, which may not hold it
    row.at = from_seconds(at_s);
    if (row.at >= length) break;
    part.push_back(row);
  }
  return part;
}

}  // namespace corun::inference
