#include "engine/daemon/state_file.h"

#include <utility>

#include "core/files.h"
#include "core/json_fields.h"
#include "core/json_values.h"
#include "core/log.h"

namespace corun::daemon {

namespace {

constexpr int kStateSchema = 1;

Json override_json(const Override& one) {
  Json value = Json::object();
  if (one.service_class) value["class"] = to_string(*one.service_class);
  if (one.weight) value["weight"] = *one.weight;
  if (one.min_share) value["min_share"] = *one.min_share;
  if (one.max_share) value["max_share"] = *one.max_share;
  if (one.memory_limit_bytes) value["memory_limit_bytes"] = *one.memory_limit_bytes;
  if (one.latency_target_us) value["latency_target_us"] = *one.latency_target_us;
  return value;
}

template <typename T>
void may(JsonFields& in, const Json& value, const char* key, std::optional<T>& out) {
  if (value.is_object() && value.contains(key)) in.get(key, out);
}

Result<Override> override_from(const std::string& key, const Json& value) {
  Override one;
  std::optional<std::string> service_class;
  JsonFields in(value, "workload " + key);
  may(in, value, "class", service_class);
  may(in, value, "weight", one.weight);
  may(in, value, "min_share", one.min_share);
  may(in, value, "max_share", one.max_share);
  may(in, value, "memory_limit_bytes", one.memory_limit_bytes);
  may(in, value, "latency_target_us", one.latency_target_us);
  CORUN_TRY(in.status());
  if (service_class) {
    CORUN_ASSIGN(one.service_class, parse_service_class(*service_class));
  }
  return one;
}

/// A newer corund may have written more, and an older one less: what is not known here is left
/// out and told, what is missing is as in `base`.
void tell_unknown(const std::string& where, const Json& read, const Json& known) {
  if (!read.is_object()) return;
  for (const auto& [key, value] : read.items()) {
    if (!known.contains(key)) {
      log::warn("state: key '{}' of {} is of another version and is ignored", key, where);
    }
  }
}

Json whole_override() {
  return override_json({ServiceClass::kNormal, 1.0, 0.0, 1.0, uint64_t{0}, 0.0});
}

}  // namespace

Json to_json(const Persistent& state) {
  Json workloads = Json::object();
  for (const auto& [key, one] : state.workloads) workloads[key] = override_json(one);
  const policy::Settings& settings = state.settings;
  return {{"schema", kStateSchema},
          {"settings",
           {{"policy", policy::to_string(settings.kind)},
            {"linger_us", settings.linger_us},
            {"learn_linger", settings.learn_linger},
            {"hold", settings.hold},
            {"quantum_ms", to_millis(settings.quantum)},
            {"quota_window_ms", to_millis(settings.quota_window)},
            {"wait_every_us", settings.wait_every_us},
            {"preempted_slice_us", settings.preempted_slice_us},
            {"gate_with_slices", settings.gate_with_slices},
            {"max_burst_ms", to_millis(state.max_burst)},
            {"park_idle_s", exact_seconds(settings.park_idle)},
            {"memory_wait_s", exact_seconds(settings.memory_wait)},
            {"longest_away_s", exact_seconds(settings.longest_away)},
            {"memory_reserve_bytes", settings.memory_reserve_bytes},
            {"memory_capacity_bytes", settings.memory_capacity_bytes}}},
          {"workloads", workloads}};
}

Result<Persistent> persistent_from_json(const Json& value, const Persistent& base) {
  Persistent state = base;
  int schema = 0;
  JsonFields in(value, "state");
  in.get("schema", schema);
  const Json* settings = in.find("settings");
  const Json* workloads = in.find("workloads");
  CORUN_TRY(in.status());
  if (schema < kStateSchema)
    return usage_error("state: key 'schema': no version of corun wrote this");
  if (schema > kStateSchema) log::warn("state: written by a newer version; what is known is taken");
  if (!settings->is_object()) return usage_error("state: key 'settings': not an object");
  Json all = to_json(base).at("settings");
  tell_unknown("the settings", *settings, all);
  all.update(*settings);
  CORUN_ASSIGN(const client::DaemonSettings read, client::settings_from_json(all));
  CORUN_ASSIGN(state.settings.kind, policy::parse_policy_kind(read.policy));
  state.settings.linger_us = read.linger_us;
  state.settings.learn_linger = read.learn_linger;
  state.settings.hold = read.hold;
  state.settings.quantum = from_micros(read.quantum_ms * 1e3);
  state.settings.quota_window = from_micros(read.quota_window_ms * 1e3);
  state.settings.wait_every_us = read.wait_every_us;
  state.settings.preempted_slice_us = read.preempted_slice_us;
  state.settings.gate_with_slices = read.gate_with_slices;
  state.max_burst = from_micros(read.max_burst_ms * 1e3);
  state.settings.park_idle = from_seconds(read.park_idle_s);
  state.settings.memory_wait = from_seconds(read.memory_wait_s);
  state.settings.longest_away = from_seconds(read.longest_away_s);
  state.settings.memory_reserve_bytes = read.memory_reserve_bytes;
  state.settings.memory_capacity_bytes = read.memory_capacity_bytes;
  if (!workloads->is_object()) return usage_error("state: key 'workloads': not an object");
  for (const auto& [key, one] : workloads->items()) {
    tell_unknown("workload " + key, one, whole_override());
    CORUN_ASSIGN(state.workloads[key], override_from(key, one));
  }
  return state;
}

Result<Persistent> load_state(const std::filesystem::path& path, const Persistent& base) {
  std::error_code error;
  if (!std::filesystem::exists(path, error) && !error) return base;
  CORUN_ASSIGN(const Json value, read_json_file(path));
  auto state = persistent_from_json(value, base);
  if (state) return state;
  return usage_error(path.string() + ": " + state.error().what, "repair it, or remove it");
}

Status save_state(const std::filesystem::path& path, const Persistent& state) {
  return write_file_atomically(path, to_json(state).dump(2) + "\n");
}

}  // namespace corun::daemon
