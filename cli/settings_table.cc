#include "cli/settings_table.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "cli/share_options.h"
#include "core/units.h"

namespace corun::cli {

namespace {

constexpr double kMillisOfSecond = 1e3;

Result<Json> count_of(const std::string& option, const std::string& typed) {
  uint64_t count = 0;
  const char* end = typed.data() + typed.size();
  const auto [stop, error] = std::from_chars(typed.data(), end, count);
  if (error != std::errc() || stop != end) {
    return usage_error(fmt::format("{} '{}' is not a whole number", option, typed));
  }
  return Json(count);
}

/// In the largest unit that leaves no fraction: "40ms", "1500us", "2m".
std::string duration_text(double ms) {
  const auto us = static_cast<int64_t>(std::llround(ms * 1e3));
  constexpr std::pair<int64_t, const char*> kUnits[] = {
      {60'000'000, "m"}, {1'000'000, "s"}, {1'000, "ms"}};
  for (const auto& [size, unit] : kUnits) {
    if (us != 0 && us % size == 0) return fmt::format("{}{}", us / size, unit);
  }
  return fmt::format("{}us", us);
}

}  // namespace

Result<Json> setting_value(const Setting& setting, const std::string& typed) {
  const std::string option(setting.option);
  if (!setting.word.empty() && typed == setting.word) return Json(typed);
  switch (setting.kind) {
    case SettingKind::kWord:
      return Json(typed);
    case SettingKind::kCount:
      return count_of(option, typed);
    case SettingKind::kMillis:
    case SettingKind::kSeconds: {
      CORUN_ASSIGN(const Nanos time, of_option(option.c_str(), parse_duration(typed)));
      return Json(setting.kind == SettingKind::kMillis ? to_millis(time) : to_seconds(time));
    }
    case SettingKind::kBytes: {
      CORUN_ASSIGN(const uint64_t bytes, of_option(option.c_str(), parse_bytes(typed)));
      return Json(bytes);
    }
    case SettingKind::kYesNo:
      if (typed == "yes" || typed == "no") return Json(typed == "yes");
      return usage_error(fmt::format("{} '{}'", option, typed), "use yes or no");
  }
  return usage_error("no such setting: " + option);
}

std::string setting_text(const Setting& setting, const Json& settings) {
  const auto found = settings.find(setting.key);
  if (found == settings.end() || found->is_null()) return "-";
  if (found->is_string()) return found->get<std::string>();
  if (found->is_boolean()) return found->get<bool>() ? "yes" : "no";
  if (!found->is_number()) return to_line(*found);
  const auto number = found->get<double>();
  if (setting.kind == SettingKind::kMillis) return duration_text(number);
  if (setting.kind == SettingKind::kSeconds) return duration_text(number * kMillisOfSecond);
  if (setting.kind == SettingKind::kBytes) return format_bytes(static_cast<uint64_t>(number));
  return fmt::format("{:.6g}", number);
}

}  // namespace corun::cli
