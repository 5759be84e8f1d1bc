#include "engine/daemon/requests.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <set>
#include <type_traits>

#include "core/json_fields.h"
#include "core/json_values.h"

namespace corun::daemon {

namespace {

constexpr size_t kMaxQuoted = 60;

/// Reads optional keys of a request, and remembers which it knows.
class Keys {
 public:
  explicit Keys(const Json& object, std::string what)
      : object_(object), fields_(object, std::move(what)) {}

  void need(const char* key, std::string& out) {
    known_.insert(key);
    fields_.get(key, out);
  }
  /// An absent key and null leave `out` as it is.
  template <typename T>
  void may(const char* key, std::optional<T>& out) {
    known_.insert(key);
    if (!object_.is_object() || !object_.contains(key)) return;
    fields_.get(key, out);
    any_ = any_ || out.has_value();
  }
  void may(const char* key, std::optional<uint32_t>& out) {
    std::optional<uint64_t> wide;
    may(key, wide);
    if (!wide) return;
    if (!std::in_range<uint32_t>(*wide)) fields_.fail(key, "too large");
    out = static_cast<uint32_t>(*wide);
  }
  void fail(const char* key, const std::string& message) { fields_.fail(key, message); }
  bool any() const { return any_; }

  Status status() const {
    CORUN_TRY(fields_.status());
    for (const auto& [key, value] : object_.items()) {
      if (key != "op" && !known_.contains(key)) {
        return usage_error("unknown key '" + key.substr(0, kMaxQuoted) + "'",
                           "docs/control-api.md lists those of each operation");
      }
    }
    return {};
  }

 private:
  const Json& object_;
  JsonFields fields_;
  std::set<std::string> known_;
  bool any_ = false;
};

Result<Request> parse_set(const Json& object) {
  SetRequest request;
  std::optional<std::string> service_class;
  Keys keys(object, "set");
  keys.need("workload", request.change.workload);
  keys.may("class", service_class);
  keys.may("weight", request.change.weight);
  keys.may("min_share", request.change.min_share);
  keys.may("max_share", request.change.max_share);
  keys.may("memory_limit_bytes", request.change.memory_limit_bytes);
  keys.may("latency_target_us", request.change.latency_target_us);
  CORUN_TRY(keys.status());
  if (service_class) {
    CORUN_ASSIGN(request.change.service_class, parse_service_class(*service_class));
  }
  if (!keys.any()) return usage_error("set: nothing to change", "give class, weight, ...");
  return Request(std::move(request));
}

Result<Request> parse_settings(const Json& object) {
  SettingsRequest request;
  Keys keys(object, "settings");
  keys.may("policy", request.change.policy);
  keys.may("linger_us", request.change.linger_us);
  keys.may("learn_linger", request.change.learn_linger);
  keys.may("hold", request.change.hold);
  keys.may("quantum_ms", request.change.quantum_ms);
  keys.may("quota_window_ms", request.change.quota_window_ms);
  keys.may("wait_every_us", request.change.wait_every_us);
  keys.may("preempted_slice_us", request.change.preempted_slice_us);
  keys.may("gate_with_slices", request.change.gate_with_slices);
  keys.may("max_burst_ms", request.change.max_burst_ms);
  keys.may("park_idle_s", request.change.park_idle_s);
  keys.may("memory_wait_s", request.change.memory_wait_s);
  keys.may("longest_away_s", request.change.longest_away_s);
  keys.may("memory_reserve_bytes", request.change.memory_reserve_bytes);
  keys.may("memory_capacity_bytes", request.change.memory_capacity_bytes);
  CORUN_TRY(keys.status());
  request.changes = keys.any();
  return Request(std::move(request));
}

/// TraceRequest or SlicesRequest.
template <typename T>
Result<Request> parse_log(const Json& object) {
  std::optional<std::string> workload;
  std::optional<uint64_t> since;
  Keys keys(object, std::is_same_v<T, SlicesRequest> ? "slices" : "trace");
  keys.may("workload", workload);
  keys.may("since", since);
  CORUN_TRY(keys.status());
  return Request(T{workload.value_or(""), since.value_or(0)});
}

Result<Request> parse_events(const Json& object) {
  std::optional<uint64_t> since;
  Keys keys(object, "events");
  keys.may("since", since);
  CORUN_TRY(keys.status());
  return Request(EventsRequest{since.value_or(0)});
}

template <bool kPark>
Result<Request> parse_park(const Json& object) {
  ParkRequest request;
  request.park = kPark;
  Keys keys(object, kPark ? "park" : "resume");
  keys.need("workload", request.workload);
  std::optional<bool> until_resume;
  if (kPark) keys.may("until_resume", until_resume);
  CORUN_TRY(keys.status());
  request.until_resume = until_resume.value_or(false);
  return Request(std::move(request));
}

template <typename T>
Result<Request> parse_bare(const Json& object) {
  const Keys keys(object, "request");
  CORUN_TRY(keys.status());
  return Request(T{});
}

struct Operation {
  std::string_view name;
  Result<Request> (*parse)(const Json& object);
};
constexpr std::array<Operation, 9> kOperations{{{"status", parse_bare<StatusRequest>},
                                                {"set", parse_set},
                                                {"settings", parse_settings},
                                                {"trace", parse_log<TraceRequest>},
                                                {"slices", parse_log<SlicesRequest>},
                                                {"events", parse_events},
                                                {"park", parse_park<true>},
                                                {"resume", parse_park<false>},
                                                {"shutdown", parse_bare<ShutdownRequest>}}};

std::string_view kind_text(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kUsage:
      return "usage";
    case ErrorKind::kUnsupported:
      return "unsupported";
    case ErrorKind::kFailed:
      return "failed";
  }
  return "failed";
}

}  // namespace

Result<Request> parse_request(std::string_view line) {
  CORUN_ASSIGN(const Json object, parse_json(line, "request"));
  if (!object.is_object()) return usage_error("request: not a JSON object");
  std::string op;
  JsonFields fields(object, "request");
  fields.get("op", op);
  CORUN_TRY(fields.status());
  const auto found = std::find_if(kOperations.begin(), kOperations.end(),
                                  [&op](const Operation& one) { return one.name == op; });
  if (found == kOperations.end()) {
    return usage_error(
        "unknown operation '" + op.substr(0, kMaxQuoted) + "'",
        "use status, set, settings, trace, slices, events, park, resume or shutdown");
  }
  return found->parse(object);
}

bool changes_something(const Request& request) {
  if (const auto* settings = std::get_if<SettingsRequest>(&request)) return settings->changes;
  return std::holds_alternative<SetRequest>(request) ||
         std::holds_alternative<ParkRequest>(request) ||
         std::holds_alternative<ShutdownRequest>(request);
}

std::string error_reply(const Error& error) {
  return to_line(
      {{"ok", false},
       {"error", {{"kind", kind_text(error.kind)}, {"what", error.what}, {"todo", error.todo}}}});
}

std::string ok_reply(const Json& fields) {
  Json reply = {{"ok", true}};
  reply.update(fields);
  return to_line(reply);
}

std::string ok_reply() { return to_line({{"ok", true}}); }

}  // namespace corun::daemon
