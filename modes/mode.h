// A sharing mode: one way of letting several workloads use one GPU. Benchmarks, the command line,
// containers and Kubernetes see only this interface.
//
// Life of a mode: can() -> plan() -> apply() -> edits() for each workload -> check() while they
// run -> undo(). undo() is idempotent, and works on a plan that was read back from the state file
// of a corun that died (modes/applied.h).
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "core/model/gpu.h"
#include "core/model/workload.h"
#include "core/result.h"
#include "core/row.h"
#include "modes/daemon_choice.h"

namespace corun::modes {

/// What a mode decided to do on one GPU; plain data, so that it can be written down and undone
/// later.
struct Plan {
  std::string mode;
  GpuInfo gpu;
  std::vector<Share> shares;
  std::string
      run_dir;  ///< the mode's own folder (sockets, pipes, logs), below the node's runtime dir
};

/// A running workload, as check() needs to know it.
struct Tenant {
  std::string workload;
  std::vector<int> pids;  ///< host PIDs: the workload's process and its descendants
};

class Mode {
 public:
  virtual ~Mode() = default;
  virtual std::string_view name() const = 0;
  /// One line for help texts and documentation.
  virtual std::string_view summary() const = 0;
  /// Whether tenants run one after another, each alone in its own turn (exclusive).
  virtual bool takes_turns() const { return false; }
  /// Nothing, or why this node cannot do it and what would help (kind: unsupported).
  virtual Status can(const GpuInfo& gpu) const = 0;
  /// Errors (usage): shares that do not fit the GPU or each other.
  virtual Result<Plan> plan(const GpuInfo& gpu, std::span<const Share> shares) const = 0;
  virtual Status apply(const Plan& plan) = 0;
  virtual Edits edits(const Plan& plan, const Share& share) const = 0;
  /// Whether the mode is in force for exactly these tenants now. An error voids the cell.
  virtual Status check(const Plan& plan, std::span<const Tenant> tenants) const = 0;
  virtual Status undo(const Plan& plan) = 0;
  /// How a daemon of the mode's own has crashed, or nothing: it runs, it was asked to end, or there
  /// is none. Only for plans that this object applied.
  virtual std::optional<std::string> crashed(const Plan& plan);
  /// Starts what crashed() told of anew, with the settings that were in force. Errors (failed): it
  /// does not come up.
  virtual Status restart(const Plan& plan);
  /// What the mode's own daemon counted so far, per workload: `seconds` is a point in time. Nothing
  /// for modes without one. Errors (failed): the daemon does not answer.
  virtual Result<std::map<std::string, ManagedFigures>> observe(
      const Plan& plan, std::span<const Tenant> tenants) const;
};

/// All modes, in the order in which tables print them. `choice` is for those with a daemon.
std::vector<std::unique_ptr<Mode>> all_modes(const DaemonChoice& choice = {});
/// Errors (usage): unknown name, listing the known ones.
Result<std::unique_ptr<Mode>> find_mode(std::string_view name, const DaemonChoice& choice = {});

}  // namespace corun::modes
