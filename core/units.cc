#include "core/units.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

namespace corun {

namespace {

struct Unit {
  std::string_view name;
  double factor;
};

constexpr std::array<Unit, 11> kByteUnits{{
    {"", 1},
    {"B", 1},
    {"KiB", 0x1p10},
    {"MiB", 0x1p20},
    {"GiB", 0x1p30},
    {"TiB", 0x1p40},
    {"KB", 1e3},
    {"kB", 1e3},
    {"MB", 1e6},
    {"GB", 1e9},
    {"TB", 1e12},
}};

constexpr std::array<Unit, 6> kDurationUnits{{
    {"ns", 1},
    {"us", 1e3},
    {"ms", 1e6},
    {"s", 1e9},
    {"m", 60e9},
    {"h", 3600e9},
}};

/// A decimal number without sign, and the rest of the text after it (without leading spaces).
std::optional<double> split_number(std::string_view text, std::string_view& rest) {
  double number = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number, std::chars_format::fixed);
  if (parsed.ec != std::errc() || number < 0 || !std::isfinite(number)) return std::nullopt;
  rest = {parsed.ptr, static_cast<size_t>(end - parsed.ptr)};
  while (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
  return number;
}

/// Number times unit, or nothing when either is not understood or the product is too large.
template <typename Units>
std::optional<double> parse_scaled(std::string_view text, const Units& units, double limit) {
  std::string_view rest;
  const std::optional<double> number = split_number(text, rest);
  if (!number) return std::nullopt;
  for (const Unit& unit : units) {
    if (unit.name != rest) continue;
    const double value = *number * unit.factor;
    if (value >= limit) return std::nullopt;
    return value;
  }
  return std::nullopt;
}

/// Three significant digits, without an exponent: 1.25, 38.2, 512.
std::string three_digits(double value) {
  if (value >= 99.95) return fmt::format("{:.0f}", value);
  std::string text = fmt::format("{:.{}f}", value, value >= 9.995 ? 1 : 2);
  while (text.back() == '0') text.pop_back();
  if (text.back() == '.') text.pop_back();
  return text;
}

}  // namespace

Result<uint64_t> parse_bytes(std::string_view text) {
  const std::optional<double> bytes = parse_scaled(text, kByteUnits, 0x1p63);
  if (!bytes) {
    return usage_error(fmt::format("'{}' is not a size", text), "write it like 20GiB or 512MiB");
  }
  return static_cast<uint64_t>(std::llround(*bytes));
}

Result<Nanos> parse_duration(std::string_view text) {
  const std::optional<double> ns = parse_scaled(text, kDurationUnits, 0x1p63);
  if (!ns) {
    return usage_error(fmt::format("'{}' is not a duration", text),
                       "write it with its unit, like 30s, 500ms or 2m");
  }
  return Nanos(std::llround(*ns));
}

std::string format_bytes(uint64_t bytes) {
  constexpr std::array<std::string_view, 5> kNames{"B", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  // 1023.6 KiB would print as "1024 KiB".
  while (value >= 1023.5 && unit + 1 < kNames.size()) {
    value /= 1024;
    ++unit;
  }
  return three_digits(value) + " " + std::string(kNames[unit]);
}

std::string format_duration(Nanos d) {
  constexpr std::array<Unit, 4> kUnits{{{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}}};
  const double ns = static_cast<double>(d.count());
  const double size = std::abs(ns);
  size_t unit = 0;
  while (unit + 1 < kUnits.size() && size / kUnits[unit].factor >= 999.5) ++unit;
  return (ns < 0 ? "-" : "") + three_digits(size / kUnits[unit].factor) + " " +
         std::string(kUnits[unit].name);
}

}  // namespace corun
