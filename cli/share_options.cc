#include "cli/share_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "core/units.h"

namespace corun::cli {

namespace {

constexpr size_t kMaxName = 63;  // core/wire/join.h, kNameBytes
constexpr double kMinWeight = 0.001;
constexpr double kMaxWeight = 1000;
constexpr Nanos kMaxTarget = std::chrono::minutes(10);

}  // namespace

void ShareTexts::add_to(CLI::App& app) {
  app.add_option("--class", service_class);
  app.add_option("--weight", weight);
  app.add_option("--memory", memory);
  app.add_option("--latency-target", latency_target);
}

bool is_workload_name(std::string_view name) {
  const auto good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  };
  return !name.empty() && name.size() <= kMaxName && std::all_of(name.begin(), name.end(), good);
}

Status check_workload_name(const std::string& name) {
  if (is_workload_name(name)) return {};
  return usage_error(fmt::format("--name '{}' is not a workload's name", name),
                     "use at most 63 of a-z, 0-9, '-', '_' and '.'");
}

Result<ShareValues> read_share(const ShareTexts& texts) {
  ShareValues values;
  if (texts.service_class) {
    CORUN_ASSIGN(values.service_class,
                 of_option("--class", parse_service_class(*texts.service_class)));
  }
  if (texts.weight && !(*texts.weight >= kMinWeight && *texts.weight <= kMaxWeight)) {
    return usage_error(fmt::format("--weight {} is out of range", *texts.weight),
                       "use 0.001 to 1000");
  }
  values.weight = texts.weight;
  if (texts.memory) {
    CORUN_ASSIGN(values.memory_bytes, of_option("--memory", parse_bytes(*texts.memory)));
    if (*values.memory_bytes < kMiB) {
      return usage_error("--memory " + *texts.memory + " is below 1MiB");
    }
  }
  if (texts.latency_target) {
    CORUN_ASSIGN(values.latency_target,
                 of_option("--latency-target", parse_duration(*texts.latency_target)));
    if (*values.latency_target < std::chrono::microseconds(1) ||
        *values.latency_target > kMaxTarget) {
      return usage_error(fmt::format("--latency-target {} is out of range", *texts.latency_target),
                         "use 1us to 10m");
    }
  }
  return values;
}

}  // namespace corun::cli
