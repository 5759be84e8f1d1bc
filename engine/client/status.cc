#include "engine/client/status.h"

#include <array>
#include <utility>

#include "core/json_fields.h"
#include "core/json_values.h"

namespace corun::client {

namespace {

constexpr std::array<std::pair<Label, std::string_view>, 3> kLabels{
    {{Label::kMeasured, "measured"},
     {Label::kGranted, "granted"},
     {Label::kEstimated, "estimated"}}};
constexpr std::array<std::pair<SlicesState, std::string_view>, 3> kSlicesStates{
    {{SlicesState::kProven, "proven"},
     {SlicesState::kRefuted, "refuted"},
     {SlicesState::kUnproven, "unproven"}}};

Json figure_json(const Figure& figure) {
  return {
      {"name", figure.name}, {"value", or_null(figure.value)}, {"label", to_string(figure.label)}};
}

Json figures_json(const std::vector<Figure>& figures) {
  Json all = Json::array();
  for (const Figure& figure : figures) all.push_back(figure_json(figure));
  return all;
}

const Figure* find_figure(const std::vector<Figure>& figures, std::string_view name) {
  for (const Figure& one : figures) {
    if (one.name == name) return &one;
  }
  return nullptr;
}

Json gate_json(const GateStatus& gate) {
  return {{"gate", gate.gate},           {"holder", or_null(gate.holder)},
          {"workload", gate.workload},   {"closed", gate.closed},
          {"closed_ms", gate.closed_ms}, {"opened_by_daemon", gate.opened_by_daemon}};
}

/// 32 bits of a whole number.
void get(JsonFields& in, const char* key, uint32_t& out) {
  uint64_t wide = 0;
  in.get(key, wide);
  if (!std::in_range<uint32_t>(wide)) in.fail(key, "not a whole number of 32 bits");
  out = static_cast<uint32_t>(wide);
}

/// Reads every element of an array with `read`; an error if there is none.
template <typename T, typename Read>
Status get_all(JsonFields& in, const char* key, std::vector<T>& out, Read read) {
  const Json* value = in.find(key);
  if (value == nullptr) return in.status();
  if (!value->is_array()) {
    in.fail(key, "not a list");
    return in.status();
  }
  for (const Json& element : *value) {
    CORUN_ASSIGN(T one, read(element));
    out.push_back(std::move(one));
  }
  return {};
}

/// What a daemon older than this program does not tell yet is as in `defaults`; but for what no
/// daemon leaves out. Anything that is no object stays what it is.
Json completed(Json defaults, std::initializer_list<const char*> needed, const Json& value) {
  if (!value.is_object()) return value;
  for (const char* key : needed) defaults.erase(key);
  defaults.update(value);
  return defaults;
}

Result<std::string> text_from(const Json& value) {
  if (!value.is_string()) return failed("not text: " + to_line(value).substr(0, 60));
  return value.get<std::string>();
}

Result<int> number_from(const Json& value) {
  if (!value.is_number_integer()) return failed("not a number: " + to_line(value).substr(0, 60));
  return value.get<int>();
}

Result<Figure> figure_from(const Json& value) {
  Figure figure;
  std::string label;
  JsonFields in(value, "figure");
  in.get("name", figure.name);
  in.get("value", figure.value);
  in.get("label", label);
  CORUN_TRY(in.status());
  CORUN_ASSIGN(figure.label, parse_label(label));
  return figure;
}

Result<Reason> reason_from(const Json& value) {
  Reason reason;
  JsonFields in(value, "reason");
  in.get("change", reason.change);
  in.get("why", reason.why);
  CORUN_TRY(in.status());
  return reason;
}

Result<WorkloadStatus> workload_from(const Json& value) {
  WorkloadStatus workload;
  std::string service_class;
  const Json whole = completed(to_json(workload), {"name", "user", "state"}, value);
  JsonFields in(whole, "workload");
  in.get("name", workload.name);
  get(in, "user", workload.user);
  in.get("class", service_class);
  in.get("weight", workload.weight);
  in.get("min_share", workload.min_share);
  in.get("max_share", workload.max_share);
  in.get("memory_limit_bytes", workload.memory_limit_bytes);
  in.get("latency_target_us", workload.latency_target_us);
  in.get("state", workload.state);
  CORUN_TRY(get_all(in, "sessions", workload.sessions, session_from_json));
  CORUN_TRY(get_all(in, "figures", workload.figures, figure_from));
  CORUN_TRY(get_all(in, "reasons", workload.reasons, reason_from));
  if (const Json* lengths = in.find("burst_lengths"); lengths != nullptr && !lengths->is_null()) {
    CORUN_ASSIGN(workload.burst_lengths, lengths_from_json(*lengths));
  }
  CORUN_TRY(in.status());
  CORUN_ASSIGN(workload.service_class, parse_service_class(service_class));
  return workload;
}

Result<GateStatus> gate_from(const Json& value) {
  GateStatus gate;
  JsonFields in(value, "gate");
  in.get("gate", gate.gate);
  in.get("holder", gate.holder);
  in.get("workload", gate.workload);
  in.get("closed", gate.closed);
  in.get("closed_ms", gate.closed_ms);
  in.get("opened_by_daemon", gate.opened_by_daemon);
  CORUN_TRY(in.status());
  return gate;
}

Result<GpuStatus> gpu_from(const Json& value) {
  GpuStatus gpu;
  JsonFields in(value, "gpu");
  in.get("uuid", gpu.uuid);
  in.get("index", gpu.index);
  in.get("name", gpu.name);
  in.get("driver", gpu.driver);
  in.get("simulated", gpu.simulated);
  in.get("memory_bytes", gpu.memory_bytes);
  CORUN_TRY(in.status());
  return gpu;
}

Result<TraceEntry> trace_entry_from(const Json& value) {
  TraceEntry entry;
  JsonFields in(value, "trace entry");
  in.get("seq", entry.seq);
  in.get("at_ns", entry.at_ns);
  in.get("session", entry.session);
  in.get("workload", entry.workload);
  in.get("change", entry.change);
  in.get("why", entry.why);
  CORUN_TRY(in.status());
  return entry;
}

Result<DaemonEvent> event_from(const Json& value) {
  DaemonEvent event;
  JsonFields in(value, "event");
  in.get("seq", event.seq);
  in.get("at_ns", event.at_ns);
  in.get("kind", event.kind);
  in.get("text", event.text);
  CORUN_TRY(in.status());
  return event;
}

}  // namespace

std::string_view to_string(Label label) {
  for (const auto& [value, name] : kLabels) {
    if (value == label) return name;
  }
  return "unknown";
}

Result<Label> parse_label(std::string_view text) {
  for (const auto& [value, name] : kLabels) {
    if (name == text) return value;
  }
  return failed("unknown label of a figure: " + std::string(text));
}

std::string_view to_string(SlicesState state) {
  for (const auto& [value, name] : kSlicesStates) {
    if (value == state) return name;
  }
  return "unknown";
}

Result<SlicesState> parse_slices_state(std::string_view text) {
  for (const auto& [value, name] : kSlicesStates) {
    if (name == text) return value;
  }
  return failed("unknown state of slices: " + std::string(text));
}

const Figure* WorkloadStatus::find(std::string_view figure) const {
  return find_figure(figures, figure);
}

const Figure* DaemonStatus::find(std::string_view figure) const {
  return find_figure(figures, figure);
}

Json to_json(const SessionStatus& session) {
  return {{"session", session.session},
          {"pid", session.pid},
          {"program", session.program},
          {"slice_us", session.slice_us},
          {"armed", session.armed},
          {"waits_for_turn", session.waits_for_turn},
          {"turn_open", session.turn_open},
          {"gate", or_null(session.gate)},
          {"close_permille", session.close_permille},
          {"memory_limit_bytes", session.memory_limit_bytes},
          {"flags", session.flags}};
}

Json to_json(const WorkloadStatus& workload) {
  Json sessions = Json::array();
  for (const SessionStatus& session : workload.sessions) sessions.push_back(to_json(session));
  Json reasons = Json::array();
  for (const Reason& reason : workload.reasons) {
    reasons.push_back({{"change", reason.change}, {"why", reason.why}});
  }
  return {{"name", workload.name},
          {"user", workload.user},
          {"class", to_string(workload.service_class)},
          {"weight", workload.weight},
          {"min_share", workload.min_share},
          {"max_share", workload.max_share},
          {"memory_limit_bytes", or_null(workload.memory_limit_bytes)},
          {"latency_target_us", or_null(workload.latency_target_us)},
          {"state", workload.state},
          {"sessions", sessions},
          {"figures", figures_json(workload.figures)},
          {"burst_lengths", workload.burst_lengths ? to_json(*workload.burst_lengths) : Json()},
          {"reasons", reasons}};
}

Json to_json(const DaemonSettings& settings) {
  return {{"policy", settings.policy},
          {"linger_us", settings.linger_us},
          {"learn_linger", settings.learn_linger},
          {"hold", settings.hold},
          {"quantum_ms", settings.quantum_ms},
          {"quota_window_ms", settings.quota_window_ms},
          {"wait_every_us", settings.wait_every_us},
          {"preempted_slice_us", settings.preempted_slice_us},
          {"gate_with_slices", settings.gate_with_slices},
          {"max_burst_ms", settings.max_burst_ms},
          {"park_idle_s", settings.park_idle_s},
          {"memory_wait_s", settings.memory_wait_s},
          {"longest_away_s", settings.longest_away_s},
          {"memory_reserve_bytes", settings.memory_reserve_bytes},
          {"memory_capacity_bytes", settings.memory_capacity_bytes}};
}

Json to_json(const DaemonStatus& status) {
  const GpuStatus& gpu = status.gpu;
  Json gates = Json::array();
  for (const GateStatus& gate : status.gates) gates.push_back(gate_json(gate));
  Json workloads = Json::array();
  for (const WorkloadStatus& workload : status.workloads) {
    workloads.push_back(to_json(workload));
  }
  return {{"schema", kControlSchema},
          {"gpu",
           {{"uuid", gpu.uuid},
            {"index", gpu.index},
            {"name", gpu.name},
            {"driver", gpu.driver},
            {"simulated", gpu.simulated},
            {"memory_bytes", gpu.memory_bytes}}},
          {"pid", status.pid},
          {"user", status.user},
          {"version", status.version},
          {"wire_version", status.wire_version},
          {"uptime_s", status.uptime_s},
          {"state_file", status.state_file},
          {"backend", status.backend},
          {"slices", to_string(status.slices)},
          {"slices_why", status.slices_why},
          {"watchdog", status.watchdog},
          {"gpu_time", to_string(status.gpu_time)},
          {"gpu_time_why", status.gpu_time_why},
          {"figures", figures_json(status.figures)},
          {"settings", to_json(status.settings)},
          {"gates", gates},
          {"workloads", workloads}};
}

Json to_json(const Trace& trace) {
  Json entries = Json::array();
  for (const TraceEntry& entry : trace.entries) {
    entries.push_back({{"seq", entry.seq},
                       {"at_ns", entry.at_ns},
                       {"session", entry.session},
                       {"workload", entry.workload},
                       {"change", entry.change},
                       {"why", entry.why}});
  }
  return {{"entries", entries}, {"next", trace.next}, {"missed", trace.missed}};
}

Json to_json(const Events& events) {
  Json entries = Json::array();
  for (const DaemonEvent& event : events.entries) {
    entries.push_back(
        {{"seq", event.seq}, {"at_ns", event.at_ns}, {"kind", event.kind}, {"text", event.text}});
  }
  return {{"entries", entries}, {"next", events.next}, {"missed", events.missed}};
}

Result<SessionStatus> session_from_json(const Json& value) {
  SessionStatus session;
  const Json whole = completed(to_json(session), {"session", "pid"}, value);
  JsonFields in(whole, "session");
  in.get("session", session.session);
  in.get("pid", session.pid);
  in.get("program", session.program);
  get(in, "slice_us", session.slice_us);
  in.get("waits_for_turn", session.waits_for_turn);
  in.get("turn_open", session.turn_open);
  in.get("gate", session.gate);
  get(in, "close_permille", session.close_permille);
  in.get("memory_limit_bytes", session.memory_limit_bytes);
  CORUN_TRY(get_all(in, "armed", session.armed, number_from));
  CORUN_TRY(get_all(in, "flags", session.flags, text_from));
  CORUN_TRY(in.status());
  return session;
}

Result<DaemonSettings> settings_from_json(const Json& value) {
  DaemonSettings settings;
  const Json whole = completed(to_json(settings), {"policy"}, value);
  JsonFields in(whole, "settings");
  in.get("policy", settings.policy);
  get(in, "linger_us", settings.linger_us);
  in.get("learn_linger", settings.learn_linger);
  in.get("hold", settings.hold);
  in.get("quantum_ms", settings.quantum_ms);
  in.get("quota_window_ms", settings.quota_window_ms);
  get(in, "wait_every_us", settings.wait_every_us);
  get(in, "preempted_slice_us", settings.preempted_slice_us);
  in.get("gate_with_slices", settings.gate_with_slices);
  in.get("max_burst_ms", settings.max_burst_ms);
  const auto may = [&](const char* key, auto& out) {
    if (value.is_object() && value.contains(key)) in.get(key, out);
  };
  may("park_idle_s", settings.park_idle_s);
  may("memory_wait_s", settings.memory_wait_s);
  may("longest_away_s", settings.longest_away_s);
  may("memory_reserve_bytes", settings.memory_reserve_bytes);
  may("memory_capacity_bytes", settings.memory_capacity_bytes);
  CORUN_TRY(in.status());
  return settings;
}

Result<DaemonStatus> status_from_json(const Json& value) {
  DaemonStatus status;
  std::string slices;
  std::string gpu_time;
  const Json whole =
      completed(to_json(status), {"gpu", "pid", "version", "settings", "workloads"}, value);
  JsonFields in(whole, "status");
  in.get("pid", status.pid);
  get(in, "user", status.user);
  in.get("version", status.version);
  get(in, "wire_version", status.wire_version);
  in.get("uptime_s", status.uptime_s);
  in.get("state_file", status.state_file);
  in.get("backend", status.backend);
  in.get("slices", slices);
  in.get("slices_why", status.slices_why);
  in.get("watchdog", status.watchdog);
  in.get("gpu_time", gpu_time);
  in.get("gpu_time_why", status.gpu_time_why);
  const Json* gpu = in.find("gpu");
  const Json* settings = in.find("settings");
  CORUN_TRY(get_all(in, "figures", status.figures, figure_from));
  CORUN_TRY(get_all(in, "gates", status.gates, gate_from));
  CORUN_TRY(get_all(in, "workloads", status.workloads, workload_from));
  CORUN_TRY(in.status());
  CORUN_ASSIGN(status.gpu, gpu_from(*gpu));
  CORUN_ASSIGN(status.settings, settings_from_json(*settings));
  CORUN_ASSIGN(status.slices, parse_slices_state(slices));
  CORUN_ASSIGN(status.gpu_time, parse_label(gpu_time));
  return status;
}

Result<Trace> trace_from_json(const Json& value) {
  Trace trace;
  JsonFields in(value, "trace");
  in.get("next", trace.next);
  in.get("missed", trace.missed);
  CORUN_TRY(get_all(in, "entries", trace.entries, trace_entry_from));
  CORUN_TRY(in.status());
  return trace;
}

Result<Events> events_from_json(const Json& value) {
  Events events;
  JsonFields in(value, "events");
  in.get("next", events.next);
  in.get("missed", events.missed);
  CORUN_TRY(get_all(in, "entries", events.entries, event_from));
  CORUN_TRY(in.status());
  return events;
}

}  // namespace corun::client
