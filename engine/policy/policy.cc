#include "engine/policy/policy.h"

#include <fmt/format.h>

#include <array>

namespace corun::policy {

namespace {

struct Named {
  PolicyKind kind;
  std::string_view name;
};
constexpr std::array<Named, 5> kPolicies{{{PolicyKind::kPriority, "priority"},
                                          {PolicyKind::kFair, "fair"},
                                          {PolicyKind::kQuota, "quota"},
                                          {PolicyKind::kDeadline, "deadline"},
                                          {PolicyKind::kRotate, "rotate"}}};

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
                     "use priority, fair, quota, deadline or rotate");
}

}  // namespace corun::policy
