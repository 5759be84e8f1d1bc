#include "monitoring/exposition.h"

#include <fmt/format.h>

#include <cmath>

#include "core/json_values.h"

namespace corun::monitoring {

namespace {

std::string_view type_text(MetricType type, bool openmetrics) {
  switch (type) {
    case MetricType::kGauge:
      return "gauge";
    case MetricType::kCounter:
      return "counter";
    case MetricType::kHistogram:
      return "histogram";
    case MetricType::kInfo:
      return openmetrics ? "info" : "gauge";
  }
  return "untyped";
}

std::string_view suffix_of(MetricType type) {
  if (type == MetricType::kCounter) return "_total";
  if (type == MetricType::kInfo) return "_info";
  return "";
}

bool is_ascii(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) >= 0x80) return false;
  }
  return true;
}

/// Every byte that is no UTF-8 becomes U+FFFD.
std::string as_utf8(std::string_view text) {
  if (is_ascii(text)) return std::string(text);
  const auto clean = parse_json(to_line(Json(text)), "label");
  return clean && clean->is_string() ? clean->get<std::string>() : std::string();
}

void append_escaped(std::string& out, std::string_view text) {
  for (const char c : as_utf8(text)) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '\\' || c == '"') out += '\\';
    out += c;
  }
}

}  // namespace

std::string labels_text(const LabelPairs& labels) {
  std::string out;
  for (const auto& [name, value] : labels) {
    if (!out.empty()) out += ',';
    out.append(name).append("=\"");
    append_escaped(out, value);
    out += '"';
  }
  return out;
}

std::string joined_labels(std::string_view first, std::string_view second) {
  std::string out(first);
  if (!first.empty() && !second.empty()) out += ',';
  out += second;
  return out;
}

std::string number_text(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  if (std::abs(value) < 1e15 && value == std::floor(value)) return fmt::format("{:.0f}", value);
  return fmt::format("{}", value);
}

void Exposition::begin(std::string_view name, std::string_view suffix, std::string_view type,
                       std::string_view help) {
  name_ = name;
  suffix_ = suffix;
  // The older format gives the name of the samples, OpenMetrics that of the family.
  const std::string shown = openmetrics_ ? name_ : name_ + suffix_;
  head_ = fmt::format("# HELP {0} {2}\n# TYPE {0} {1}\n", shown, type, help);
}

void Exposition::family(std::string_view name, MetricType type, std::string_view help) {
  begin(name, suffix_of(type), type_text(type, openmetrics_), help);
}

void Exposition::foreign_family(std::string_view name, MetricType type, std::string_view help) {
  // OpenMetrics has no counter without _total.
  const bool counter = type == MetricType::kCounter && openmetrics_;
  begin(name, "", counter ? "unknown" : type_text(type, openmetrics_), help);
}

void Exposition::line(std::string_view suffix, std::string_view labels, double value) {
  text_ += std::exchange(head_, {});
  text_.append(name_).append(suffix);
  if (!labels.empty()) text_.append("{").append(labels).append("}");
  text_.append(" ").append(number_text(value)).append("\n");
}

void Exposition::sample(std::string_view labels, double value) { line(suffix_, labels, value); }

void Exposition::histogram(std::string_view labels, std::span<const double> bounds,
                           const std::vector<uint64_t>& counts, double sum) {
  uint64_t total = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    total += counts[i];
    const std::string bound = i + 1 < counts.size() ? fmt::format("{}", bounds[i]) : "+Inf";
    line("_bucket", joined_labels(labels, "le=\"" + bound + "\""), static_cast<double>(total));
  }
  line("_sum", labels, sum);
  line("_count", labels, static_cast<double>(total));
}

std::string Exposition::finish() {
  if (openmetrics_) text_ += "# EOF\n";
  return std::move(text_);
}

}  // namespace corun::monitoring
