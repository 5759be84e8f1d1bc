// What Sharing tells operators.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "core/stats/quantile.h"
#include "engine/daemon/sharing.h"

namespace corun::daemon {

namespace {

using client::Figure;
using client::Label;

constexpr Nanos kSilent = std::chrono::seconds(2);

struct FlagName {
  uint32_t flag;
  const char* name;
};
constexpr FlagName kFlagNames[] = {{wire::kFlagCapturing, "capturing"},
                                   {wire::kFlagNoWaitValue, "no-wait-value"},
                                   {wire::kFlagNoChannelGroups, "no-channel-groups"},
                                   {wire::kFlagBursting, "bursting"},
                                   {wire::kFlagHints, "hints"},
                                   {wire::kFlagCannotHold, "cannot-hold"}};

client::SessionStatus session_status(const Session& session, Instant now) {
  const SessionOrders& orders = session.orders();
  client::SessionStatus status;
  status.session = session.id();
  status.pid = session.peer().pid;
  status.program = session.program();
  status.slice_us = orders.slice_us;
  for (int gate = 0; gate < wire::kMaxGates; ++gate) {
    if ((orders.armed >> gate & 1) != 0) status.armed.push_back(gate);
  }
  status.waits_for_turn = (orders.armed & wire::kArmedTurn) != 0;
  status.turn_open = orders.turn_open;
  if (orders.gate >= 0) status.gate = orders.gate;
  status.close_permille = orders.close_permille;
  status.memory_limit_bytes = orders.memory_limit_bytes;
  for (const FlagName& flag : kFlagNames) {
    if ((session.counters().flags() & flag.flag) != 0) status.flags.emplace_back(flag.name);
  }
  if (now - session.counters().heartbeat() > kSilent) status.flags.emplace_back("silent");
  return status;
}

std::optional<double> percentile(std::vector<double> values, double q) {
  if (values.empty()) return std::nullopt;
  std::sort(values.begin(), values.end());
  if (q > 0.5 && !stats::supports_percentile(values.size(), q)) return std::nullopt;
  return stats::quantile_of_sorted(values, q);
}

/// Those of a workload that has had bursts, or is expected to have some.
std::optional<client::Lengths> burst_lengths(const WorkloadRecord& kept,
                                             const std::vector<const Session*>& sessions,
                                             ServiceClass service_class) {
  BurstLengths all = kept.ended.burst_lengths;
  for (const Session* session : sessions) all += session->counters().totals().burst_lengths;
  if (all.empty() && service_class != ServiceClass::kLatencyCritical) return std::nullopt;
  return all.told();
}

Nanos parked_time(const ParkAccount& account, Instant now) {
  return account.parked + (account.since == Instant{} ? Nanos(0) : now - account.since);
}

}  // namespace

std::vector<Figure> Sharing::figures(const std::string& key, const WorkloadRecord& kept,
                                     Instant now) const {
  Totals totals = kept.ended;
  uint64_t memory = 0;
  uint64_t peak = 0;
  uint64_t slice_us = 0;
  std::optional<double> linger_us;
  std::vector<double> bursts;
  std::optional<double> utilization;
  Nanos waited = kept.waited;
  for (const Session* session : sessions_of(key)) {
    const CounterReader& counters = session->counters();
    totals += counters.totals();
    memory += counters.memory_bytes();
    peak += counters.memory_peak_bytes();
    slice_us += session->orders().slice_us;
    waited += session->book().waits.total();
    if (counters.totals().bursts > 0) {
      linger_us = std::max(linger_us.value_or(0), double{1} * counters.linger_us());
    }
    bursts.insert(bursts.end(), counters.recent_bursts_us().begin(),
                  counters.recent_bursts_us().end());
    const auto told = utilization_.find(session->peer().pid);
    if (told != utilization_.end()) utilization = utilization.value_or(0) + told->second;
  }
  const auto count = [](const char* name, uint64_t value) {
    return Figure{name, static_cast<double>(value), Label::kMeasured};
  };
  const ParkAccount& account = kept.account;
  const auto seconds = [](const char* name, Nanos time, Label label) {
    return Figure{name, to_seconds(time), label};
  };
  const HeldTime::Counts held = held_.counts(key);
  const auto if_measuring = [this](std::optional<double> value) {
    return measuring_ ? value : std::nullopt;
  };
  std::optional<double> longest_wait_us;
  if (held.longest_wait) longest_wait_us = to_micros(*held.longest_wait);
  return {
      seconds("gpu_seconds", kept.gpu_time, measuring_ ? Label::kMeasured : Label::kEstimated),
      {"gpu_utilization", utilization, Label::kMeasured},
      seconds("gpu_wait_seconds", waited, Label::kEstimated),
      {"context_switches", if_measuring(static_cast<double>(held.runs)), Label::kMeasured},
      {"longest_wait_us", if_measuring(longest_wait_us), Label::kMeasured},
      {"slice_us", static_cast<double>(slice_us), Label::kGranted},
      count("launches", totals.launches),
      count("graph_launches", totals.graph_launches),
      count("copies", totals.copies),
      count("synchronisations", totals.synchronisations),
      count("gate_waits", totals.gate_waits),
      count("bursts", totals.bursts),
      count("gate_closures", totals.gate_closures),
      seconds("gate_closed_seconds", totals.gate_closed + kept.gate_opened_late, Label::kMeasured),
      count("holds", totals.holds),
      {"linger_us", linger_us, Label::kMeasured},
      {"burst_p50_us", percentile(bursts, 0.5), Label::kMeasured},
      {"burst_p99_us", percentile(bursts, 0.99), Label::kMeasured},
      count("preemptions", totals.preemptions),
      count("slice_sets", totals.slice_sets),
      count("slice_errors", totals.slice_errors),
      {"turns", static_cast<double>(kept.turns), Label::kGranted},
      count("memory_bytes", memory),
      count("memory_peak_bytes", std::max(peak, kept.ended_peak_bytes)),
      count("refusals", totals.refusals),
      count("memory_waits", totals.memory_waits),
      count("parks", account.parks),
      count("resumes", account.resumes),
      seconds("parked_seconds", parked_time(account, now), Label::kMeasured),
      count("moved_bytes", account.moved_bytes)};
}

client::WorkloadStatus Sharing::workload_status(const std::string& key, const WorkloadRecord& kept,
                                                Instant now) const {
  client::WorkloadStatus status;
  const auto live = state_.workloads.find(key);
  const auto by = overrides_.find(key);
  policy::Workload workload;
  if (live != state_.workloads.end()) {
    workload = live->second;
  } else if (by != overrides_.end()) {
    workload = effective(by->second, {});
  }
  const size_t slash = key.find('/');
  status.name = key.substr(slash + 1);
  std::from_chars(key.data(), key.data() + slash, status.user);
  status.service_class = workload.service_class;
  status.weight = workload.weight;
  status.min_share = workload.min_share;
  status.max_share = workload.max_share;
  status.memory_limit_bytes = workload.memory_limit_bytes;
  if (workload.latency_target) status.latency_target_us = to_micros(*workload.latency_target);
  for (const Session* session : sessions_of(key)) {
    status.sessions.push_back(session_status(*session, now));
  }
  status.state = status.sessions.empty() ? "absent" : std::string(policy::to_string(kept.parking));
  status.figures = figures(key, kept, now);
  status.burst_lengths = burst_lengths(kept, sessions_of(key), status.service_class);
  for (const auto& [kind, reason] : kept.reasons) status.reasons.push_back(reason);
  return status;
}

std::vector<client::GateStatus> Sharing::gate_statuses(Instant now) const {
  std::vector<client::GateStatus> all;
  for (size_t gate = 0; gate < wire::kMaxGates; ++gate) {
    client::GateStatus status;
    status.gate = static_cast<int>(gate);
    const auto holder = sessions_.find(gates_.holder(gate));
    if (holder != sessions_.end()) {
      status.holder = holder->first;
      status.workload = holder->second->workload();
    }
    const auto since = gates_.closed_since(gate);
    status.closed = since.has_value();
    if (since) status.closed_ms = to_millis(now - *since);
    status.opened_by_daemon = gates_.opened_by_daemon(gate);
    if (status.holder || status.opened_by_daemon > 0) all.push_back(std::move(status));
  }
  return all;
}

client::DaemonStatus Sharing::status(Instant now) {
  for (const auto& [id, session] : sessions_) session->read_counters(now);
  account_estimates();
  client::DaemonStatus status;
  status.gpu = options_.gpu;
  status.pid = getpid();
  status.user = geteuid();
  status.version = CORUN_VERSION;
  status.wire_version = wire::kWireVersion;
  status.uptime_s = to_seconds(now - started_);
  status.backend = state_.settings.backend.mps ? "mps" : "slices";
  status.slices = options_.slices;
  status.slices_why = options_.slices_why;
  status.gpu_time = measuring_ ? Label::kMeasured : Label::kEstimated;
  status.gpu_time_why = gpu_time_why();
  status.figures = gpu_figures();
  status.settings = settings();
  status.gates = gate_statuses(now);
  for (const auto& [key, kept] : records_) {
    if (kept.left_at == 0 || overrides_.contains(key)) {
      status.workloads.push_back(workload_status(key, kept, now));
    }
  }
  for (const auto& [key, ignored] : overrides_) {
    if (!records_.contains(key)) status.workloads.push_back(workload_status(key, {}, now));
  }
  return status;
}

Result<client::Trace> Sharing::trace(const std::string& key, uint64_t since) const {
  if (!key.empty() && !records_.contains(key)) {
    return usage_error("no workload " + key + " on this GPU", "`corun status` lists them");
  }
  client::Trace trace;
  trace.next = trace_.next();
  trace.missed = trace_.missed(since);
  for (const client::TraceEntry& entry : trace_.entries()) {
    if (entry.seq >= since && (key.empty() || entry.workload == key)) {
      trace.entries.push_back(entry);
    }
  }
  return trace;
}

client::Events Sharing::events(uint64_t since) const {
  client::Events events;
  events.next = events_.next();
  events.missed = events_.missed(since);
  for (const client::DaemonEvent& event : events_.entries()) {
    if (event.seq >= since) events.entries.push_back(event);
  }
  return events;
}

}  // namespace corun::daemon
