// A node for tests of the runner: a mode and a GPU that only remember, and tenants that misbehave
// on request (fake_tenant/).
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "benchmarking/cell.h"
#include "core/files.h"

namespace corun::benchmarking {

class FakeMode final : public modes::Mode {
 public:
  explicit FakeMode(std::string name, bool turns = false) : name_(std::move(name)), turns_(turns) {}
  std::string_view name() const override { return name_; }
  std::string_view summary() const override { return "for tests"; }
  bool takes_turns() const override { return turns_; }
  Status can(const GpuInfo&) const override { return {}; }
  Result<modes::Plan> plan(const GpuInfo& gpu, std::span<const Share> shares) const override;
  Status apply(const modes::Plan& plan) override;
  Edits edits(const modes::Plan& plan, const Share& share) const override;
  Status check(const modes::Plan& plan, std::span<const modes::Tenant> tenants) const override;
  Status undo(const modes::Plan& plan) override;
  /// Every look counts ten launches more for each tenant.
  Result<std::map<std::string, ManagedFigures>> observe(
      const modes::Plan& plan, std::span<const modes::Tenant> tenants) const override;

  Status apply_status, check_status, undo_status;  ///< what the calls return
  int in_force = 0;                                ///< applied and not undone
  int applied = 0;
  bool counts = false;  ///< observe() has figures

 private:
  std::string name_;
  bool turns_;
  mutable uint64_t launches_ = 0;
};

class FakeWatch final : public GpuWatch {
 public:
  std::vector<GpuSnapshot> take_snapshots() override;
  std::vector<std::string> take_events() override;
  Result<std::vector<GpuProcess>> processes() override { return on_gpu; }
  std::vector<std::string> foreign(std::span<const GpuProcess> on_gpu,
                                   std::span<const int> ours) const override;

  std::vector<GpuProcess> on_gpu;
  std::vector<std::string> events;  ///< given at the end of the next cell
};

/// A site in a temporary folder, with windows of 200 ms.
class FakeSite {
 public:
  FakeSite();
  CellSite site;
  FakeWatch watch;
  FakeMode together{"together"};
  FakeMode turns{"exclusive", true};
  std::filesystem::path folder() const { return folder_.path(); }

 private:
  TemporaryFolder folder_;
};

/// A tenant that runs `fake_tenant BEHAVIOUR RATE`.
TenantSpec fake_tenant(const std::string& name, const std::string& behaviour, double rate = 100);

}  // namespace corun::benchmarking
