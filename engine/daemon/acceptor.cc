#include "engine/daemon/acceptor.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <memory>

namespace corun::daemon {

namespace {

// So that a flood of connections neither starves the rest nor keeps a processor busy.
constexpr int kAcceptsPerTurn = 64;
constexpr Nanos kRestAfterMany = std::chrono::milliseconds(3);

Fd spare_descriptor() { return Fd(open("/dev/null", O_RDONLY | O_CLOEXEC)); }

/// False: there may be more.
bool accept_some(int listener, Fd& spare, const Acceptor::Handler& handler) {
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    Fd fd(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!fd && (errno == EMFILE || errno == ENFILE)) {
      // Out of descriptors: take the connection with the spare one and close it, since it would
      // otherwise stay in the queue and keep the loop busy.
      spare.reset();
      Fd(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC)).reset();
      spare = spare_descriptor();
      return false;
    }
    if (!fd) return true;
    ucred credentials{};
    socklen_t size = sizeof credentials;
    if (getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) continue;
    handler(std::move(fd), Peer{credentials.uid, credentials.pid});
  }
  return false;
}

}  // namespace

Result<Acceptor> Acceptor::create(Poller& poller, Fd listener, Handler handler) {
  const int fd = listener.get();
  // Shared: std::function wants to be copied, a descriptor does not.
  const auto spare = std::make_shared<Fd>(spare_descriptor());
  const auto own = std::make_shared<Poller::Token>();
  const auto on_event = [fd, spare, own, &poller, handler = std::move(handler)](uint32_t) {
    if (accept_some(fd, *spare, handler)) return;
    poller.rest(*own, monotonic_now() + kRestAfterMany);
  };
  CORUN_ASSIGN(const Poller::Token token, poller.add(fd, EPOLLIN, on_event));
  *own = token;
  return Acceptor(poller, std::move(listener), token);
}

void Acceptor::close() {
  poller_->remove(token_);
  listener_.reset();
}

}  // namespace corun::daemon
