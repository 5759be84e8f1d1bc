#include "engine/policy/policy.h"

#include <fmt/format.h>

#include <array>

namespace corun::policy {

namespace {

struct Named {
  PolicyKind kind;
  std::string_view name;
};
constexpr std::array<Named, 6> kPolicies{{{PolicyKind::kPriority, "priority"},
                                          {PolicyKind::kFair, "fair"},
                                          {PolicyKind::kQuota, "quota"},
                                          {PolicyKind::kDeadline, "deadline"},
                                          {PolicyKind::kRotate, "rotate"},
                                          {PolicyKind::kNone, "none"}}};

}  // namespace

Settings default_settings() {
  Settings settings;
  settings.quantum = std::chrono::milliseconds(40);
  settings.quota_window = std::chrono::milliseconds(100);
  return settings;
}

std::string_view to_string(PolicyKind kind) {
  for (const Named& policy : kPolicies) {
    if (policy.kind == kind) return policy.name;
  }
  return "unknown";
}

Result<PolicyKind> parse_policy_kind(std::string_view text) {
  for (const Named& policy : kPolicies) {
    if (policy.name == text) return policy.kind;
  }
  return usage_error(fmt::format("unknown policy '{}'", text),
                     "use priority, fair, quota, deadline, rotate or none");
}

namespace {

bool within(double value, double low, double high) { return value >= low && value <= high; }

Status validate_one(const std::string& key, const Workload& workload) {
  if (!within(workload.weight, 0.001, 1000)) {
    return usage_error(fmt::format("workload {}: weight {:g}", key, workload.weight),
                       "give one from 0.001 to 1000");
  }
  if (!within(workload.min_share, 0, 1) || !within(workload.max_share, 0.001, 1)) {
    return usage_error(fmt::format("workload {}: shares {:g} to {:g}", key, workload.min_share,
                                   workload.max_share),
                       "give a minimum from 0 to 1 and a maximum from 0.001 to 1");
  }
  if (workload.min_share > workload.max_share) {
    return usage_error(fmt::format("workload {}: its minimum share {:g} is above its maximum {:g}",
                                   key, workload.min_share, workload.max_share),
                       "lower the minimum");
  }
  if (workload.latency_target && workload.latency_target->count() <= 0) {
    return usage_error(
        fmt::format("workload {}: latency target {} us", key, to_micros(*workload.latency_target)),
        "give one above 0");
  }
  return {};
}

}  // namespace

std::string_view to_string(ParkState state) {
  switch (state) {
    case ParkState::kRunning:
      return "running";
    case ParkState::kParking:
      return "parking";
    case ParkState::kParked:
      return "parked";
    case ParkState::kResuming:
      return "resuming";
  }
  return "unknown";
}

Status validate(const Settings& settings, const std::map<std::string, Workload>& workloads) {
  if (settings.quantum < kShortestQuantum || settings.quantum > kLongestQuantum) {
    return usage_error(fmt::format("quantum {:g} ms", to_millis(settings.quantum)),
                       "give one from 1 ms to 10 minutes");
  }
  if (settings.quota_window < kShortestWindow || settings.quota_window > kLongestWindow) {
    return usage_error(fmt::format("quota window {:g} ms", to_millis(settings.quota_window)),
                       "give one from 10 ms to 1 minute");
  }
  if (settings.kind == PolicyKind::kRotate && !settings.backend.gate) {
    return unsupported(
        "rotate needs streams that wait for a word in host memory, this node has none",
        "use another policy");
  }
  double minima = 0;
  for (const auto& [key, workload] : workloads) {
    CORUN_TRY(validate_one(key, workload));
    minima += workload.min_share;
  }
  if (minima > 1 + 1e-9) {
    return usage_error(fmt::format("the minimum shares of {} workloads sum up to {:.1f} %",
                                   workloads.size(), 100 * minima),
                       "lower some, they must fit into 100 %");
  }
  return {};
}

std::string workload_key(const Workload& workload) {
  return fmt::format("{}/{}", workload.user, workload.name);
}

}  // namespace corun::policy
