// The control socket: lines in, lines out, without ever waiting for a peer.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "engine/daemon/acceptor.h"
#include "engine/daemon/control.h"

namespace corun::daemon {

class ControlServer {
 public:
  /// All must outlive it.
  ControlServer(Poller& poller, Control& control, UserCounts& counts);
  Status listen(Fd listener);
  void stop_listening();
  /// Whether every reply has gone out.
  bool flushed() const;

 private:
  struct Connection {
    Fd fd;
    Peer peer;
    Poller::Token token = 0;
    std::string in;
    std::string out;
    bool waiting = false;  ///< for a reply that comes later
    bool ended = false;    ///< the peer sends nothing more
    bool closing = false;  ///< close once `out` is empty
  };

  void accept(Fd fd, const Peer& peer);
  void on_event(uint64_t id, uint32_t events);
  bool read(Connection& connection);
  void work(uint64_t id);
  void reply(uint64_t id, const std::string& line);
  bool flush(Connection& connection);
  void close(uint64_t id);
  void settle(uint64_t id);

  Poller& poller_;
  Control& control_;
  UserCounts& counts_;
  std::optional<Acceptor> acceptor_;
  uint64_t next_ = 1;
  uint64_t working_ = 0;  ///< connection whose lines are being answered
  std::map<uint64_t, Connection> connections_;
};

}  // namespace corun::daemon
