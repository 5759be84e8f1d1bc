#include "modes/managed_check.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/files.h"

namespace corun::modes {

namespace {

/// Whether the process has the CUDA driver loaded; false when it cannot be looked at.
bool has_driver(int pid) {
  const auto maps = read_file(fmt::format("/proc/{}/maps", pid));
  return maps && maps->find("/libcuda.so") != std::string::npos;
}

bool is_of(const client::SessionStatus& session, const Tenant& tenant) {
  return std::find(tenant.pids.begin(), tenant.pids.end(), session.pid) != tenant.pids.end();
}

/// The workload that one of the tenant's processes joined as, or null.
const client::WorkloadStatus* workload_of(const client::DaemonStatus& status,
                                          const Tenant& tenant) {
  for (const client::WorkloadStatus& workload : status.workloads) {
    const auto& sessions = workload.sessions;
    if (std::any_of(sessions.begin(), sessions.end(),
                    [&](const auto& session) { return is_of(session, tenant); })) {
      return &workload;
    }
  }
  return nullptr;
}

uint64_t count(const client::WorkloadStatus& workload, std::string_view name) {
  const client::Figure* figure = workload.find(name);
  return figure != nullptr && figure->value && *figure->value > 0
             ? static_cast<uint64_t>(*figure->value)
             : 0;
}

/// Slices that were ordered must have been set: the daemon's word alone does nothing.
Status check_slices(const client::WorkloadStatus& workload, const Tenant& tenant) {
  for (const client::SessionStatus& session : workload.sessions) {
    if (!is_of(session, tenant) || session.slice_us == 0) continue;
    const auto& flags = session.flags;
    if (std::find(flags.begin(), flags.end(), "no-channel-groups") != flags.end()) {
      return failed(
          fmt::format("workload {} (PID {}) shows no channel groups, so its slice of {} "
                      "us is not in force",
                      tenant.workload, session.pid, session.slice_us));
    }
  }
  const bool ordered =
      std::any_of(workload.sessions.begin(), workload.sessions.end(),
                  [&](const auto& s) { return is_of(s, tenant) && s.slice_us > 0; });
  if (ordered && count(workload, "slice_sets") == 0) {
    return failed(fmt::format("workload {} has not set the slice that corund ordered ({} refused)",
                              tenant.workload, count(workload, "slice_errors")));
  }
  return {};
}

std::string mechanism(const client::DaemonStatus& status, const client::WorkloadStatus& workload) {
  bool slices = status.backend != "mps" && count(workload, "slice_sets") > 0;
  bool gate = false;
  for (const client::SessionStatus& session : workload.sessions) {
    gate = gate || session.gate || !session.armed.empty() || session.waits_for_turn;
  }
  if (slices) return gate ? "slices and gate" : "slices";
  return gate ? "gate" : "none";
}

ManagedFigures counts_of(const client::WorkloadStatus& workload) {
  ManagedFigures figures;
  figures.launches = count(workload, "launches");
  figures.graph_launches = count(workload, "graph_launches");
  figures.gate_waits = count(workload, "gate_waits");
  figures.bursts = count(workload, "bursts");
  figures.gate_closures = count(workload, "gate_closures");
  figures.preemptions = count(workload, "preemptions");
  figures.slice_sets = count(workload, "slice_sets");
  figures.slice_errors = count(workload, "slice_errors");
  figures.refusals = count(workload, "refusals");
  figures.slice_us = count(workload, "slice_us");
  return figures;
}

}  // namespace

Status check_sessions(const client::DaemonStatus& status, std::span<const Tenant> tenants) {
  std::string missing;
  for (const Tenant& tenant : tenants) {
    const client::WorkloadStatus* workload = workload_of(status, tenant);
    if (workload == nullptr) {
      if (std::none_of(tenant.pids.begin(), tenant.pids.end(), has_driver)) continue;
      missing += (missing.empty() ? "" : ", ") + tenant.workload;
    } else if (status.backend != "mps") {
      CORUN_TRY(check_slices(*workload, tenant));
    }
  }
  if (missing.empty()) return {};
  return failed(
      "not under corund: " + missing,
      "a workload must keep LD_PRELOAD and CORUN_RUN_DIR, and load the driver dynamically");
}

std::map<std::string, ManagedFigures> figures_of(const client::DaemonStatus& status,
                                                 std::span<const Tenant> tenants) {
  std::map<std::string, ManagedFigures> all;
  for (const Tenant& tenant : tenants) {
    const client::WorkloadStatus* workload = workload_of(status, tenant);
    if (workload == nullptr) continue;
    ManagedFigures figures = counts_of(*workload);
    figures.mechanism = mechanism(status, *workload);
    figures.seconds = status.uptime_s;
    all[tenant.workload] = std::move(figures);
  }
  return all;
}

}  // namespace corun::modes
