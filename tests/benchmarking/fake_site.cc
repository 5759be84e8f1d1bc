#include "fake_site.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace corun::benchmarking {

Result<modes::Plan> FakeMode::plan(const GpuInfo& gpu, std::span<const Share> shares) const {
  return modes::Plan{name_, gpu, {shares.begin(), shares.end()}, ""};
}

Status FakeMode::apply(const modes::Plan&) {
  if (!apply_status) return apply_status;
  ++applied;
  ++in_force;
  return {};
}

Edits FakeMode::edits(const modes::Plan&, const Share&) const {
  Edits edits;
  edits.env["FAKE_MODE"] = name_;
  edits.prepend_env["FAKE_LIST"] = "mode";
  return edits;
}

Status FakeMode::check(const modes::Plan&, std::span<const modes::Tenant>) const {
  return check_status;
}

Status FakeMode::undo(const modes::Plan&) {
  in_force = std::max(0, in_force - 1);
  return undo_status;
}

Result<std::map<std::string, ManagedFigures>> FakeMode::observe(
    const modes::Plan&, std::span<const modes::Tenant> tenants) const {
  std::map<std::string, ManagedFigures> figures;
  if (!counts) return figures;
  launches_ += 10;
  for (const modes::Tenant& tenant : tenants) {
    figures[tenant.workload].launches = launches_;
    figures[tenant.workload].mechanism = "gate";
  }
  return figures;
}

std::vector<GpuSnapshot> FakeWatch::take_snapshots() {
  GpuSnapshot snapshot;
  snapshot.at = monotonic_now();
  snapshot.power_w = 100;
  return {snapshot};
}

std::vector<std::string> FakeWatch::take_events() { return std::exchange(events, {}); }

std::vector<std::string> FakeWatch::foreign(std::span<const GpuProcess> processes,
                                            std::span<const int> ours) const {
  std::vector<std::string> texts;
  for (const GpuProcess& process : processes) {
    if (std::find(ours.begin(), ours.end(), process.pid) == ours.end()) {
      texts.push_back(fmt::format("PID {}", process.pid));
    }
  }
  return texts;
}

FakeSite::FakeSite() : folder_(TemporaryFolder::create("corun-test-").value()) {
  setenv("XDG_RUNTIME_DIR", folder_.path().c_str(), 1);
  std::filesystem::create_directories(folder_.path() / "logs");
  site.gpu.name = "Fake GPU";
  site.gpu.uuid = "GPU-fake";
  site.gpu.simulated = true;
  site.watch = &watch;
  site.cpus = available_cpus().value();
  site.program_dir = std::filesystem::path(CORUN_BINARY_DIR) / "tests";
  site.log_dir = folder_.path() / "logs";
  site.windows.window = std::chrono::milliseconds(200);
  site.windows.min_turn = std::chrono::milliseconds(100);
  site.windows.warm_window = std::chrono::milliseconds(10);
  site.windows.max_warm = std::chrono::milliseconds(300);
  site.windows.start_timeout = std::chrono::seconds(5);
  site.windows.patience = std::chrono::seconds(2);
}

TenantSpec fake_tenant(const std::string& name, const std::string& behaviour, double rate) {
  TenantSpec tenant;
  tenant.workload.name = name;
  tenant.workload.command = {"fake_tenant", behaviour, fmt::format("{}", rate)};
  return tenant;
}

}  // namespace corun::benchmarking
