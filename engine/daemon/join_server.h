// The socket at which workloads join (core/wire/join.h): a packet each way, then the connection
// stands for the session. Whatever a peer does, it closes its own connection at most.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "core/row_channel.h"
#include "engine/daemon/acceptor.h"
#include "engine/daemon/sharing.h"

namespace corun::daemon {

/// Notices that a session may send: each costs a look at its page. One that sends more is closed.
inline constexpr double kNoticesPerSecond = 200;
inline constexpr double kNoticeBurst = 1000;
/// A connection that has not joined for so long is closed.
inline constexpr Nanos kJoinPatience = std::chrono::seconds(5);

class JoinServer {
 public:
  /// All must outlive it. `user`: the daemon's; unless it is root's, nobody else may join.
  JoinServer(Poller& poller, Sharing& sharing, UserCounts& counts, uid_t user);
  Status listen(Fd listener);
  void stop_listening();

  /// Closes the connections of sessions that were sent away, and those that never joined.
  void advance(Instant now);

 private:
  struct Connection {
    Fd fd;
    Peer peer;
    Poller::Token token = 0;
    Instant opened;
    policy::SessionId session = 0;  ///< 0: has not joined yet
    RateBound notices{kNoticesPerSecond, kNoticeBurst, {}};
    Fd process;  ///< pidfd of a session's process, where it can be had
    Poller::Token process_token = 0;
  };
  using Connections = std::map<uint64_t, Connection>;

  void accept(Fd fd, const Peer& peer);
  void read(uint64_t id);
  void join(uint64_t id, Connection& connection, std::span<const std::byte> packet);
  void watch_process(uint64_t id, Connection& connection, Fd process, const JoinAsk& ask);
  void refuse(Connection& connection, wire::JoinStatus status, const std::string& why);
  void close(uint64_t id, const std::string& why);
  bool evict(uid_t user);
  /// Whether this process's other version has not been told yet.
  bool first_of(pid_t pid);

  Poller& poller_;
  Sharing& sharing_;
  UserCounts& counts_;
  uid_t user_;
  std::optional<Acceptor> acceptor_;
  uint64_t next_ = 1;
  Connections connections_;  ///< in the order in which they came
  RateBound refusals_;       ///< told as events
  std::set<pid_t> told_versions_;
};

}  // namespace corun::daemon
