// What operators ask of Sharing: changes of workloads and settings.
#include <fmt/format.h>

#include <algorithm>

#include "core/json_values.h"
#include "engine/daemon/sharing.h"

namespace corun::daemon {

namespace {

constexpr size_t kMaxOverrides = 1024;

Status check_range(const char* name, const std::optional<double>& value, double low, double high) {
  if (!value || (*value >= low && *value <= high)) return {};
  return usage_error(fmt::format("{} is {:g}", name, *value),
                     fmt::format("use {:g} to {:g}", low, high));
}

std::optional<double> number(const std::optional<uint32_t>& value) {
  if (!value) return std::nullopt;
  return static_cast<double>(*value);
}

Status check(const client::WorkloadChange& change) {
  CORUN_TRY(check_range("weight", change.weight, 0.001, 1000));
  CORUN_TRY(check_range("min_share", change.min_share, 0, 1));
  CORUN_TRY(check_range("max_share", change.max_share, 0, 1));
  return check_range("latency_target_us", change.latency_target_us, 0, 3.6e9);
}

Status check(const client::SettingsChange& change) {
  CORUN_TRY(check_range("linger_us", number(change.linger_us), 0, 100'000));
  CORUN_TRY(check_range("quantum_ms", change.quantum_ms, 0.1, 60'000));
  CORUN_TRY(check_range("quota_window_ms", change.quota_window_ms, 1, 60'000));
  CORUN_TRY(check_range("wait_every_us", number(change.wait_every_us), 0, 100'000));
  CORUN_TRY(check_range("preempted_slice_us", number(change.preempted_slice_us), 1, 1'000'000));
  CORUN_TRY(check_range("max_burst_ms", change.max_burst_ms, 1, 60'000));
  CORUN_TRY(check_range("memory_wait_s", change.memory_wait_s, 0, 3600));
  CORUN_TRY(check_range("longest_away_s", change.longest_away_s, 0, 86'400));
  if (change.park_idle_s == 0.0) return {};
  return check_range("park_idle_s", change.park_idle_s, 1, 86'400);
}

template <typename T>
void merge(std::optional<T>& into, const std::optional<T>& value) {
  if (value) into = value;
}

void merge(Override& into, const client::WorkloadChange& change) {
  merge(into.service_class, change.service_class);
  merge(into.weight, change.weight);
  merge(into.min_share, change.min_share);
  merge(into.max_share, change.max_share);
  merge(into.memory_limit_bytes, change.memory_limit_bytes);
  merge(into.latency_target_us, change.latency_target_us);
}

}  // namespace

Status Sharing::set(const std::string& key, const client::WorkloadChange& change, Instant now) {
  CORUN_TRY(check(change));
  const bool known = records_.contains(key) || overrides_.contains(key);
  if (!known) {
    return usage_error("no workload " + key + " on this GPU", "`corun status` lists them");
  }
  Override merged = overrides_.contains(key) ? overrides_.at(key) : Override{};
  merge(merged, change);
  const auto live = state_.workloads.find(key);
  policy::Workload base = live != state_.workloads.end() ? live->second : policy::Workload{};
  const double low = merged.min_share.value_or(base.min_share);
  const double high = merged.max_share.value_or(base.max_share);
  if (low > high) {
    return usage_error(fmt::format("{}: min_share {:g} is above max_share {:g}", key, low, high));
  }
  if (!overrides_.contains(key) && overrides_.size() >= kMaxOverrides) {
    return failed("too many workloads have been set", "remove entries from the state file");
  }
  auto workloads = state_.workloads;
  policy::Workload changed = effective(merged, std::move(base));
  workloads[key] = changed;
  CORUN_TRY(policy::validate(state_.settings, workloads));
  overrides_[key] = merged;
  note("set", key, now);
  if (live != state_.workloads.end()) run(policy::Changed{std::move(changed)}, now);
  return {};
}

Status Sharing::change_settings(const client::SettingsChange& change, Instant now) {
  CORUN_TRY(check(change));
  policy::Settings settings = state_.settings;
  if (change.policy) {
    CORUN_ASSIGN(settings.kind, policy::parse_policy_kind(*change.policy));
  }
  settings.linger_us = change.linger_us.value_or(settings.linger_us);
  settings.wait_every_us = change.wait_every_us.value_or(settings.wait_every_us);
  settings.preempted_slice_us = change.preempted_slice_us.value_or(settings.preempted_slice_us);
  settings.learn_linger = change.learn_linger.value_or(settings.learn_linger);
  settings.hold = change.hold.value_or(settings.hold);
  settings.gate_with_slices = change.gate_with_slices.value_or(settings.gate_with_slices);
  if (change.quantum_ms) settings.quantum = from_micros(*change.quantum_ms * 1e3);
  if (change.quota_window_ms) settings.quota_window = from_micros(*change.quota_window_ms * 1e3);
  if (change.park_idle_s) settings.park_idle = from_seconds(*change.park_idle_s);
  if (change.memory_wait_s) settings.memory_wait = from_seconds(*change.memory_wait_s);
  if (change.longest_away_s) settings.longest_away = from_seconds(*change.longest_away_s);
  settings.memory_reserve_bytes =
      change.memory_reserve_bytes.value_or(settings.memory_reserve_bytes);
  settings.memory_capacity_bytes =
      change.memory_capacity_bytes.value_or(settings.memory_capacity_bytes);
  CORUN_TRY(policy::validate(settings, state_.workloads));
  if (change.max_burst_ms) max_burst_ = from_micros(*change.max_burst_ms * 1e3);
  run(policy::SettingsChanged{settings}, now);  // takes them into the policy's state
  note("settings", to_line(client::to_json(this->settings())), now);
  return {};
}

client::DaemonSettings Sharing::settings() const {
  const policy::Settings& settings = state_.settings;
  return {.policy = std::string(policy::to_string(settings.kind)),
          .linger_us = settings.linger_us,
          .learn_linger = settings.learn_linger,
          .hold = settings.hold,
          .quantum_ms = to_millis(settings.quantum),
          .quota_window_ms = to_millis(settings.quota_window),
          .wait_every_us = settings.wait_every_us,
          .preempted_slice_us = settings.preempted_slice_us,
          .gate_with_slices = settings.gate_with_slices,
          .max_burst_ms = to_millis(max_burst_),
          .park_idle_s = exact_seconds(settings.park_idle),
          .memory_wait_s = exact_seconds(settings.memory_wait),
          .longest_away_s = exact_seconds(settings.longest_away),
          .memory_reserve_bytes = settings.memory_reserve_bytes,
          .memory_capacity_bytes = settings.memory_capacity_bytes};
}

void Sharing::set_slices(client::SlicesState state, std::string why, bool use, Instant now) {
  options_.slices = state;
  options_.use_slices = use;
  options_.slices_why = std::move(why);
  note("slices", fmt::format("{}: {}", client::to_string(state), options_.slices_why), now);
  policy::Settings settings = state_.settings;
  settings.backend.slices = use && !settings.backend.mps;
  run(policy::SettingsChanged{settings}, now);
}

Persistent Sharing::persistent() const { return {state_.settings, max_burst_, overrides_}; }

}  // namespace corun::daemon
