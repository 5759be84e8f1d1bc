// The daemon's part of a snapshot.
#include <algorithm>
#include <set>

#include "monitoring/assembler.h"

namespace corun::monitoring {

namespace {

/// Who had the GPU last has it, unless that is so long ago.
constexpr double kHoldsWithin = 0.5;
/// A state that lasts is told in parts, so that viewers see it before it ends.
constexpr double kLastingPart = 1.0;
constexpr const char* kWarningKinds[] = {"refused", "gate-opened", "restart", "watchdog"};

std::string id_of(const client::WorkloadStatus& status) {
  return std::to_string(status.user) + "/" + status.name;
}

Figures figures_of(const std::vector<client::Figure>& list) {
  Figures figures;
  for (const client::Figure& one : list) figures[one.name] = {one.value, one.label};
  return figures;
}

std::optional<double> value_of(const client::WorkloadStatus& status, const char* name) {
  const client::Figure* figure = status.find(name);
  return figure == nullptr ? std::nullopt : figure->value;
}

Figure rate_figure(const client::WorkloadStatus& status, const char* name, const Rate& rate) {
  const client::Figure* figure = status.find(name);
  return {rate.per_second(), figure == nullptr ? client::Label::kMeasured : figure->label};
}

WorkloadNow now_of(const client::DaemonStatus& daemon, const client::WorkloadStatus& status) {
  WorkloadNow now;
  const auto closed_gate = [&](int gate) {
    return std::any_of(daemon.gates.begin(), daemon.gates.end(),
                       [gate](const auto& one) { return one.gate == gate && one.closed; });
  };
  for (const client::SessionStatus& session : status.sessions) {
    now.slice_us += session.slice_us;
    if (session.gate && closed_gate(*session.gate)) now.gate_closed = true;
    const bool for_turn = session.waits_for_turn && !session.turn_open;
    const bool for_gate = std::any_of(session.armed.begin(), session.armed.end(), closed_gate);
    if (for_turn || for_gate) now.waits = true;
  }
  return now;
}

}  // namespace

void Assembler::add_daemon(const DaemonReading& reading, GpuState& state) {
  const client::DaemonStatus& status = reading.status;
  if (state.daemon_pid != status.pid) {
    state.busiest.reset();
    std::erase_if(workloads_, [&](const auto& one) { return one.first.first == reading.gpu; });
    state.daemon_pid = status.pid;
  }
  const auto gpu = std::find_if(snapshot_.gpus.begin(), snapshot_.gpus.end(),
                                [&](const Gpu& one) { return one.uuid == reading.gpu; });
  Daemon daemon;
  daemon.pid = status.pid;
  daemon.version = status.version;
  daemon.user = status.user;
  daemon.policy = status.settings.policy;
  daemon.backend = status.backend;
  daemon.slices = client::to_string(status.slices);
  daemon.slices_why = status.slices_why;
  daemon.gpu_time = client::to_string(status.gpu_time);
  daemon.uptime_s = status.uptime_s;
  daemon.figures = figures_of(status.figures);
  gpu->daemon = std::move(daemon);
  add_blocks(reading, state);
  std::vector<const client::WorkloadStatus*> sorted;
  for (const auto& workload : status.workloads) sorted.push_back(&workload);
  std::sort(sorted.begin(), sorted.end(),
            [](const auto* a, const auto* b) { return id_of(*a) < id_of(*b); });
  std::map<int, std::string> owners;
  for (const auto* workload : sorted) {
    add_workload(reading, *workload, state);
    for (const auto& session : workload->sessions) owners[session.pid] = id_of(*workload);
  }
  for (Process& process : gpu->processes) {
    if (const auto owner = owners.find(process.pid); owner != owners.end()) {
      process.workload = owner->second;
    }
  }
  if (reading.missed) {
    Event event;
    event.at = at_;
    event.gpu = reading.gpu;
    event.severity = Severity::kWarning;
    event.kind = "missed";
    event.text = "slices or events of corund were overwritten before they were read";
    tell(std::move(event));
  }
  for (const client::DaemonEvent& one : reading.events) {
    Event event;
    event.at = clock_.to_unix(one.at_ns);
    event.gpu = reading.gpu;
    const bool warns = std::find(std::begin(kWarningKinds), std::end(kWarningKinds), one.kind) !=
                       std::end(kWarningKinds);
    event.severity = warns ? Severity::kWarning : Severity::kInfo;
    event.kind = one.kind;
    event.text = one.text;
    tell(std::move(event));
  }
}

void Assembler::add_blocks(const DaemonReading& reading, GpuState& state) {
  for (const client::SliceEntry& entry : reading.slices) {
    SliceBlock block;
    block.gpu = reading.gpu;
    block.workload = entry.workload;
    block.begin = clock_.to_unix(entry.begin_ns);
    block.end = clock_.to_unix(entry.end_ns);
    block.what = entry.what;
    block.seconds = entry.seconds;
    block.label = entry.label;
    if ((block.what == "run" || block.what == "turn") && block.end > state.busiest_end) {
      state.busiest_end = block.end;
      state.busiest = block.workload;
    }
    blocks_.push_back(std::move(block));
  }
}

void Assembler::add_workload(const DaemonReading& reading, const client::WorkloadStatus& status,
                             const GpuState& gpu) {
  Workload workload;
  workload.gpu = reading.gpu;
  workload.workload = id_of(status);
  workload.name = status.name;
  workload.user = user_name(status.user);
  workload.service_class = status.service_class;
  workload.weight = status.weight;
  workload.min_share = status.min_share;
  workload.max_share = status.max_share;
  workload.state = status.state;
  workload.memory_limit_bytes = status.memory_limit_bytes;
  workload.latency_target_us = status.latency_target_us;
  for (const auto& session : status.sessions) {
    if (session.pid > 0) workload.pids.push_back(session.pid);
  }
  std::sort(workload.pids.begin(), workload.pids.end());
  workload.pids.erase(std::unique(workload.pids.begin(), workload.pids.end()), workload.pids.end());
  workload.now = now_of(reading.status, status);
  workload.now.holds_gpu = gpu.busiest == workload.workload && at_ - gpu.busiest_end < kHoldsWithin;
  WorkloadState& state = workloads_[{reading.gpu, workload.workload}];
  if (reading.at > state.status_at) {
    state.status_at = reading.at;
    state.gpu.add(reading.at, value_of(status, "gpu_seconds"));
    state.wait.add(reading.at, value_of(status, "gpu_wait_seconds"));
    state.launches.add(reading.at, value_of(status, "launches"));
    state.switches.add(reading.at, value_of(status, "context_switches"));
  }
  workload.rates = {
      .gpu_ratio = rate_figure(status, "gpu_seconds", state.gpu),
      .wait_ratio = rate_figure(status, "gpu_wait_seconds", state.wait),
      .launches_per_second = rate_figure(status, "launches", state.launches),
      .context_switches_per_second = rate_figure(status, "context_switches", state.switches)};
  workload.figures = figures_of(status.figures);
  workload.burst_lengths = status.burst_lengths;
  workload.sessions = status.sessions;
  workload.reasons = status.reasons;
  std::string what = workload.state == "parked" ? "parked" : "";
  if (what.empty() && workload.now.waits) what = "wait";
  add_lasting(workload, std::move(what), state);
  snapshot_.workloads.push_back(std::move(workload));
}

void Assembler::add_lasting(const Workload& workload, std::string what, WorkloadState& state) {
  std::optional<Lasting>& lasting = state.lasting;
  if (lasting) {
    // It was so from the last look to this one, as far as anybody saw.
    const bool ended = lasting->what != what;
    if (!ended) lasting->seen = at_;
    if (ended || lasting->seen - lasting->begin >= kLastingPart) {
      if (lasting->seen > lasting->begin) {
        SliceBlock block;
        block.gpu = workload.gpu;
        block.workload = workload.workload;
        block.begin = lasting->begin;
        block.end = lasting->seen;
        block.what = lasting->what;
        block.seconds = block.end - block.begin;
        block.label = block.what == "parked" ? client::Label::kMeasured : client::Label::kEstimated;
        blocks_.push_back(std::move(block));
      }
      lasting->begin = lasting->seen;
      if (ended) lasting.reset();
    }
  }
  if (!lasting && !what.empty()) lasting = Lasting{std::move(what), at_, at_};
}

}  // namespace corun::monitoring
