#include "monitoring/assembler.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

namespace corun::monitoring {

namespace {

/// A reading that was not made anew for so long is not known any more.
constexpr Nanos kFresh = std::chrono::seconds(3);
constexpr Nanos kFreshRare = std::chrono::seconds(6);
constexpr double kMHz = 1e6;
constexpr double kMiBytes = 1024.0 * 1024.0;
constexpr char kMpsServer[] = "nvidia-cuda-mps";

template <typename T>
bool take_newer(std::optional<T>& out, const std::optional<T>& in) {
  if (in) out = in;
  return in.has_value();
}

template <typename T>
std::optional<double> scaled(const std::optional<T>& value, double factor) {
  if (!value) return std::nullopt;
  return static_cast<double>(*value) * factor;
}

struct ThrottleName {
  uint64_t bit;
  const char* name;
};
constexpr std::array<ThrottleName, 9> kThrottles{{
    {nvml::kClocksGpuIdle, "gpu-idle"},
    {nvml::kClocksApplicationSetting, "application-clocks"},
    {nvml::kClocksSoftwarePowerCap, "sw-power-cap"},
    {nvml::kClocksHardwareSlowdown, "hw-slowdown"},
    {nvml::kClocksSyncBoost, "sync-boost"},
    {nvml::kClocksSoftwareThermal, "sw-thermal"},
    {nvml::kClocksHardwareThermal, "hw-thermal"},
    {nvml::kClocksHardwarePowerBrake, "hw-power-brake"},
    {nvml::kClocksDisplaySetting, "display-clocks"},
}};

Event event_of(const std::string& gpu, double at, Severity severity, std::string kind,
               std::string text) {
  Event event;
  event.at = at;
  if (!gpu.empty()) event.gpu = gpu;
  event.severity = severity;
  event.kind = std::move(kind);
  event.text = std::move(text);
  return event;
}

Severity severity_of(const gpu::GpuEvent& event) {
  switch (event.kind) {
    case gpu::GpuEvent::Kind::kXid:
      return gpu::xid_concerns_device(event.xid) ? Severity::kError : Severity::kWarning;
    case gpu::GpuEvent::Kind::kSingleBitEcc:
      return Severity::kInfo;
    case gpu::GpuEvent::Kind::kDoubleBitEcc:
      return Severity::kError;
  }
  return Severity::kError;
}

void fill_readings(const GpuSnapshot& newest, Gpu& gpu) {
  gpu.memory_used_bytes = newest.memory_used_bytes;
  gpu.utilization = newest.utilization_nvml;
  gpu.memory_utilization = newest.memory_utilization;
  gpu.sm_active = newest.sm_active;
  gpu.sm_occupancy = newest.sm_occupancy;
  gpu.tensor_active = newest.tensor_active;
  gpu.dram_active = newest.dram_active;
  gpu.power_watts = newest.power_w;
  gpu.energy_joules = scaled(newest.energy_mj, 1e-3);
  gpu.temperature_celsius = scaled(newest.temperature_c, 1);
  gpu.sm_clock_hz = scaled(newest.sm_clock_mhz, kMHz);
  gpu.memory_clock_hz = scaled(newest.memory_clock_mhz, kMHz);
  gpu.pcie_rx_bytes_per_second = scaled(newest.pcie_rx_mib_s, kMiBytes);
  gpu.pcie_tx_bytes_per_second = scaled(newest.pcie_tx_mib_s, kMiBytes);
  if (newest.throttle_reasons) gpu.throttle_reasons = throttle_names(*newest.throttle_reasons);
}

}  // namespace

std::vector<std::string> throttle_names(uint64_t bits) {
  std::vector<std::string> names;
  for (const auto& [bit, name] : kThrottles) {
    if ((bits & bit) != 0) names.emplace_back(name);
  }
  return names;
}

std::string mode_of(const Gpu& gpu, const std::string& compute_mode) {
  if (gpu.daemon) return gpu.daemon->backend == "mps" ? "managed-mps" : "managed";
  if (gpu.mig && gpu.mig->enabled) return "mig";
  if (gpu.mps) return "mps";
  return compute_mode;
}

void Assembler::merge(const GpuReading& reading, GpuState& state) const {
  if (reading.compute_mode) state.compute_mode = *reading.compute_mode;
  if (state.compute_mode.empty()) state.compute_mode = reading.info.compute_mode;
  GpuSnapshot& newest = state.newest;
  for (const GpuSnapshot& one : reading.telemetry) {
    bool fast = take_newer(newest.utilization_nvml, one.utilization_nvml);
    fast |= take_newer(newest.memory_utilization, one.memory_utilization);
    fast |= take_newer(newest.memory_used_bytes, one.memory_used_bytes);
    fast |= take_newer(newest.power_w, one.power_w);
    fast |= take_newer(newest.sm_clock_mhz, one.sm_clock_mhz);
    if (fast) state.fast_at = one.at;
    bool slow = take_newer(newest.sm_active, one.sm_active);
    slow |= take_newer(newest.sm_occupancy, one.sm_occupancy);
    slow |= take_newer(newest.tensor_active, one.tensor_active);
    slow |= take_newer(newest.dram_active, one.dram_active);
    slow |= take_newer(newest.pcie_rx_mib_s, one.pcie_rx_mib_s);
    slow |= take_newer(newest.pcie_tx_mib_s, one.pcie_tx_mib_s);
    slow |= take_newer(newest.energy_mj, one.energy_mj);
    slow |= take_newer(newest.throttle_reasons, one.throttle_reasons);
    if (slow) state.slow_at = one.at;
    bool rare = take_newer(newest.temperature_c, one.temperature_c);
    rare |= take_newer(newest.memory_clock_mhz, one.memory_clock_mhz);
    if (one.processes_read) newest.processes = one.processes;
    if (rare || one.processes_read) state.rare_at = one.at;
  }
}

void Assembler::drop_stale(Instant now, GpuState& state) const {
  GpuSnapshot& newest = state.newest;
  if (now - state.fast_at > kFresh) {
    newest.utilization_nvml.reset(), newest.memory_utilization.reset();
    newest.memory_used_bytes.reset(), newest.power_w.reset(), newest.sm_clock_mhz.reset();
  }
  if (now - state.slow_at > kFresh) {
    newest.sm_active.reset(), newest.sm_occupancy.reset(), newest.tensor_active.reset();
    newest.dram_active.reset(), newest.pcie_rx_mib_s.reset(), newest.pcie_tx_mib_s.reset();
    newest.energy_mj.reset(), newest.throttle_reasons.reset();
  }
  if (now - state.rare_at > kFreshRare) {
    newest.temperature_c.reset(), newest.memory_clock_mhz.reset();
    newest.processes.clear();
  }
}

Gpu Assembler::gpu_of(const GpuReading& reading, const Readings& all, GpuState& state) {
  merge(reading, state);
  if (reading.error) state.newest = {};
  drop_stale(now_, state);
  Gpu gpu;
  gpu.uuid = reading.info.uuid;
  gpu.index = reading.info.index;
  gpu.name = reading.info.name;
  gpu.pci_bus_id = reading.info.pci_bus_id;
  gpu.memory_bytes = reading.info.memory_bytes;
  gpu.power_limit_watts = reading.info.power_limit_w;
  gpu.error = reading.error;
  gpu.mig = reading.mig;
  fill_readings(state.newest, gpu);
  for (const gpu::GpuEvent& event : reading.events) {
    const double at = clock_.to_unix(event.at);
    if (event.kind == gpu::GpuEvent::Kind::kXid) state.last_xid = LastXid{event.xid, at};
    const std::string kind = event.kind == gpu::GpuEvent::Kind::kXid ? "xid" : "ecc";
    tell(event_of(gpu.uuid, at, severity_of(event), kind, gpu::to_string(event)));
  }
  gpu.last_xid = state.last_xid;
  add_processes(all, state, gpu);
  return gpu;
}

void Assembler::add_processes(const Readings& all, const GpuState& state, Gpu& gpu) const {
  Mps mps;
  gpu.processes.reserve(state.newest.processes.size());
  for (const GpuProcess& one : state.newest.processes) {
    Process process;
    process.pid = one.pid;
    process.memory_bytes = one.memory_bytes;
    process.sm_utilization = one.sm_utilization;
    process.mps = one.mps_client;
    if (gpu.mig && gpu.mig->enabled) process.gpu_instance = static_cast<int>(one.gpu_instance);
    if (one.mps_client) mps.clients.push_back(one.pid);
    if (const auto found = all.processes->find(one.pid); found != all.processes->end()) {
      const ProcessFacts& facts = found->second;
      process.name = facts.name;
      process.command = facts.command;
      process.user = facts.user;
      process.started = facts.started;
      if (facts.container) process.container = facts.container->short_id;
      if (facts.name.starts_with(kMpsServer)) mps.servers.push_back({one.pid, facts.uid});
    }
    gpu.processes.push_back(std::move(process));
  }
  if (!mps.servers.empty() || !mps.clients.empty()) gpu.mps = std::move(mps);
}

void Assembler::name_containers(const Readings& all) {
  std::map<std::string, Container> found;
  const auto container_of = [&](int pid) -> const Container* {
    const auto facts = all.processes->find(pid);
    if (facts == all.processes->end() || !facts->second.container) return nullptr;
    found.try_emplace(facts->second.container->id, *facts->second.container);
    return &*facts->second.container;
  };
  for (const Gpu& gpu : snapshot_.gpus) {
    for (const Process& process : gpu.processes) {
      if (process.container) container_of(process.pid);
    }
  }
  for (Workload& workload : snapshot_.workloads) {
    std::set<std::string> ids;
    for (const int pid : workload.pids) {
      if (const Container* container = container_of(pid)) ids.insert(container->short_id);
    }
    workload.containers.assign(ids.begin(), ids.end());
  }
  for (auto& [id, container] : found) {
    give_name(container, all.names);
    snapshot_.containers.push_back(std::move(container));
  }
}

void Assembler::tell(Event event) {
  event.seq = next_event_++;
  events_.push_back(std::move(event));
}

void Assembler::tell_changes(const Gpu& gpu, GpuState& state) {
  if (gpu.error != state.error) {
    tell(event_of(gpu.uuid, at_, gpu.error ? Severity::kError : Severity::kInfo, "collector",
                  gpu.error ? *gpu.error : "the GPU answers again"));
    state.error = gpu.error;
  }
  if (gpu.mode != state.mode) {
    if (!state.mode.empty()) {
      tell(event_of(gpu.uuid, at_, Severity::kInfo, "mode",
                    fmt::format("mode {}, was {}", gpu.mode, state.mode)));
    }
    state.mode = gpu.mode;
  }
}

News Assembler::assemble(const Readings& readings) {
  now_ = readings.now;
  snapshot_ = {};
  blocks_.clear();
  events_.clear();
  if (clock_.update(readings.now, readings.unix_now)) {
    tell(event_of("", readings.unix_now, Severity::kWarning, "collector",
                  "the node's clock was set"));
  }
  at_ = clock_.to_unix(readings.now);
  for (const GpuReading& reading : readings.gpus) {
    snapshot_.gpus.push_back(gpu_of(reading, readings, gpus_[reading.info.uuid]));
  }
  for (const DaemonReading& reading : readings.daemons) {
    if (const auto state = gpus_.find(reading.gpu); state != gpus_.end()) {
      add_daemon(reading, state->second);
    }
  }
  for (Gpu& gpu : snapshot_.gpus) {
    GpuState& state = gpus_[gpu.uuid];
    gpu.mode = mode_of(gpu, state.compute_mode);
    tell_changes(gpu, state);
    if (!gpu.error) continue;
    node_.collector.errors.push_back(fmt::format("GPU {}: {}", gpu.index, *gpu.error));
  }
  name_containers(readings);
  snapshot_.at = at_;
  node_.collector.errors.insert(node_.collector.errors.end(), readings.errors.begin(),
                                readings.errors.end());
  node_.collector.cpu_ratio = readings.cpu_ratio;
  if (node_.collector.errors.empty()) node_.collector.last_success = at_;
  for (const std::string& error : readings.errors) {
    const auto& before = errors_before_;
    if (std::find(before.begin(), before.end(), error) != before.end()) continue;
    tell(event_of("", at_, Severity::kWarning, "collector", error));
  }
  errors_before_ = readings.errors;
  snapshot_.node = node_;
  node_.collector.errors.clear();
  return {std::make_shared<const Snapshot>(std::move(snapshot_)), std::move(blocks_),
          std::move(events_)};
}

}  // namespace corun::monitoring
