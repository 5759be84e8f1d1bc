// What Sharing keeps account of: GPU time by workload, waits, who had the GPU when.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/log.h"
#include "engine/daemon/sharing.h"

namespace corun::daemon {

using client::Figure;
using client::Label;

// --- sources ------------------------------------------------------------------------------------

/// Runs can be told apart by process; without root only those of this user have a name.
bool Sharing::switches_usable() const {
  return options_.switches && held_.started() && (options_.switches_name_all || held_.named());
}

std::string Sharing::gpu_time_why() const {
  if (!options_.switches) return options_.switches_why;
  if (measuring_) return "the driver's record of context switches";
  if (!held_.started()) return "no context switch was recorded yet";
  if (switches_usable()) return "context switches are counted from the next second on";
  return "the record of context switches names no workload; other users' have names for root only";
}

void Sharing::take_switches(const std::vector<gpu::SwitchBatch>& batches) {
  for (const gpu::SwitchBatch& batch : batches) {
    log_runs(held_.take(batch));
    switches_read_ = batch.read_at;
  }
}

void Sharing::lose_switches(const std::string& why, Instant now) {
  if (!options_.switches) return;
  options_.switches = false;
  options_.switches_why = why;
  note("gpu-time", "estimated from now on: " + why, now);
}

void Sharing::gpu_holder_gone(Instant now) {
  if (const auto pid = held_.holder()) log_runs(held_.process_gone(*pid, now));
}

// --- sums ---------------------------------------------------------------------------------------

/// Takes in what the estimates have grown by; they are GPU time where nothing better is known.
void Sharing::account_estimates() {
  for (auto& [key, kept] : records_) {
    Nanos estimated = kept.ended.gpu_time;
    for (const Session* session : sessions_of(key)) {
      estimated += session->counters().totals().gpu_time;
    }
    const Nanos fresh = estimated - kept.estimated_seen;
    if (fresh <= Nanos(0)) continue;
    kept.estimated_seen = estimated;
    if (measuring_) continue;
    kept.gpu_time += fresh;
    sums_.workloads += fresh;
  }
}

void Sharing::set_utilization(std::map<int, double> by_pid, std::optional<double> of_gpu,
                              Instant now) {
  utilization_ = std::move(by_pid);
  settle(of_gpu, now);
}

/// Ends a second. Within one all GPU times have the same source.
void Sharing::settle(std::optional<double> utilization, Instant now) {
  account_estimates();
  if (measuring_) {
    settle_held(utilization);
  } else {
    const Nanos wall = now - settled_at_;
    const Nanos worked = sums_.workloads - settled_.workloads;
    // Without NVML nothing but the estimates tells what was idle: only too much can be noticed.
    const Nanos idle = utilization ? from_seconds(to_seconds(wall) * (1 - *utilization))
                                   : std::max(Nanos(0), wall - worked);
    sums_.wall += wall;
    sums_.idle += idle;
    held_.take_window();
  }
  idle_measured_ = measuring_ || utilization.has_value();
  settled_at_ = now;
  switches_settled_ = switches_read_;
  for (auto& [key, kept] : records_) kept.estimated_settled = kept.estimated_seen;
  settled_ = sums_;
  conservation_.add(sums_);
  check_conservation(now);
  if (measuring_ == switches_usable()) return;
  measuring_ = !measuring_;
  conservation_ = {};
  if (measuring_) note("gpu-time", "measured from now on: " + gpu_time_why(), now);
}

void Sharing::settle_held(std::optional<double> utilization) {
  HeldWindow window = held_.take_window();
  for (HeldWindow::Holder& holder : window.holders) {
    const auto kept = records_.find(holder.workload);
    if (kept == records_.end()) continue;
    holder.estimated = kept->second.estimated_seen - kept->second.estimated_settled;
  }
  const IdleSplit split = split_idle(window, utilization);
  log::debug(
      "GPU time: {} ms by our clock; {} holders, switching {} ms, nobody {} ms, unknown {} ms, "
      "{} idle; {} records lost, {} odd",
      to_millis(switches_read_ - switches_settled_), window.holders.size(),
      to_millis(window.switching), to_millis(window.nobody), to_millis(window.unknown),
      to_millis(split.idle), held_.lost(), held_.misfits());
  sums_.wall += switches_read_ - switches_settled_;
  sums_.switching += window.switching;
  sums_.idle += split.idle;
  sums_.switches = held_.switches();
  for (size_t i = 0; i < window.holders.size(); ++i) {
    const auto kept = records_.find(window.holders[i].workload);
    if (kept == records_.end()) {
      sums_.other += split.busy[i];
    } else {
      kept->second.gpu_time += split.busy[i];
      sums_.workloads += split.busy[i];
    }
  }
}

std::optional<double> Sharing::accounting_error() const {
  const auto window = conservation_.window();
  return window ? conservation_error(*window, state_.settings.backend.mps) : std::nullopt;
}

/// Says it once when measured time does not add up, and once when it does again.
void Sharing::check_conservation(Instant now) {
  const auto error = accounting_error();
  if (!measuring_ || !error) return;
  const bool wrong = std::abs(*error) > kMostConservationError;
  if (wrong == unconserved_) return;
  unconserved_ = wrong;
  note("gpu-time",
       wrong ? fmt::format("the parts are {:+.1f} % of the wall time off ({} records lost, {} odd)",
                           *error * 100, held_.lost(), held_.misfits())
             : "the parts add up to the wall time again",
       now);
}

std::vector<Figure> Sharing::gpu_figures() const {
  const Label source = measuring_ ? Label::kMeasured : Label::kEstimated;
  const Label idle = idle_measured_ ? Label::kMeasured : Label::kEstimated;
  const auto measured = [this](const char* name, double value) {
    return Figure{name, measuring_ ? std::optional(value) : std::nullopt, Label::kMeasured};
  };
  std::optional<double> per_second;
  const auto window = conservation_.window();
  if (measuring_ && window) {
    per_second = static_cast<double>(window->switches) / to_seconds(window->wall);
  }
  std::optional<double> lost;
  if (options_.switches) lost = static_cast<double>(held_.lost());
  // Clients of MPS run at the same time: their sum is not the GPU's.
  const bool mps = state_.settings.backend.mps;
  const Nanos used = mps ? sums_.wall - sums_.idle : sums_.workloads;
  return {{"wall_seconds", to_seconds(sums_.wall), Label::kMeasured},
          {"gpu_seconds", to_seconds(used), mps ? idle : source},
          measured("other_seconds", to_seconds(sums_.other)),
          measured("switching_seconds", to_seconds(sums_.switching)),
          {"idle_seconds", to_seconds(sums_.idle), idle},
          {"accounting_error", accounting_error(), source},
          measured("context_switches", static_cast<double>(held_.switches())),
          {"context_switches_per_s", per_second, Label::kMeasured},
          {"lost_records", lost, Label::kMeasured}};
}

// --- waits --------------------------------------------------------------------------------------

/// What the gates were closed for since the last look, and who waited for them.
void Sharing::look_at_gates(Instant begin, Instant now) {
  std::array<Nanos, wire::kMaxGates> closed = std::exchange(opened_late_, {});
  for (const auto& [id, session] : sessions_) {
    const Nanos total = session->counters().totals().gate_closed;
    const Nanos fresh = total - std::exchange(session->book().gate_closed, total);
    const int gate = session->orders().gate;
    if (fresh <= Nanos(0) || gate < 0) continue;
    closed[static_cast<size_t>(gate)] += fresh;
    log_slice(*session, "gate", begin, now, std::min(fresh, now - begin), Label::kMeasured);
  }
  for (const auto& [id, session] : sessions_) {
    Nanos waited_for{};
    for (int gate = 0; gate < wire::kMaxGates; ++gate) {
      const bool waits = (session->orders().armed >> gate & 1) != 0;
      if (waits && session->orders().gate != gate) waited_for += closed[static_cast<size_t>(gate)];
    }
    session->book().waits.look(waited_for, session->counters().totals().gate_waits, now);
  }
}

/// The orders about a session's turn may have changed. While it is away it waits for none.
void Sharing::book_turn(Session& session, Instant now) {
  const SessionOrders& orders = session.orders();
  const bool waits = (orders.armed & wire::kArmedTurn) != 0 && !session.calls_held();
  session.book().waits.set_turn_closed(waits && !orders.turn_open,
                                       session.counters().totals().gate_waits, now);
  auto& since = session.book().turn_since;
  const bool has_turn = waits && orders.turn_open;
  if (has_turn == since.has_value()) return;
  if (has_turn) {
    since = now;
    return;
  }
  log_slice(session, "turn", *since, now, now - *since, Label::kGranted);
  since.reset();
}

// --- who had the GPU when -----------------------------------------------------------------------

void Sharing::log_slice(const Session& session, const char* what, Instant begin, Instant end,
                        Nanos held, Label label) {
  if (end <= begin) return;
  slices_.add({.begin_ns = begin.ns,
               .end_ns = end.ns,
               .workload = session.workload(),
               .pid = session.peer().pid,
               .what = what,
               .seconds = to_seconds(held),
               .label = label});
}

void Sharing::log_runs(const std::vector<HeldRun>& runs) {
  if (!measuring_) return;  // they have no names, or nothing measured is told yet
  for (const HeldRun& run : runs) {
    slices_.add({.begin_ns = run.begin.ns,
                 .end_ns = run.end.ns,
                 .workload = run.workload,
                 .pid = static_cast<int>(run.pid),
                 .what = "run",
                 .seconds = to_seconds(run.held),
                 .label = Label::kMeasured});
  }
}

/// Where runs are not known: what the estimates say of the time since the last look.
void Sharing::log_shares(Instant begin, Instant now) {
  for (auto& [key, kept] : records_) {
    const Nanos fresh =
        kept.estimated_seen - std::exchange(kept.estimated_logged, kept.estimated_seen);
    if (measuring_ || fresh <= Nanos(0) || now <= begin) continue;
    slices_.add({.begin_ns = begin.ns,
                 .end_ns = now.ns,
                 .workload = key,
                 .what = "share",
                 .seconds = to_seconds(std::min(fresh, now - begin)),
                 .label = Label::kEstimated});
  }
}

Result<client::Slices> Sharing::slices(const std::string& key, uint64_t since) const {
  if (!key.empty() && !records_.contains(key)) {
    return usage_error("no workload " + key + " on this GPU", "`corun status` lists them");
  }
  client::Slices found;
  found.missed = slices_.missed(since);
  const auto& entries = slices_.entries();
  const uint64_t first = slices_.next() - entries.size();
  found.next = std::clamp(since, first, slices_.next());
  for (; found.next < slices_.next(); ++found.next) {
    const client::SliceEntry& entry = entries[static_cast<size_t>(found.next - first)];
    if (!key.empty() && entry.workload != key) continue;
    if (found.entries.size() == client::kMostSlices) {
      found.more = true;
      break;
    }
    found.entries.push_back(entry);
  }
  return found;
}

}  // namespace corun::daemon
