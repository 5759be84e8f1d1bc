#include "engine/daemon/control_server.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "core/process_tree.h"

namespace corun::daemon {

namespace {

/// Of a connection whose user asks too often.
constexpr Nanos kRest = std::chrono::milliseconds(50);

}  // namespace

ControlServer::ControlServer(Poller& poller, Control& control, UserCounts& counts)
    : poller_(poller), control_(control), counts_(counts) {}

Status ControlServer::listen(Fd listener) {
  auto made = Acceptor::create(poller_, std::move(listener),
                               [this](Fd fd, const Peer& peer) { accept(std::move(fd), peer); });
  if (!made) return made.error();
  acceptor_ = std::move(made).value();
  return {};
}

void ControlServer::stop_listening() {
  if (acceptor_) acceptor_->close();
  acceptor_.reset();
}

bool ControlServer::flushed() const {
  return std::all_of(connections_.begin(), connections_.end(),
                     [](const auto& entry) { return entry.second.out.empty(); });
}

void ControlServer::accept(Fd fd, const Peer& peer) {
  if (!counts_.may_connect(peer.user, monotonic_now()) || counts_.full(peer.user)) return;
  const uint64_t id = next_++;
  const auto token = poller_.add(fd.get(), EPOLLIN | EPOLLRDHUP,
                                 [this, id](uint32_t events) { on_event(id, events); });
  if (!token) return;
  Connection& connection = connections_[id];
  connection.fd = std::move(fd);
  connection.peer = peer;
  connection.peer.contained = peer.pid > 0 && is_contained(peer.pid);
  connection.token = *token;
  counts_.add(peer.user);
}

void ControlServer::on_event(uint64_t id, uint32_t events) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  Connection& connection = found->second;
  const bool broken = (events & (EPOLLHUP | EPOLLERR)) != 0;
  if (broken || !flush(connection) || !read(connection)) return close(id);
  work(id);
}

/// Takes in at most one buffer, so that no peer starves the others. False: it is broken.
bool ControlServer::read(Connection& connection) {
  if (connection.waiting || connection.closing || !connection.out.empty()) return true;
  if (connection.in.find('\n') != std::string::npos) return true;  // there is enough to do
  char bytes[16 * 1024];
  const ssize_t n = recv(connection.fd.get(), bytes, sizeof bytes, MSG_DONTWAIT);
  if (n < 0) return errno == EAGAIN || errno == EINTR;
  if (n == 0) connection.ended = true;
  connection.in.append(bytes, static_cast<size_t>(n));
  return true;
}

/// Answers the lines that are there, one after another.
void ControlServer::work(uint64_t id) {
  while (true) {
    const auto found = connections_.find(id);
    if (found == connections_.end()) return;
    Connection& connection = found->second;
    if (connection.waiting || connection.closing || !connection.out.empty()) break;
    const size_t end = connection.in.find('\n');
    if (std::min(end, connection.in.size()) > kMaxRequestBytes) {
      connection.closing = true;
      reply(id, error_reply(usage_error("a request is longer than 65536 bytes")));
      break;
    }
    if (end == std::string::npos) break;
    const Instant now = monotonic_now();
    if (!counts_.may_ask(connection.peer.user, now)) {
      return poller_.rest(connection.token, now + kRest);
    }
    const std::string line = connection.in.substr(0, end);
    connection.in.erase(0, end + 1);
    connection.waiting = true;
    working_ = id;
    control_.handle(connection.peer, line, now,
                    [this, id](const std::string& text) { reply(id, text); });
    working_ = 0;
  }
  settle(id);
}

void ControlServer::reply(uint64_t id, const std::string& line) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;  // it did not wait for the answer
  Connection& connection = found->second;
  connection.out += line + "\n";
  connection.waiting = false;
  if (!flush(connection)) return close(id);
  if (working_ != id && !connection.closing) return work(id);  // it came late: go on with the next
  settle(id);
}

/// Sends what the peer takes. False: it is broken.
bool ControlServer::flush(Connection& connection) {
  while (!connection.out.empty()) {
    const ssize_t n = send(connection.fd.get(), connection.out.data(), connection.out.size(),
                           MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno == EAGAIN;
    connection.out.erase(0, static_cast<size_t>(n));
  }
  return true;
}

/// Closes a connection that is done, and watches for what the others need next.
void ControlServer::settle(uint64_t id) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  Connection& connection = found->second;
  const bool idle = !connection.waiting && connection.out.empty();
  if (idle && (connection.closing || connection.ended)) return close(id);
  uint32_t events = 0;
  if (idle) events = EPOLLIN | EPOLLRDHUP;
  if (!connection.out.empty()) events = EPOLLOUT;
  poller_.change(connection.token, events);
}

void ControlServer::close(uint64_t id) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  poller_.remove(found->second.token);
  counts_.remove(found->second.peer.user);
  connections_.erase(found);
}

}  // namespace corun::daemon
