// The event loop's wait: descriptors with handlers, and one absolute time (epoll and a timerfd).
#pragma once

#include <cstdint>
#include <functional>
#include <map>

#include "core/clock.h"
#include "core/fd.h"
#include "core/result.h"

namespace corun::daemon {

class Poller {
 public:
  /// Called with the EPOLL... bits that came.
  using Handler = std::function<void(uint32_t events)>;
  using Token = uint64_t;

  static Result<Poller> create();

  /// Watches `fd`, which stays the caller's. Errors (failed): the system's.
  Result<Token> add(int fd, uint32_t events, Handler handler);
  /// Changes what is watched for.
  void change(Token token, uint32_t events);
  /// Does not look at it until `until`; then its handler is called with 0, and it is watched again:
  /// for peers that ask for too much.
  void rest(Token token, Instant until);
  /// Stops watching; before the descriptor is closed. Allowed in any handler.
  void remove(Token token);
  /// Waits until something comes or until `due`, and calls the handlers.
  void wait(Instant due);

 private:
  struct Entry {
    int fd;
    uint32_t events;
    Handler handler;
    bool resting = false;
  };
  Poller(Fd epoll, Fd timer) : epoll_(std::move(epoll)), timer_(std::move(timer)) {}

  void end_rests(Instant now);

  Fd epoll_;
  Fd timer_;
  Token next_ = 1;
  std::map<Token, Entry> entries_;
  std::multimap<Instant, Token> rests_;  ///< by their end
};

}  // namespace corun::daemon
