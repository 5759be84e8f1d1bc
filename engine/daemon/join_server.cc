#include "engine/daemon/join_server.h"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "core/process_tree.h"

namespace corun::daemon {

namespace {

constexpr double kRefusalsPerSecond = 1;
constexpr double kRefusalBurst = 20;
constexpr size_t kMaxToldVersions = 1024;

bool send_reply(int fd, const wire::JoinReply& reply, const std::vector<Fd>& descriptors) {
  iovec part{const_cast<wire::JoinReply*>(&reply), sizeof reply};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(wire::kJoinDescriptors * sizeof(int))] = {};
  if (!descriptors.empty()) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(descriptors.size() * sizeof(int));
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(descriptors.size() * sizeof(int));
    for (size_t i = 0; i < descriptors.size(); ++i) {
      const int one = descriptors[i].get();
      std::memcpy(CMSG_DATA(header) + i * sizeof one, &one, sizeof one);
    }
  }
  return sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof reply;
}

wire::JoinReply make_reply(wire::JoinStatus status) {
  wire::JoinReply reply{};
  reply.magic = wire::kJoinMagic;
  reply.version = wire::kWireVersion;
  reply.status = status;
  return reply;
}

}  // namespace

JoinServer::JoinServer(Poller& poller, Sharing& sharing, UserCounts& counts, uid_t user)
    : poller_(poller),
      sharing_(sharing),
      counts_(counts),
      user_(user),
      refusals_(kRefusalsPerSecond, kRefusalBurst, monotonic_now()) {}

Status JoinServer::listen(Fd listener) {
  auto made = Acceptor::create(poller_, std::move(listener),
                               [this](Fd fd, const Peer& peer) { accept(std::move(fd), peer); });
  if (!made) return made.error();
  acceptor_ = std::move(made).value();
  return {};
}

void JoinServer::stop_listening() {
  if (acceptor_) acceptor_->close();
  acceptor_.reset();
}

/// Closes the oldest connection of this user that has not joined.
bool JoinServer::evict(uid_t user) {
  for (const auto& [id, connection] : connections_) {
    if (connection.peer.user != user || connection.session != 0) continue;
    close(id, "");
    return true;
  }
  return false;
}

void JoinServer::accept(Fd fd, const Peer& peer) {
  if (!counts_.may_connect(peer.user, monotonic_now())) return;
  if (counts_.full(peer.user) && !evict(peer.user)) return;
  const uint64_t id = next_++;
  const auto token =
      poller_.add(fd.get(), EPOLLIN | EPOLLRDHUP, [this, id](uint32_t) { read(id); });
  if (!token) return;
  Connection& connection = connections_[id];
  connection.fd = std::move(fd);
  connection.peer = peer;
  connection.token = *token;
  connection.opened = monotonic_now();
  counts_.add(peer.user);
}

void JoinServer::read(uint64_t id) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  Connection& connection = found->second;
  std::byte packet[sizeof(wire::JoinRequest) + 1];  // one more: a longer packet is noticed
  const ssize_t n = recv(connection.fd.get(), packet, sizeof packet, MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) return close(id, "its connection ended");
  const auto bytes = std::span(packet, static_cast<size_t>(n));
  if (connection.session == 0) return join(id, connection, bytes);
  if (!is_notice(bytes)) return close(id, "it sent more after it had joined");
  const Instant now = monotonic_now();
  if (!connection.notices.take(1, now)) return close(id, "it sends too many notices");
  sharing_.look_now();
}

void JoinServer::join(uint64_t id, Connection& connection, std::span<const std::byte> packet) {
  const Peer peer = connection.peer;
  const ParsedJoin parsed = parse_join(packet);
  if (parsed.status != wire::JoinStatus::kWelcome) {
    refuse(connection, parsed.status, parsed.why);
    return close(id, "");
  }
  if (user_ != 0 && peer.user != user_) {
    refuse(connection, wire::JoinStatus::kRefused, "this daemon serves its own user only");
    return close(id, "");
  }
  if (!sharing_.has_room(peer.user)) {
    refuse(connection, wire::JoinStatus::kFull, "its user has too many sessions");
    return close(id, "");
  }
  // Before the reply: behind it the process may end, and nothing of it is left to open.
  Fd process(peer.pid > 0 ? static_cast<int>(syscall(SYS_pidfd_open, peer.pid, 0)) : -1);
  if (!process && peer.pid > 0 && errno == ESRCH) return close(id, "");
  const Instant now = monotonic_now();
  auto welcome = sharing_.join(peer, parsed.ask, peer.user == user_, now);
  if (!welcome) {
    refuse(connection, wire::JoinStatus::kFull, welcome.error().what);
    return close(id, "");
  }
  connection.session = welcome->session;
  wire::JoinReply reply = make_reply(wire::JoinStatus::kWelcome);
  reply.descriptors = static_cast<uint32_t>(welcome->descriptors.size());
  reply.session = welcome->session;
  if (!send_reply(connection.fd.get(), reply, welcome->descriptors)) {
    return close(id, "it did not take the reply");
  }
  watch_process(id, connection, std::move(process), parsed.ask);
}

/// A forked child keeps the connection open: the process's own end is told by its pidfd. Without
/// one (a PID that is not seen here, or was recycled) the connection's end has to do.
void JoinServer::watch_process(uint64_t id, Connection& connection, Fd process,
                               const JoinAsk& ask) {
  if (!process) return;
  const auto identity = identify(connection.peer.pid);
  if (ask.process_start != 0 && identity && identity->start_ticks != ask.process_start) return;
  const auto token =
      poller_.add(process.get(), EPOLLIN, [this, id](uint32_t) { close(id, "its process ended"); });
  if (!token) return;
  connection.process = std::move(process);
  connection.process_token = *token;
}

void JoinServer::refuse(Connection& connection, wire::JoinStatus status, const std::string& why) {
  send_reply(connection.fd.get(), make_reply(status), {});
  // A workload of another build asks again once a second, for as long as it lives.
  if (status == wire::JoinStatus::kVersion && !first_of(connection.peer.pid)) return;
  const Instant now = monotonic_now();
  if (!refusals_.take(1, now)) return;
  sharing_.note(
      "refused",
      fmt::format("pid {} of user {}: {}", connection.peer.pid, connection.peer.user, why), now);
}

bool JoinServer::first_of(pid_t pid) {
  if (told_versions_.size() >= kMaxToldVersions) told_versions_.clear();
  return told_versions_.insert(pid).second;
}

void JoinServer::close(uint64_t id, const std::string& why) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  const Connection& connection = found->second;
  poller_.remove(connection.token);
  if (connection.process) poller_.remove(connection.process_token);
  counts_.remove(connection.peer.user);
  const policy::SessionId session = connection.session;
  connections_.erase(found);
  if (session != 0) sharing_.leave(session, why, monotonic_now());
}

void JoinServer::advance(Instant now) {
  std::vector<uint64_t> late;
  const std::vector<policy::SessionId> sent_away = sharing_.take_sent_away();
  for (const auto& [id, connection] : connections_) {
    const bool gone = connection.session != 0 && std::find(sent_away.begin(), sent_away.end(),
                                                           connection.session) != sent_away.end();
    if (gone) late.push_back(id);
    if (connection.session == 0 && now - connection.opened > kJoinPatience) late.push_back(id);
  }
  for (const uint64_t id : late) close(id, "it was told to join again");
}

}  // namespace corun::daemon
