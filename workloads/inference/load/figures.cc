#include "workloads/inference/load/figures.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/stats/quantile.h"

namespace corun::inference {

namespace {

constexpr std::pair<const char*, double> kPercentiles[] = {
    {"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}};

std::string percentiles(std::vector<double> values, const char* unit) {
  std::sort(values.begin(), values.end());
  std::string text;
  for (const auto& [name, p] : kPercentiles) {
    const bool told = stats::supports_percentile(values.size(), p);
    text += text.empty() ? "" : ", ";
    text += told ? fmt::format("{} {:.3f} {}", name, stats::quantile_of_sorted(values, p), unit)
                 : fmt::format("{} -", name);
  }
  return text;
}

/// The figure of each answered request that has one.
template <typename Figure>
std::vector<double> each(std::span<const RequestRecord> records, Figure figure) {
  std::vector<double> values;
  for (const RequestRecord& record : records) {
    if (!record.ok()) continue;
    if (const std::optional<double> value = figure(record)) values.push_back(*value);
  }
  return values;
}

std::string lag_line(std::span<const RequestRecord> records) {
  std::vector<double> lags_us;
  size_t waited = 0;
  for (const RequestRecord& record : records) {
    if (record.sent == Instant{}) continue;
    lags_us.push_back(to_micros(record.sent - record.due));
    if (record.due > record.scheduled) ++waited;
  }
  if (lags_us.empty()) return "generator lag: no request was sent";
  std::sort(lags_us.begin(), lags_us.end());
  return fmt::format(
      "generator lag: p50 {:.1f} us, p99 {:.1f} us, largest {:.1f} us; {} of {} requests waited "
      "for "
      "a free connection",
      stats::quantile_of_sorted(lags_us, 0.5), stats::quantile_of_sorted(lags_us, 0.99),
      lags_us.back(), waited, lags_us.size());
}

/// One line for each status but 200: nothing that was offered goes untold.
void add_refusals(std::vector<std::string>& lines, std::span<const RequestRecord> records) {
  struct Refused {
    size_t count = 0;
    uint64_t retry_after_s = 0;
  };
  std::map<int, Refused> by_status;
  for (const RequestRecord& record : records) {
    if (record.ok()) continue;
    Refused& refused = by_status[record.status];
    ++refused.count;
    refused.retry_after_s = std::max(refused.retry_after_s, record.retry_after_s);
  }
  for (const auto& [status, refused] : by_status) {
    std::string line = fmt::format("refused: {} of {} requests ", refused.count, records.size());
    line += status == 0 ? "had no answer" : fmt::format("with status {}", status);
    if (refused.retry_after_s > 0) {
      line += fmt::format(", to be sent again after {} s at most; none was", refused.retry_after_s);
    }
    lines.push_back(std::move(line));
  }
}

}  // namespace

std::optional<double> ttft_ms(const RequestRecord& record) {
  if (record.tokens == 0) return std::nullopt;
  return to_millis(record.first - record.scheduled);
}

std::optional<double> tpot_ms(const RequestRecord& record) {
  if (record.tokens < 2) return std::nullopt;
  return to_millis(record.end - record.first) / static_cast<double>(record.tokens - 1);
}

bool meets(const Slo& slo, const RequestRecord& record) {
  if (!record.ok()) return false;
  const auto within = [](const std::optional<Nanos>& limit, const std::optional<double>& ms) {
    return !limit || (ms && *ms <= to_millis(*limit));
  };
  // One token has no gap that could be too long.
  const bool gaps = record.tokens < 2 || within(slo.tpot, tpot_ms(record));
  return within(slo.latency, to_millis(record.end - record.scheduled)) &&
         within(slo.ttft, ttft_ms(record)) && gaps;
}

std::vector<std::string> lines_of(std::span<const RequestRecord> records, const Slo& slo,
                                  Nanos window, bool text) {
  const double seconds = to_seconds(window);
  std::vector<std::string> lines = {lag_line(records)};
  lines.push_back("latency: " +
                  percentiles(each(records,
                                   [](const RequestRecord& record) {
                                     return std::optional(to_millis(record.end - record.scheduled));
                                   }),
                              "ms"));
  if (text) {
    uint64_t tokens = 0;
    for (const RequestRecord& record : records) tokens += record.ok() ? record.tokens : 0;
    lines.push_back("time to first token: " + percentiles(each(records, ttft_ms), "ms"));
    lines.push_back("time per further token: " + percentiles(each(records, tpot_ms), "ms"));
    lines.push_back(fmt::format("tokens: {:.1f}/s", static_cast<double>(tokens) / seconds));
  }
  if (slo.any()) {
    const auto met = std::count_if(records.begin(), records.end(),
                                   [&](const RequestRecord& record) { return meets(slo, record); });
    lines.push_back(fmt::format("goodput: {:.1f} requests/s within all limits, of {:.1f} offered",
                                static_cast<double>(met) / seconds,
                                static_cast<double>(records.size()) / seconds));
  }
  add_refusals(lines, records);
  return lines;
}

}  // namespace corun::inference
