#include "core/model/workload.h"

#include <array>
#include <utility>

namespace corun {

namespace {

constexpr std::array<std::pair<WorkloadKind, std::string_view>, 5> kKinds{{
    {WorkloadKind::kTraining, "training"},
    {WorkloadKind::kInference, "inference"},
    {WorkloadKind::kInteractive, "interactive"},
    {WorkloadKind::kSynthetic, "synthetic"},
    {WorkloadKind::kCommand, "command"},
}};

constexpr std::array<std::pair<ServiceClass, std::string_view>, 3> kClasses{{
    {ServiceClass::kLatencyCritical, "latency-critical"},
    {ServiceClass::kNormal, "normal"},
    {ServiceClass::kBestEffort, "best-effort"},
}};

template <typename Table, typename Value>
std::string_view name_of(const Table& table, Value value) {
  for (const auto& [candidate, name] : table) {
    if (candidate == value) return name;
  }
  return "unknown";
}

template <typename Value, typename Table>
Result<Value> value_of(const Table& table, std::string_view text, std::string_view what) {
  std::string known;
  for (const auto& [value, name] : table) {
    if (name == text) return value;
    known += known.empty() ? "" : ", ";
    known += name;
  }
  return usage_error("unknown " + std::string(what) + " '" + std::string(text) + "'",
                     "use one of " + known);
}

}  // namespace

std::string_view to_string(WorkloadKind kind) { return name_of(kKinds, kind); }
std::string_view to_string(ServiceClass cls) { return name_of(kClasses, cls); }

Result<WorkloadKind> parse_workload_kind(std::string_view text) {
  return value_of<WorkloadKind>(kKinds, text, "kind");
}

Result<ServiceClass> parse_service_class(std::string_view text) {
  return value_of<ServiceClass>(kClasses, text, "class");
}

}  // namespace corun
