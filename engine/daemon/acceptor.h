// Accepting connections on a UNIX socket, with the kernel's word on who connects, and bounds per
// user, so that one user's connections never keep another user's out.
#pragma once

#include <functional>
#include <map>

#include "core/fd.h"
#include "core/result.h"
#include "core/row_channel.h"
#include "engine/daemon/join.h"
#include "engine/daemon/poller.h"

namespace corun::daemon {

inline constexpr size_t kMaxConnectionsPerUser = 1000;

/// What one user's clients may ask for, over both sockets. Beyond it connections are closed, and
/// requests wait; far above what any tool needs, and far below what would keep the daemon busy.
inline constexpr double kConnectionsPerSecond = 200;
inline constexpr double kConnectionsAtOnce = 2000;
inline constexpr double kRequestsPerSecond = 200;
inline constexpr double kRequestsAtOnce = 400;

/// Connections and requests of each user, of both sockets together.
class UserCounts {
 public:
  /// False: too many connections lately. Takes this one into account.
  bool may_connect(uid_t user, Instant now) { return rates(user, now).connections.take(1, now); }
  /// False: too many requests lately. Takes this one into account.
  bool may_ask(uid_t user, Instant now) { return rates(user, now).requests.take(1, now); }

  bool full(uid_t user) const {
    const auto found = counts_.find(user);
    return found != counts_.end() && found->second >= kMaxConnectionsPerUser;
  }
  void add(uid_t user) { ++counts_[user]; }
  void remove(uid_t user) {
    const auto found = counts_.find(user);
    if (found != counts_.end() && --found->second == 0) counts_.erase(found);
  }

 private:
  struct Rates {
    RateBound connections;
    RateBound requests;
  };
  Rates& rates(uid_t user, Instant now) {
    return rates_
        .try_emplace(user, Rates{{kConnectionsPerSecond, kConnectionsAtOnce, now},
                                 {kRequestsPerSecond, kRequestsAtOnce, now}})
        .first->second;
  }

  std::map<uid_t, size_t> counts_;
  std::map<uid_t, Rates> rates_;  ///< one for each user that ever came
};

class Acceptor {
 public:
  using Handler = std::function<void(Fd connection, const Peer& peer)>;
  /// `poller` must outlive it. Descriptors given to `handler` are non-blocking.
  static Result<Acceptor> create(Poller& poller, Fd listener, Handler handler);
  /// Accepts nothing any more.
  void close();

 private:
  Acceptor(Poller& poller, Fd listener, Poller::Token token)
      : poller_(&poller), listener_(std::move(listener)), token_(token) {}

  Poller* poller_;
  Fd listener_;
  Poller::Token token_;
};

}  // namespace corun::daemon
