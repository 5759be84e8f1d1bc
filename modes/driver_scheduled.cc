// Both modes change nothing on the GPU. They only see to it that no workload joins an MPS daemon
// that happens to run on the node: CUDA does so silently when one answers in the pipe folder, so
// the pipe folder is a private, empty one.
#include "modes/driver_scheduled.h"

#include "modes/applied.h"
#include "modes/common.h"

namespace corun::modes {

namespace {

class DriverScheduled final : public Mode {
 public:
  DriverScheduled(std::string_view name, std::string_view summary, bool turns)
      : name_(name), summary_(summary), turns_(turns) {}

  std::string_view name() const override { return name_; }
  std::string_view summary() const override { return summary_; }
  bool takes_turns() const override { return turns_; }
  Status can(const GpuInfo& gpu) const override { return check_shareable(gpu, false); }

  Result<Plan> plan(const GpuInfo& gpu, std::span<const Share> shares) const override {
    CORUN_TRY(check_shares(gpu, shares));
    CORUN_ASSIGN(const auto run_dir, new_run_dir(name_));
    return Plan{std::string(name_), gpu, {shares.begin(), shares.end()}, run_dir.string()};
  }

  Status apply(const Plan& plan) override { return make_private_folder(empty_pipe_dir(plan)); }

  Edits edits(const Plan& plan, const Share&) const override {
    Edits edits;
    edits.env = gpu_environment(plan.gpu, empty_pipe_dir(plan));
    return edits;
  }

  Status check(const Plan& plan, std::span<const Tenant> tenants) const override {
    return check_without_mps(empty_pipe_dir(plan), tenants);
  }

  Status undo(const Plan& plan) override { return remove_run_dir(plan); }

 private:
  const std::string_view name_;
  const std::string_view summary_;
  const bool turns_;
};

}  // namespace

std::unique_ptr<Mode> make_exclusive() {
  return std::make_unique<DriverScheduled>("exclusive",
                                           "each workload alone on the GPU in its turn", true);
}

std::unique_ptr<Mode> make_time_slicing() {
  return std::make_unique<DriverScheduled>(
      "time-slicing", "all at once, time-sliced by the driver (its default)", false);
}

}  // namespace corun::modes
