// The options that say what a workload gets: of `corun run`, which asks for it, and of `corun set`,
// which changes it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cli/arguments.h"
#include "core/clock.h"
#include "core/model/workload.h"

namespace corun::cli {

/// As typed; what is not given is nothing.
struct ShareTexts {
  std::optional<std::string> service_class, memory, latency_target;
  std::optional<double> weight;

  /// Adds --class, --weight, --memory and --latency-target. It must outlive `app`.
  void add_to(CLI::App& app);
};

struct ShareValues {
  std::optional<ServiceClass> service_class;
  std::optional<double> weight;
  std::optional<uint64_t> memory_bytes;
  std::optional<Nanos> latency_target;
};

/// Errors (usage): a value out of range, by its option's name.
Result<ShareValues> read_share(const ShareTexts& texts);

/// Whether a workload may be called so.
bool is_workload_name(std::string_view name);
/// Errors (usage): it may not be.
Status check_workload_name(const std::string& name);

/// The same value, or the error with the option's name in front.
template <typename T>
Result<T> of_option(const char* option, Result<T> value) {
  if (value) return value;
  return usage_error(std::string(option) + ": " + value.error().what, value.error().todo);
}

}  // namespace corun::cli
