// A small process of its own that opens all gates when the daemon cannot: because it is dead, or
// because its heartbeat is late (stopped, stuck). Streams that wait on the GPU for a gate would
// otherwise wait for ever when the daemon and the gate's holder are killed together.
//
// Processes that the dead daemon left parked it leaves to a helper (rescue.h).
//
// It holds the gate pages (mapped before the fork) and the read end of a pipe whose write end only
// the daemon has. After the daemon's death it stays until every lease that the daemon gave is over
// and opens what is closed in the meantime; from then on no session closes a gate or waits for one.
#pragma once

#include <sys/types.h>

#include <array>
#include <atomic>
#include <cstdint>

#include "core/clock.h"
#include "core/fd.h"
#include "core/result.h"
#include "core/wire/session_page.h"
#include "engine/daemon/rescue.h"

namespace corun::daemon {

/// A heartbeat older than this is late.
inline constexpr Nanos kHeartbeatPatience = std::chrono::seconds(1);

class Watchdog {
 public:
  /// Forks it. Start it before the process has threads or other descriptors that should close with
  /// the daemon; it closes all that it inherits. `gates` and `rescue` (null: this daemon parks
  /// nobody) are mapped shared.
  static Result<Watchdog> start(const std::array<wire::GatePage*, wire::kMaxGates>& gates,
                                const Rescue* rescue);
  Watchdog(Watchdog&& other) noexcept;
  Watchdog& operator=(Watchdog&& other) noexcept;
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;
  /// Lets it go: it sees the end of the pipe, does its work and ends by itself.
  ~Watchdog();

  /// To be called far more often than kHeartbeatPatience.
  void beat(Instant now);
  pid_t pid() const { return pid_; }
  /// A pidfd: readable when it has ended.
  int event_fd() const { return handle_.get(); }
  /// Reaps it after it has ended.
  void reap();

 private:
  Watchdog() = default;

  pid_t pid_ = -1;
  Fd handle_;
  Fd lifeline_;                                    ///< write end; nobody writes
  std::atomic<uint64_t>* heartbeat_ns_ = nullptr;  ///< shared with the watchdog
};

}  // namespace corun::daemon
