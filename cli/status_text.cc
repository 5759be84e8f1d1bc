#include "cli/status_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "benchmarking/text_grid.h"
#include "core/units.h"

namespace corun::cli {

using benchmarking::TextGrid;
using benchmarking::TextPrinter;
using benchmarking::TextStyle;

namespace {

constexpr char kUnknown[] = "-";

std::optional<double> figure(const client::WorkloadStatus& workload, std::string_view name) {
  const client::Figure* found = workload.find(name);
  return found != nullptr ? found->value : std::nullopt;
}

std::string bytes_text(std::optional<double> bytes) {
  return bytes ? format_bytes(static_cast<uint64_t>(*bytes)) : kUnknown;
}

std::string micros_text(std::optional<double> us) {
  return us ? format_duration(from_micros(*us)) : kUnknown;
}

/// "5m 12s", "3h 4m".
std::string uptime_text(double seconds) {
  const auto s = static_cast<int64_t>(seconds);
  if (s < 60) return fmt::format("{}s", s);
  if (s < 3600) return fmt::format("{}m {}s", s / 60, s % 60);
  if (s < 86400) return fmt::format("{}h {}m", s / 3600, s / 60 % 60);
  return fmt::format("{}d {}h", s / 86400, s / 3600 % 24);
}

/// Of all processes of the workload: "1 s", "-" where none is ordered.
std::string slice_text(const client::WorkloadStatus& workload) {
  uint64_t sum = 0;
  for (const client::SessionStatus& session : workload.sessions) sum += session.slice_us;
  if (sum == 0) return kUnknown;
  return format_duration(std::chrono::microseconds(sum));
}

/// What its gates do: "closes 0", "waits 0,1", "turn".
std::string gate_text(const client::WorkloadStatus& workload) {
  for (const client::SessionStatus& session : workload.sessions) {
    if (session.gate) return fmt::format("closes {}", *session.gate);
    if (!session.armed.empty()) return fmt::format("waits {}", fmt::join(session.armed, ","));
    if (session.waits_for_turn) return session.turn_open ? "its turn" : "waits";
  }
  return kUnknown;
}

std::string gpu_text(const client::WorkloadStatus& workload) {
  if (const auto share = figure(workload, "gpu_utilization")) {
    return fmt::format("{:.0f} %", *share * 100);
  }
  return kUnknown;
}

std::string name_text(const client::WorkloadStatus& workload, uint32_t daemons_user) {
  if (workload.user == daemons_user) return workload.name;
  return fmt::format("{}/{}", workload.user, workload.name);
}

/// What changed and why; a reason may begin with the change itself.
std::string decision_text(const std::string& change, const std::string& why) {
  return why.starts_with(change + ":") ? why : fmt::format("{}: {}", change, why);
}

/// "UID/NAME", without the user if that is the daemon's own.
std::string short_key(const std::string& key, uint32_t daemons_user) {
  const std::string own = fmt::format("{}/", daemons_user);
  return key.starts_with(own) ? key.substr(own.size()) : key;
}

/// The workload of a gate.
std::string holder_text(const client::GateStatus& gate, uint32_t daemons_user) {
  return gate.workload.empty() ? "nobody" : short_key(gate.workload, daemons_user);
}

/// "GPU time is measured: 1.2 % idle, 0.9 % switching since the start"; the parts where they are
/// known.
std::string gpu_time_text(const client::DaemonStatus& status) {
  std::string text = fmt::format("GPU time is {}", client::to_string(status.gpu_time));
  const auto part = [&](const char* name) -> std::optional<double> {
    const client::Figure* wall = status.find("wall_seconds");
    const client::Figure* figure = status.find(name);
    if (wall == nullptr || !wall->value || *wall->value <= 0) return std::nullopt;
    if (figure == nullptr || !figure->value) return std::nullopt;
    return *figure->value / *wall->value * 100;
  };
  if (status.gpu_time == client::Label::kEstimated && !status.gpu_time_why.empty()) {
    text += fmt::format(" ({})", status.gpu_time_why);
  }
  const auto idle = part("idle_seconds");
  const auto switching = part("switching_seconds");
  if (idle) text += fmt::format(": {:.1f} % idle", *idle);
  if (idle && switching) text += fmt::format(", {:.1f} % switching", *switching);
  return text;
}

/// Measured parts that do not add up are nothing to rely on.
std::optional<std::string> unconserved_text(const client::DaemonStatus& status) {
  constexpr double kMost = 0.02;
  const client::Figure* error = status.find("accounting_error");
  if (error == nullptr || !error->value || error->label != client::Label::kMeasured) return {};
  if (std::abs(*error->value) <= kMost) return {};
  return fmt::format("measured GPU times add up to {:.1f} % of the wall time, not to all of it",
                     100 + *error->value * 100);
}

void print_daemon(const client::DaemonStatus& status, TextPrinter& printer) {
  const client::GpuStatus& gpu = status.gpu;
  printer.line(fmt::format("{}GPU {}: {}, {}, driver {}", gpu.simulated ? "SIMULATED " : "",
                           gpu.index, gpu.name, format_bytes(gpu.memory_bytes), gpu.driver),
               TextStyle::kBold);
  const client::DaemonSettings& settings = status.settings;
  printer.line(fmt::format("corund {} (PID {}, user {}), up {}: policy {}, quantum {}, linger {}{}",
                           status.version, status.pid, status.user, uptime_text(status.uptime_s),
                           settings.policy,
                           format_duration(from_seconds(settings.quantum_ms / 1e3)),
                           settings.learn_linger ? "up to " : "",
                           format_duration(std::chrono::microseconds(settings.linger_us))));
  if (status.backend == "mps") {
    printer.line("MPS: one context, gates only");
  } else {
    printer.wrapped(fmt::format("time slices: {}{}{}", to_string(status.slices),
                                status.slices_why.empty() ? "" : ", ", status.slices_why),
                    "  ");
  }
  printer.wrapped(gpu_time_text(status), "  ");
  if (const auto unconserved = unconserved_text(status)) {
    printer.line(*unconserved, TextStyle::kWarn);
  }
  if (!status.watchdog) {
    printer.line("no watchdog: gates would open only when leases end", TextStyle::kWarn);
  }
  for (const client::GateStatus& gate : status.gates) {
    if (gate.opened_by_daemon == 0) continue;
    printer.line(fmt::format("gate {} of {} had to be opened by the daemon {} times", gate.gate,
                             holder_text(gate, status.user), gate.opened_by_daemon),
                 TextStyle::kWarn);
  }
}

void print_table(const client::DaemonStatus& status, TextPrinter& printer) {
  TextGrid grid({"WORKLOAD", "CLASS", "STATE", "WEIGHT", "GPU", "SLICE", "GATE", "MEMORY", "LIMIT",
                 "P99", "TARGET"},
                3);
  for (const client::WorkloadStatus& workload : status.workloads) {
    const bool critical = workload.service_class == ServiceClass::kLatencyCritical;
    grid.add(
        {name_text(workload, status.user),
         critical ? "critical" : std::string(to_string(workload.service_class)), workload.state,
         fmt::format("{:g}", workload.weight), gpu_text(workload), slice_text(workload),
         gate_text(workload), bytes_text(figure(workload, "memory_bytes")),
         workload.memory_limit_bytes ? format_bytes(*workload.memory_limit_bytes) : kUnknown,
         micros_text(figure(workload, "burst_p99_us")), micros_text(workload.latency_target_us)});
  }
  grid.print(printer);
}

/// "prod/chat-7c9d5", or the UID of a pod without a name.
std::string pod_text(const containers::Container& container) {
  if (!container.pod) return kUnknown;
  if (!container.pod->name) return container.pod->uid;
  return fmt::format("{}/{}", container.pod->namespace_name.value_or("?"), *container.pod->name);
}

/// One row for each container of each workload, with the PIDs of its sessions.
void print_containers(const client::DaemonStatus& status, const SessionContainers& containers,
                      TextPrinter& printer) {
  if (containers.empty()) return;
  TextGrid grid({"WORKLOAD", "CONTAINER", "POD", "PIDS", "ID", "RUNTIME"}, 6);
  for (const client::WorkloadStatus& workload : status.workloads) {
    std::map<std::string, std::vector<int>> pids;  // by id of container
    for (const client::SessionStatus& session : workload.sessions) {
      const auto found = containers.find(session.pid);
      if (found != containers.end()) pids[found->second.id].push_back(session.pid);
    }
    for (const auto& [id, its] : pids) {
      const containers::Container& container = containers.at(its.front());
      grid.add({name_text(workload, status.user), container.name.value_or(kUnknown),
                pod_text(container), fmt::format("{}", fmt::join(its, ",")), container.short_id,
                container.runtime});
    }
  }
  printer.line("");
  grid.print(printer);
}

/// A session whose shim shows no life: what it was ordered is not carried out.
void print_silent(const client::DaemonStatus& status, TextPrinter& printer) {
  for (const client::WorkloadStatus& workload : status.workloads) {
    for (const client::SessionStatus& session : workload.sessions) {
      const auto& flags = session.flags;
      if (std::find(flags.begin(), flags.end(), "silent") == flags.end()) continue;
      printer.wrapped(
          fmt::format("{}: PID {} ({}) has been silent for over 2 s: stopped, or its driver does "
                      "not answer it",
                      name_text(workload, status.user), session.pid, session.program),
          "  ");
    }
  }
}

void print_reasons(const client::DaemonStatus& status, TextPrinter& printer) {
  for (const client::WorkloadStatus& workload : status.workloads) {
    printer.line("");
    printer.line(name_text(workload, status.user), TextStyle::kBold);
    if (workload.reasons.empty()) printer.line("  nothing was decided yet");
    for (const client::Reason& reason : workload.reasons) {
      printer.wrapped("  " + decision_text(reason.change, reason.why), "      ");
    }
    for (const client::SessionStatus& session : workload.sessions) {
      if (session.flags.empty()) continue;
      printer.line(fmt::format("  PID {} ({}): {}", session.pid, session.program,
                               fmt::join(session.flags, ", ")));
    }
  }
}

}  // namespace

std::string status_text(const client::DaemonStatus& status, const StatusTextOptions& options) {
  TextPrinter printer(options.color);
  print_daemon(status, printer);
  printer.line("");
  if (status.workloads.empty()) {
    printer.line("No workload has joined; start one with 'corun run --name NAME -- COMMAND'.");
    return printer.take();
  }
  print_table(status, printer);
  print_containers(status, options.containers, printer);
  print_silent(status, printer);
  if (options.why) print_reasons(status, printer);
  return printer.take();
}

std::string trace_text(std::span<const client::TraceEntry> entries, Instant now) {
  TextPrinter printer(false);
  for (const client::TraceEntry& entry : entries) {
    const double age = to_seconds(now - Instant{entry.at_ns});
    printer.wrapped(fmt::format("{:>9.3f} s ago  {}", age, decision_text(entry.change, entry.why)),
                    "                 ");
  }
  return printer.take();
}

std::string slices_text(std::span<const client::SliceEntry> entries, uint32_t daemons_user,
                        Instant now) {
  TextPrinter printer(false);
  for (const client::SliceEntry& entry : entries) {
    std::string who = short_key(entry.workload, daemons_user);
    if (entry.workload.empty()) {
      who =
          entry.pid == 0 ? "another user's process" : fmt::format("PID {}, no workload", entry.pid);
    }
    const std::string held = format_duration(from_seconds(entry.seconds));
    const std::string of = format_duration(Nanos(entry.end_ns - entry.begin_ns));
    std::string what = fmt::format("{} for {}", entry.what, held);
    if (entry.what == "run") what = fmt::format("had the GPU for {}", held);
    if (entry.what == "turn") what = fmt::format("had its turn for {}", held);
    if (entry.what == "gate") what = fmt::format("gate closed for {} of {}", held, of);
    if (entry.what == "share") what = fmt::format("worked for {} of {}", held, of);
    printer.wrapped(
        fmt::format("{:>11.6f} s ago  {}: {} ({})", to_seconds(now - Instant{entry.begin_ns}), who,
                    what, client::to_string(entry.label)),
        "                   ");
  }
  return printer.take();
}

}  // namespace corun::cli
