// A plan that is in force on this node, written down so that it can be undone whatever happens.
//
// Before a plan is applied, it goes into a file below runtime_dir() with the PID and the start time
// of its owner; the file goes after the undo. The next corun finds files of dead owners and undoes
// their plans: a SIGKILL leaves nothing behind for longer than that.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/json.h"
#include "core/process_tree.h"
#include "core/result.h"
#include "modes/mode.h"

namespace corun::modes {

/// Where corun keeps sockets, pipes and state of this node and user: $XDG_RUNTIME_DIR/corun, else
/// /run/corun/private (root: /run/corun itself is the system daemon's), else /tmp/corun-UID.
std::filesystem::path runtime_place(const std::optional<std::string>& xdg, uid_t user);
/// Makes it with mode 0700; a parent that is missing becomes a folder that everybody may enter if
/// this is root. Errors (failed): it belongs to somebody else or cannot be made.
Status make_runtime_place(const std::filesystem::path& place);
/// This process's, made if need be.
Result<std::filesystem::path> runtime_dir();
/// A new name for a mode's own folder below runtime_dir(); the folder is not made.
Result<std::filesystem::path> new_run_dir(std::string_view mode);

Json to_json(const Plan& plan);
/// Errors (usage): a missing or wrongly typed key.
Result<Plan> plan_from_json(const Json& value);

class AppliedPlan {
 public:
  /// Writes the plan down, then applies it. After an error nothing is in force. `mode` must outlive
  /// the object.
  static Result<AppliedPlan> apply(Mode& mode, Plan plan);
  AppliedPlan(AppliedPlan&& other) noexcept;
  AppliedPlan& operator=(AppliedPlan&& other) noexcept;
  AppliedPlan(const AppliedPlan&) = delete;
  AppliedPlan& operator=(const AppliedPlan&) = delete;
  /// Undoes it, if undo() was not called; logs an error.
  ~AppliedPlan();

  const Plan& plan() const { return plan_; }
  /// Idempotent. After an error the file stays, so that the next corun tries again.
  Status undo();

 private:
  AppliedPlan(Mode& mode, Plan plan, std::filesystem::path file)
      : mode_(&mode), plan_(std::move(plan)), file_(std::move(file)) {}

  Mode* mode_;  ///< null: undone, or moved from
  Plan plan_;
  std::filesystem::path file_;
};

/// Those of living coruns of this user.
std::vector<Plan> plans_in_force();

/// Undoes what dead coruns left. Returns one line for people per plan that was undone.
/// Errors (failed): a plan that cannot be undone; the others are undone all the same.
Result<std::vector<std::string>> undo_leftovers();

}  // namespace corun::modes
