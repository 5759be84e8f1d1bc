// Accepting connections on a UNIX socket, with the kernel's word on who connects, and bounds per
// user, so that one user's connections never keep another user's out.
#pragma once

#include <functional>
#include <map>

#include "core/fd.h"
#include "core/result.h"
#include "engine/daemon/join.h"
#include "engine/daemon/poller.h"

namespace corun::daemon {

inline constexpr size_t kMaxConnectionsPerUser = 1000;

/// Connections of each user, of both sockets together.
class UserCounts {
 public:
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
  std::map<uid_t, size_t> counts_;
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
