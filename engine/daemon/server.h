// The event loop of a daemon: sockets, time, the watchdog's heartbeat, and the end.
#pragma once

#include <functional>
#include <optional>

#include "engine/client/run_dir.h"
#include "engine/daemon/control.h"
#include "engine/daemon/control_server.h"
#include "engine/daemon/join_server.h"
#include "engine/daemon/parking.h"
#include "engine/daemon/poller.h"
#include "engine/daemon/rescue.h"
#include "engine/daemon/sharing.h"
#include "engine/daemon/switch_reader.h"
#include "engine/daemon/utilization.h"
#include "engine/daemon/watchdog.h"

namespace corun::daemon {

/// How long workloads may take to carry out their last orders when the daemon ends.
inline constexpr Nanos kFarewell = std::chrono::milliseconds(500);

struct ServerOptions {
  client::DaemonFiles files;  ///< its folder exists
  int stop_fd = -1;           ///< readable: end
  std::optional<Nanos> idle_exit;
  uid_t user = 0;                      ///< the daemon's
  Utilization* utilization = nullptr;  ///< lent; null: none is told
  SwitchReader* switches = nullptr;    ///< lent; null: they are not read
  Parking* parking = nullptr;          ///< lent; null: nobody is parked
  const Rescue* rescue = nullptr;      ///< lent, for a new watchdog
};

class Server {
 public:
  /// All must outlive it; `gates` are those of `sharing`.
  Server(Poller& poller, Sharing& sharing, Control& control, Watchdog& watchdog, GatePages& gates,
         ServerOptions options);

  /// Makes both sockets: from then on workloads and clients can connect.
  Status listen();
  /// Serves until the stop descriptor is readable, a client asks for the end, or nobody has been
  /// there for idle_exit.
  Status serve();
  /// Sends all workloads away, with the driver's default in force for them, and removes the
  /// sockets.
  void end();

 private:
  Status watch_watchdog();
  void replace_watchdog();
  bool idle_for_too_long(Instant now);
  void look_at_utilization(Instant now);
  void look_at_switches(Instant now);

  Poller& poller_;
  Sharing& sharing_;
  Control& control_;
  Watchdog& watchdog_;
  GatePages& gates_;
  ServerOptions options_;
  UserCounts counts_;
  JoinServer joins_;
  ControlServer controls_;
  std::optional<Poller::Token> watchdog_token_;
  bool stopped_ = false;
  std::optional<Instant> idle_since_;
  Instant next_look_;  ///< at what NVML tells
  Instant next_utilization_;
  Instant next_switches_;
};

}  // namespace corun::daemon
