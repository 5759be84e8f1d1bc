// Text for Prometheus: format 0.0.4, or OpenMetrics 1.0.
//   https://prometheus.io/docs/instrumenting/exposition_formats/
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace corun::monitoring {

using LabelPairs = std::vector<std::pair<std::string_view, std::string_view>>;
/// `a="b",c="d"`: backslash, quote and line feed of the values are escaped, and what is no UTF-8 is
/// replaced.
std::string labels_text(const LabelPairs& labels);
/// Both, which may be empty.
std::string joined_labels(std::string_view first, std::string_view second);

enum class MetricType { kGauge, kCounter, kHistogram, kInfo };

/// Families in the order in which they are begun; a family without a sample is left out.
class Exposition {
 public:
  explicit Exposition(bool openmetrics) : openmetrics_(openmetrics) {}

  /// `name` is without the suffix _total or _info that its type gives to the samples.
  void family(std::string_view name, MetricType type, std::string_view help);
  /// A family of this very name in every format (for names that others have given).
  void foreign_family(std::string_view name, MetricType type, std::string_view help);
  void sample(std::string_view labels, double value);
  /// `counts`: by bound, not cumulative, one more than `bounds` (those above all).
  void histogram(std::string_view labels, std::span<const double> bounds,
                 const std::vector<uint64_t>& counts, double sum);
  std::string finish();

 private:
  void begin(std::string_view name, std::string_view suffix, std::string_view type,
             std::string_view help);
  void line(std::string_view suffix, std::string_view labels, double value);

  bool openmetrics_;
  std::string text_;
  std::string name_;
  std::string suffix_;
  std::string head_;  ///< not yet written
};

/// "0.5", "12", "1.7e+09", "NaN".
std::string number_text(double value);

}  // namespace corun::monitoring
