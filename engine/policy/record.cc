#include "engine/policy/record.h"

#include <fmt/format.h>

#include <limits>
#include <type_traits>

#include "core/json_fields.h"
#include "core/json_values.h"

namespace corun::policy {

namespace {

/// Times beyond this are no times of a clock; sums of two stay within 64 bits.
constexpr int64_t kLastNs = int64_t{1} << 61;

std::optional<int64_t> ns_of(const std::optional<Nanos>& duration) {
  if (!duration) return std::nullopt;
  return duration->count();
}

Json to_json(const Workload& workload) {
  return {{"name", workload.name},
          {"user", workload.user},
          {"class", to_string(workload.service_class)},
          {"weight", workload.weight},
          {"min_share", workload.min_share},
          {"max_share", workload.max_share},
          {"memory_limit_bytes", or_null(workload.memory_limit_bytes)},
          {"latency_target_ns", or_null(ns_of(workload.latency_target))}};
}

Json to_json(const Settings& settings) {
  return {{"policy", to_string(settings.kind)},
          {"slices", settings.backend.slices},
          {"gate", settings.backend.gate},
          {"mps", settings.backend.mps},
          {"parking", settings.backend.parking},
          {"quantum_ns", settings.quantum.count()},
          {"quota_window_ns", settings.quota_window.count()},
          {"wait_every_us", settings.wait_every_us},
          {"gate_with_slices", settings.gate_with_slices},
          {"preempted_slice_us", settings.preempted_slice_us},
          {"linger_us", settings.linger_us},
          {"learn_linger", settings.learn_linger},
          {"hold", settings.hold},
          {"memory_bytes", settings.memory_bytes},
          {"memory_capacity_bytes", settings.memory_capacity_bytes},
          {"memory_reserve_bytes", settings.memory_reserve_bytes},
          {"park_idle_ns", settings.park_idle.count()},
          {"memory_wait_ns", settings.memory_wait.count()},
          {"longest_away_ns", settings.longest_away.count()}};
}

Json to_json(SessionId id, const SessionReading& reading) {
  Json bursts = Json::array();
  for (const Nanos burst : reading.new_bursts) bursts.push_back(burst.count());
  return {{"session", id},
          {"launches", reading.launches},
          {"gpu_time_ns", reading.gpu_time.count()},
          {"workload_time_ns", reading.workload_time.count()},
          {"computes", reading.computes},
          {"queued", or_null(reading.queued)},
          {"memory_bytes", reading.memory_bytes},
          {"channel_groups", reading.channel_groups},
          {"longest_kernel_us", reading.longest_kernel_us},
          {"contexts", reading.contexts},
          {"capturing", reading.capturing},
          {"cannot_hold", reading.cannot_hold},
          {"calls", reading.calls},
          {"waiting", reading.waiting},
          {"held_calls", reading.held_calls},
          {"device_bytes", reading.device_bytes},
          {"wanted_bytes", reading.wanted_bytes},
          {"memory_ask", reading.memory_ask},
          {"parkable", reading.parkable},
          {"bursts_ns", std::move(bursts)}};
}

void put(Json& line, const Joined& event) {
  line["event"] = "joined";
  line["session"] = event.session;
  line["workload"] = to_json(event.workload);
}
void put(Json& line, const Left& event) {
  line["event"] = "left";
  line["session"] = event.session;
  line["why"] = event.why;
}
void put(Json& line, const Tick& event) {
  line["event"] = "tick";
  Json& readings = line["readings"] = Json::array();
  for (const auto& [id, reading] : event.readings) readings.push_back(to_json(id, reading));
  line["device_used_bytes"] = event.device_used_bytes;
}
void put(Json& line, const ParkChanged& event) {
  line["event"] = "park-changed";
  line["key"] = event.workload;
  line["state"] = to_string(event.state);
  line["ok"] = event.ok;
  line["busy"] = event.busy;
  line["until_resume"] = event.until_resume;
  line["adopted"] = event.adopted;
  line["bytes"] = event.bytes;
  line["took_ns"] = event.took.count();
}
void put(Json& line, const ResumeAsked& event) {
  line["event"] = "resume-asked";
  line["key"] = event.workload;
}
void put(Json& line, const Changed& event) {
  line["event"] = "changed";
  line["workload"] = to_json(event.workload);
}
void put(Json& line, const SettingsChanged& event) {
  line["event"] = "settings";
  line["settings"] = to_json(event.settings);
}

Json order(std::string_view name, SessionId session, Json value) {
  return {{"order", name}, {"session", session}, {"value", std::move(value)}};
}
Json to_json(const SetSlice& change) { return order("slice", change.session, change.slice_us); }
Json to_json(const SetArmed& change) {
  Json json = order("armed", change.session, change.armed);
  json["wait_every_us"] = change.wait_every_us;
  return json;
}
Json to_json(const AssignGate& change) {
  Json json = order("gate", change.session, change.gate);
  json["linger_us"] = change.linger_us;
  json["regain_us"] = change.regain_us;
  json["hold"] = change.hold;
  return json;
}
Json to_json(const SetClosePermille& change) {
  return order("close-permille", change.session, change.permille);
}
Json to_json(const SetTurn& change) { return order("turn", change.session, change.open); }
Json to_json(const SetMemoryLimit& change) { return order("memory", change.session, change.bytes); }
Json to_json(const SetMemoryRoom& change) { return order("room", change.session, change.bytes); }
Json to_json(const SetMemoryWait& change) {
  return order("memory-wait", change.session, or_null(ns_of(change.most)));
}
Json to_json(const AnswerMemory& change) {
  Json json = order("answer", change.session, change.try_again);
  json["ask"] = change.ask;
  return json;
}
Json to_json(const Park& change) {
  return {{"order", "park"}, {"key", change.workload}, {"only_if_idle", change.only_if_idle}};
}
Json to_json(const Resume& change) { return {{"order", "resume"}, {"key", change.workload}}; }

/// A whole number of 32 bits.
void get(JsonFields& in, const char* key, uint32_t& out) {
  uint64_t wide = 0;
  in.get(key, wide);
  if (wide > std::numeric_limits<uint32_t>::max()) in.fail(key, "more than 32 bits");
  out = static_cast<uint32_t>(wide);
}

void get(JsonFields& in, const char* key, Nanos& out) {
  int64_t ns = 0;
  in.get(key, ns);
  if (ns < 0 || ns > kLastNs) in.fail(key, "not a duration in ns");
  out = Nanos(ns);
}

/// Keys that logs of earlier versions do not have.
template <typename T>
void may(JsonFields& in, const Json& json, const char* key, T& out) {
  if (!json.is_object() || !json.contains(key)) return;
  if constexpr (std::is_same_v<T, Nanos> || std::is_same_v<T, uint32_t>) {
    get(in, key, out);
  } else {
    in.get(key, out);
  }
}

Result<Workload> workload_of(const Json& json) {
  JsonFields in(json, "workload");
  Workload workload;
  std::string service_class;
  std::optional<uint64_t> target;
  in.get("name", workload.name);
  get(in, "user", workload.user);
  in.get("class", service_class);
  in.get("weight", workload.weight);
  in.get("min_share", workload.min_share);
  in.get("max_share", workload.max_share);
  in.get("memory_limit_bytes", workload.memory_limit_bytes);
  in.get("latency_target_ns", target);
  if (target && *target > uint64_t{kLastNs}) in.fail("latency_target_ns", "not a duration in ns");
  CORUN_TRY(in.status());
  CORUN_ASSIGN(workload.service_class, parse_service_class(service_class));
  if (target) workload.latency_target = Nanos(static_cast<int64_t>(*target));
  return workload;
}

Result<Settings> settings_of(const Json& json) {
  JsonFields in(json, "settings");
  Settings settings;
  std::string kind;
  in.get("policy", kind);
  in.get("slices", settings.backend.slices);
  in.get("gate", settings.backend.gate);
  in.get("mps", settings.backend.mps);
  get(in, "quantum_ns", settings.quantum);
  get(in, "quota_window_ns", settings.quota_window);
  get(in, "wait_every_us", settings.wait_every_us);
  in.get("gate_with_slices", settings.gate_with_slices);
  get(in, "preempted_slice_us", settings.preempted_slice_us);
  get(in, "linger_us", settings.linger_us);
  in.get("learn_linger", settings.learn_linger);
  in.get("hold", settings.hold);
  may(in, json, "parking", settings.backend.parking);
  may(in, json, "memory_bytes", settings.memory_bytes);
  may(in, json, "memory_capacity_bytes", settings.memory_capacity_bytes);
  may(in, json, "memory_reserve_bytes", settings.memory_reserve_bytes);
  may(in, json, "park_idle_ns", settings.park_idle);
  may(in, json, "memory_wait_ns", settings.memory_wait);
  may(in, json, "longest_away_ns", settings.longest_away);
  CORUN_TRY(in.status());
  CORUN_ASSIGN(settings.kind, parse_policy_kind(kind));
  return settings;
}

Status read_bursts(const Json& json, std::vector<Nanos>& bursts) {
  if (!json.is_array()) return usage_error("reading: key 'bursts_ns': not a list");
  for (const Json& one : json) {
    if (!one.is_number_unsigned() || one.get<uint64_t>() > uint64_t{kLastNs}) {
      return usage_error("reading: key 'bursts_ns': not all are durations in ns");
    }
    bursts.emplace_back(one.get<int64_t>());
  }
  return {};
}

Status read_one(const Json& json, Tick& tick) {
  JsonFields in(json, "reading");
  SessionId session = 0;
  SessionReading reading;
  in.get("session", session);
  in.get("launches", reading.launches);
  get(in, "gpu_time_ns", reading.gpu_time);
  in.get("memory_bytes", reading.memory_bytes);
  get(in, "channel_groups", reading.channel_groups);
  get(in, "longest_kernel_us", reading.longest_kernel_us);
  get(in, "contexts", reading.contexts);
  in.get("capturing", reading.capturing);
  in.get("cannot_hold", reading.cannot_hold);
  may(in, json, "workload_time_ns", reading.workload_time);
  may(in, json, "computes", reading.computes);
  may(in, json, "queued", reading.queued);
  may(in, json, "calls", reading.calls);
  may(in, json, "waiting", reading.waiting);
  may(in, json, "held_calls", reading.held_calls);
  may(in, json, "device_bytes", reading.device_bytes);
  may(in, json, "wanted_bytes", reading.wanted_bytes);
  may(in, json, "memory_ask", reading.memory_ask);
  may(in, json, "parkable", reading.parkable);
  const Json* bursts = in.find("bursts_ns");
  CORUN_TRY(in.status());
  CORUN_TRY(read_bursts(*bursts, reading.new_bursts));
  tick.readings[session] = std::move(reading);
  return {};
}

Result<Tick> tick_of(const Json& json) {
  Tick tick;
  if (!json.is_array()) return usage_error("key 'readings': not a list");
  for (const Json& one : json) CORUN_TRY(read_one(one, tick));
  return tick;
}

Result<ParkState> park_state_of(std::string_view text) {
  for (const ParkState state :
       {ParkState::kRunning, ParkState::kParking, ParkState::kParked, ParkState::kResuming}) {
    if (to_string(state) == text) return state;
  }
  return usage_error("key 'state': not running, parking, parked or resuming");
}

Result<Event> park_event_of(JsonFields& in, bool changed) {
  ParkChanged event;
  in.get("key", event.workload);
  if (!changed) {
    CORUN_TRY(in.status());
    return Event(ResumeAsked{std::move(event.workload)});
  }
  std::string state;
  in.get("state", state);
  in.get("ok", event.ok);
  in.get("busy", event.busy);
  in.get("until_resume", event.until_resume);
  in.get("adopted", event.adopted);
  in.get("bytes", event.bytes);
  get(in, "took_ns", event.took);
  CORUN_TRY(in.status());
  CORUN_ASSIGN(event.state, park_state_of(state));
  return Event(std::move(event));
}

Result<Event> event_of(JsonFields& in, const Json& json) {
  std::string kind;
  in.get("event", kind);
  CORUN_TRY(in.status());
  if (kind == "left") {
    Left left;
    in.get("session", left.session);
    in.get("why", left.why);
    CORUN_TRY(in.status());
    return Event(left);
  }
  if (kind == "park-changed" || kind == "resume-asked") {
    return park_event_of(in, kind == "park-changed");
  }
  const bool tick = kind == "tick";
  const bool settings = kind == "settings";
  const bool known = tick || settings || kind == "joined" || kind == "changed";
  if (!known) {
    in.fail("event", "not joined, left, tick, changed, settings, park-changed or resume-asked");
  }
  const Json* part = in.find(tick ? "readings" : settings ? "settings" : "workload");
  Joined joined;
  if (kind == "joined") in.get("session", joined.session);
  uint64_t used = 0;
  if (tick) may(in, json, "device_used_bytes", used);
  CORUN_TRY(in.status());
  if (tick) {
    CORUN_ASSIGN(Tick readings, tick_of(*part));
    readings.device_used_bytes = used;
    return Event(std::move(readings));
  }
  if (settings) {
    CORUN_ASSIGN(Settings changed, settings_of(*part));
    return Event(SettingsChanged{changed});
  }
  CORUN_ASSIGN(joined.workload, workload_of(*part));
  if (kind == "joined") return Event(std::move(joined));
  return Event(Changed{std::move(joined.workload)});
}

Error at_line(const Error& error, std::string_view origin) {
  return {error.kind, fmt::format("{}: {}", origin, error.what), error.todo};
}

Result<RecordedEvent> event_of_line(const Json& json, std::string_view origin) {
  JsonFields in(json, "event");
  Instant at;
  in.get("at", at.ns);
  if (at.ns < 0 || at.ns > kLastNs) in.fail("at", "not a time in ns");
  if (const Status status = in.status(); !status) return at_line(status.error(), origin);
  auto event = event_of(in, json);
  if (!event) return at_line(event.error(), origin);
  return RecordedEvent{at, *std::move(event)};
}

}  // namespace

std::string event_line(const Event& event, Instant at) {
  Json line{{"at", at.ns}};
  std::visit([&line](const auto& one) { put(line, one); }, event);
  return to_line(line);
}

std::string decided_line(const std::vector<Action>& actions, Instant at) {
  Json decided = Json::array();
  for (const Action& action : actions) {
    Json one = std::visit([](const auto& change) { return to_json(change); }, action.change);
    one["why"] = action.why;
    decided.push_back(std::move(one));
  }
  return to_line(Json{{"at", at.ns}, {"decided", std::move(decided)}});
}

Result<RecordedEvent> parse_event_line(std::string_view line, std::string_view origin) {
  CORUN_ASSIGN(const Json json, parse_json(line, origin));
  return event_of_line(json, origin);
}

Result<Replayed> replay(std::string_view log, std::string_view origin) {
  Replayed replayed;
  replayed.state.settings = default_settings();
  Instant last{};
  for (size_t number = 1; !log.empty(); ++number) {
    const size_t end = std::min(log.find('\n'), log.size());
    const std::string_view line = log.substr(0, end);
    log.remove_prefix(std::min(end + 1, log.size()));
    if (line.empty()) continue;
    const std::string place = fmt::format("{}:{}", origin, number);
    CORUN_ASSIGN(const Json json, parse_json(line, place));
    if (json.is_object() && json.contains("decided")) {
      if (replayed.decided.empty()) return usage_error(place + ": decisions before any event");
      if (to_line(json) != replayed.decided.back()) {
        return failed(fmt::format("{}: decided otherwise: {}", place, replayed.decided.back()),
                      "replay it with the version that wrote it");
      }
      ++replayed.compared;
      continue;
    }
    CORUN_ASSIGN(const RecordedEvent recorded, event_of_line(json, place));
    if (recorded.at < last) return usage_error(place + ": its time is before the line above");
    last = recorded.at;
    const std::vector<Action> actions = decide(replayed.state, recorded.event, recorded.at);
    replayed.decided.push_back(decided_line(actions, recorded.at));
    ++replayed.events;
  }
  return replayed;
}

}  // namespace corun::policy
