// Where this user's `corun run`s meet: the first starts a holder, a process that keeps a managed
// mode in force (and a simulated node alive) until the last of them has ended. It writes down here
// what it holds.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/process_tree.h"
#include "modes/applied.h"

namespace corun::modes {

/// What a holder holds.
struct Held {
  ProcessIdentity holder;
  Plan plan;             ///< in force
  std::string sim_node;  ///< of a simulated node, else empty
  std::string driver_dir;

  std::filesystem::path daemon_dir() const { return std::filesystem::path(plan.run_dir) / "corun"; }
};

/// A folder for one GPU's runs, with `start.lock` (who starts or ends a holder), `users.lock` (held
/// shared by every run) and `held.json`.
class Place {
 public:
  explicit Place(std::filesystem::path folder) : folder_(std::move(folder)) {}
  /// Of a real GPU. Errors (failed): no runtime folder.
  static Result<Place> of_gpu(const std::string& uuid);
  /// Of a simulated node that is named by CORUN_SIM_NODE: inside it.
  static Place of_node(const std::filesystem::path& node);
  /// Of the simulated node of this profile that this user's runs share.
  static Result<Place> of_profile(const std::string& profile);
  /// All of this user's that may have a holder; that of CORUN_SIM_NODE only, when it is set.
  static std::vector<Place> all();

  const std::filesystem::path& folder() const { return folder_; }
  std::filesystem::path start_lock() const { return folder_ / "start.lock"; }
  std::filesystem::path users_lock() const { return folder_ / "users.lock"; }
  std::filesystem::path log() const { return folder_ / "holder.log"; }

  /// What a living holder holds, or nothing.
  std::optional<Held> held() const;
  Status write(const Held& held) const;
  void clear() const;

 private:
  std::filesystem::path folder_;
};

}  // namespace corun::modes
