#include "modes/mps.h"

#include "gpu/mps_control.h"
#include "modes/applied.h"
#include "modes/common.h"
#include "modes/mps_server.h"

namespace corun::modes {

namespace {

class Mps final : public Mode {
 public:
  Mps(std::string_view name, std::string_view summary, bool priorities)
      : name_(name), summary_(summary), priorities_(priorities) {}

  std::string_view name() const override { return name_; }
  std::string_view summary() const override { return summary_; }
  Status can(const GpuInfo& gpu) const override { return MpsServer::possible(gpu); }

  Result<Plan> plan(const GpuInfo& gpu, std::span<const Share> shares) const override {
    CORUN_TRY(check_shares(gpu, shares));
    CORUN_ASSIGN(const auto run_dir, new_run_dir(name_));
    return Plan{std::string(name_), gpu, {shares.begin(), shares.end()}, run_dir.string()};
  }

  Status apply(const Plan& plan) override { return server_.start(plan); }

  Edits edits(const Plan& plan, const Share& share) const override {
    Edits edits = MpsServer::edits(plan, share);
    if (priorities_) {
      const bool low = share.service_class == ServiceClass::kBestEffort;
      edits.env[gpu::kEnvMpsPriority] = std::string(1, low ? '1' : '0');
    }
    return edits;
  }

  Status check(const Plan& plan, std::span<const Tenant> tenants) const override {
    return MpsServer::check(plan, tenants);
  }

  Status undo(const Plan& plan) override {
    CORUN_TRY(server_.stop(plan));
    return remove_run_dir(plan);
  }

 private:
  const std::string_view name_;
  const std::string_view summary_;
  const bool priorities_;
  MpsServer server_;
};

}  // namespace

std::unique_ptr<Mode> make_mps() {
  return std::make_unique<Mps>("mps", "all at once in one context, side by side (MPS)", false);
}

std::unique_ptr<Mode> make_mps_priority() {
  return std::make_unique<Mps>("mps-priority", "MPS, best-effort workloads at low client priority",
                               true);
}

}  // namespace corun::modes
