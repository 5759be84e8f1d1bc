#include "benchmarking/format.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace corun::benchmarking {

namespace {

/// Decimals that show three significant digits of `value`.
int decimals_of(double value) {
  const double size = std::abs(value);
  if (size >= 99.95 || size == 0 || !std::isfinite(size)) return 0;
  return std::min(9, 2 - static_cast<int>(std::floor(std::log10(size) + 1e-12)));
}

std::string fixed(double value, int decimals) {
  std::string text = fmt::format("{:.{}f}", value, decimals);
  const bool zero = text.find_first_not_of("-0.") == std::string::npos;
  return zero && text.front() == '-' ? text.substr(1) : text;
}

/// The interval's ends have the decimals of the value, so that they line up in the eye.
std::string scaled(const Estimate& e, double scale, const char* unit, int decimals) {
  std::string text = fixed(e.value * scale, decimals) + unit;
  if (!e.low || !e.high) return text;
  return text + fmt::format(" [{}, {}]", fixed(*e.low * scale, decimals),
                            fixed(*e.high * scale, decimals));
}

}  // namespace

std::string number(std::optional<double> value) {
  return value ? fixed(*value, decimals_of(*value)) : "-";
}

std::string with_interval(const std::optional<Estimate>& estimate) {
  return estimate ? scaled(*estimate, 1, "", decimals_of(estimate->value)) : "-";
}

std::string ratio_with_interval(const Estimate& ratio) { return scaled(ratio, 1, "", 3); }

std::string percent(std::optional<double> ratio) {
  if (!ratio) return "-";
  return fixed(*ratio * 100, std::abs(*ratio) < 0.0995 ? 1 : 0) + " %";
}

std::string percent_with_interval(const std::optional<Estimate>& ratio) {
  return ratio ? scaled(*ratio, 100, " %", decimals_of(ratio->value * 100)) : "-";
}

std::optional<double> value_of(const std::optional<Estimate>& estimate) {
  return estimate ? std::optional(estimate->value) : std::nullopt;
}

std::string repetitions(const ModeFigures& mode) {
  std::string text =
      fmt::format("{} repetition{}", mode.valid_cells, mode.valid_cells == 1 ? "" : "s");
  if (mode.window_seconds) text += fmt::format(" of {:.3g} s", *mode.window_seconds);
  return text;
}

std::string remarks(const WorkloadFigures& workload) {
  std::string text;
  const auto add = [&](bool applies, const char* remark) {
    if (applies) text += (text.empty() ? "" : ", ") + std::string(remark);
  };
  add(workload.checksum_ok == false, "CHECKSUM WRONG");
  add(workload.saturated, "saturated");
  add(workload.cpu_bound, "CPU bound");
  return text;
}

}  // namespace corun::benchmarking
