// Carries out requests of the control socket; no sockets here.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "engine/daemon/join.h"
#include "engine/daemon/requests.h"
#include "engine/daemon/sharing.h"

namespace corun::daemon {

/// Moves a workload's GPU memory to the host and back (parking.h), or something else in tests.
class Parker {
 public:
  virtual ~Parker() = default;
  /// Both start it, and call `done` once, later or at once. A parked workload comes back with its
  /// next GPU call, or (`until_resume`) only when it is resumed.
  virtual void park(const std::string& key, bool until_resume,
                    std::function<void(Status)> done) = 0;
  virtual void resume(const std::string& key, std::function<void(Status)> done) = 0;
};

struct ControlOptions {
  std::filesystem::path state_file;  ///< empty: nothing is kept
  uid_t user = 0;                    ///< the daemon's
};

class Control {
 public:
  /// `sharing` and `parker` must outlive it.
  Control(Sharing& sharing, Parker& parker, ControlOptions options);

  using Reply = std::function<void(std::string line)>;
  /// Calls `reply` once with one line, as a rule before it returns.
  void handle(const Peer& peer, std::string_view line, Instant now, const Reply& reply);

  bool shutdown_requested() const { return shutdown_; }
  /// For `status`: whether a watchdog runs.
  void set_watchdog(bool runs) { watchdog_ = runs; }

 private:
  bool is_trusted(const Peer& peer) const;
  Result<std::string> answer(const Peer& peer, const Request& request, Instant now);
  Result<std::string> answer_slices(const Peer& peer, const SlicesRequest& request) const;
  Status save();

  Sharing& sharing_;
  Parker& parker_;
  ControlOptions options_;
  bool shutdown_ = false;
  bool watchdog_ = true;
};

/// "NAME" or "UID/NAME" as the key of a workload. Errors (usage): neither.
Result<std::string> workload_key_of(uid_t asking, const std::string& text);

}  // namespace corun::daemon
