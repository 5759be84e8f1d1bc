#include "simgpu/server/loop.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "core/log.h"

namespace corun::simgpu {

namespace {

constexpr uint64_t kListenerKey = ~uint64_t{0};
constexpr uint64_t kStopKey = ~uint64_t{0} - 1;
constexpr size_t kPacketsPerRead = 64;  // of one client and turn, so that none starves the others
// The timer of an idle machine wakes this late at worst; the last part of a wait is spun.
constexpr Nanos kSpin{20'000};

Error system_error(const std::string& what) { return failed(what + ": " + std::strerror(errno)); }

}  // namespace

struct Loop::Received {
  std::array<std::array<std::byte, wire::kMaxPacket>, kPacketsPerRead> packets;
  std::array<iovec, kPacketsPerRead> parts;
  std::array<mmsghdr, kPacketsPerRead> headers;
  struct alignas(cmsghdr) Control {
    std::array<char, CMSG_SPACE(sizeof(int))> bytes;
  };
  std::array<Control, kPacketsPerRead> controls;

  Received() {
    for (size_t i = 0; i < kPacketsPerRead; ++i) {
      parts[i] = {packets[i].data(), packets[i].size()};
      headers[i] = {};
      headers[i].msg_hdr.msg_iov = &parts[i];
      headers[i].msg_hdr.msg_iovlen = 1;
      headers[i].msg_hdr.msg_control = controls[i].bytes.data();
      headers[i].msg_hdr.msg_controllen = CMSG_LEN(sizeof(int));  // one descriptor at most
    }
  }

  /// The descriptor that came with packet `i`, if any; makes room for the next one.
  Fd take_fd(size_t i) {
    msghdr& header = headers[i].msg_hdr;
    const cmsghdr* control = CMSG_FIRSTHDR(&header);
    int fd = -1;
    if (control != nullptr && control->cmsg_type == SCM_RIGHTS) {
      std::memcpy(&fd, CMSG_DATA(control), sizeof fd);
    }
    header.msg_controllen = CMSG_LEN(sizeof(int));  // one descriptor at most
    return Fd(fd);
  }
};

Loop::Loop(LoopOptions options)
    : options_(std::move(options)),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      received_(std::make_unique<Received>()),
      last_(monotonic_now()) {}

Loop::~Loop() = default;

Status Loop::watch(int fd, uint64_t key) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLRDHUP;
  event.data.u64 = key;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) return system_error("epoll");
  return {};
}

Status Loop::serve(Node& node) {
  CORUN_TRY(watch(options_.listener.get(), kListenerKey));
  for (const Fd& stop : options_.stop_on) CORUN_TRY(watch(stop.get(), kStopKey));
  while (true) {
    const size_t count = wait(node.next_result(), node.next_look(last_));
    if (!dispatch(node, count)) return {};
    work_through(node);
    last_ = std::max(last_, monotonic_now());
    node.advance(last_);
    for (Session* session : node.take_broken()) drop(node, *session, "does not read its ring");
  }
}

size_t Loop::look_for_events() {
  const int count = epoll_wait(epoll_.get(), events_.data(), static_cast<int>(events_.size()), 0);
  return static_cast<size_t>(std::max(count, 0));
}

/// Looks until a packet comes, or it is `end`.
size_t Loop::spin(Instant end) {
  while (true) {
    const size_t count = look_for_events();
    if (count > 0 || monotonic_now() >= end) return count;
  }
}

/// Waits until a packet comes, or `due` or `look` has come; also comes back once a little before
/// `due`, in time to work on events that have piled up. Returns how many of events_ there are.
size_t Loop::wait(std::optional<Instant> due, std::optional<Instant> look) {
  constexpr Instant kNever{INT64_MAX};
  const Instant end = std::min(due.value_or(kNever), look.value_or(kNever));
  const Instant now = monotonic_now();
  if (due && *due - now <= kSpin) return spin(end);
  const Instant wake = std::min(due ? *due - kSpin : kNever, look.value_or(kNever));
  const Nanos left = std::max(Nanos(0), wake - now);
  const timespec limit{left.count() / 1'000'000'000, left.count() % 1'000'000'000};
  pollfd item{epoll_.get(), POLLIN, 0};
  const int ready = ppoll(&item, 1, wake == kNever ? nullptr : &limit, nullptr);
  return ready > 0 ? look_for_events() : 0;
}

/// Takes in what the first `count` of events_ tell of. False: a stop descriptor fired.
bool Loop::dispatch(Node& node, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    const uint64_t key = events_[i].data.u64;
    if (key == kStopKey) return false;
    if (key == kListenerKey) {
      accept_clients(node);
    } else {
      read_client(node, key);
    }
  }
  return true;
}

void Loop::accept_clients(Node& node) {
  while (true) {
    Fd fd(accept4(options_.listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!fd) return;
    ucred peer{};
    socklen_t size = sizeof peer;
    if (getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) continue;
    const int raw = fd.get();
    Session* session = node.connect(std::move(fd), {peer.pid, peer.uid});
    if (session == nullptr) {
      log::warn("simulated GPU: too many connections; pid {} refused", peer.pid);
      continue;
    }
    if (const Status watched = watch(raw, key_of(*session)); !watched) {
      drop(node, *session, watched.error().text());
    }
  }
}

void Loop::read_client(Node& node, uint64_t key) {
  const auto slot = static_cast<uint32_t>(key >> 32);
  const auto serial = static_cast<uint32_t>(key);
  Session* session = node.find(slot, serial);
  if (session == nullptr) return;
  const int count = recvmmsg(session->fd.get(), received_->headers.data(), kPacketsPerRead,
                             MSG_DONTWAIT | MSG_CMSG_CLOEXEC, nullptr);
  if (count < 0) {
    if (errno != EAGAIN && errno != EINTR) gone_.push_back(key);
    return;
  }
  for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
    const size_t size = received_->headers[i].msg_len;
    Fd fd = received_->take_fd(i);
    if (size == 0) {  // end of the connection, which fills all the rest
      for (size_t rest = i + 1; rest < static_cast<size_t>(count); ++rest) received_->take_fd(rest);
      gone_.push_back(key);
      return;
    }
    const auto& packet = received_->packets[i];
    int64_t stamp = 0;
    if (size >= sizeof(wire::Header)) {
      wire::Header header;
      std::memcpy(&header, packet.data(), sizeof header);
      stamp = header.stamp_ns;
    }
    incoming_.push_back({slot, serial, stamp, buffer_.size(), size, std::move(fd)});
    buffer_.insert(buffer_.end(), packet.begin(), packet.begin() + static_cast<ptrdiff_t>(size));
  }
}

/// Packets count in the order of their stamps, each at its stamp, but never before what has
/// been worked through and never in the future: the sender's lateness is not the GPU's.
void Loop::work_through(Node& node) {
  const Instant now = std::max(last_, monotonic_now());
  for (Incoming& one : incoming_) one.stamp_ns = std::clamp(one.stamp_ns, last_.ns, now.ns);
  const auto earlier = [](const Incoming& a, const Incoming& b) { return a.stamp_ns < b.stamp_ns; };
  if (!std::is_sorted(incoming_.begin(), incoming_.end(), earlier)) {
    std::stable_sort(incoming_.begin(), incoming_.end(), earlier);
  }
  for (Incoming& one : incoming_) {
    Session* session = node.find(one.slot, one.serial);
    if (session == nullptr) continue;
    const auto packet = wire::check_packet(std::span(buffer_).subspan(one.offset, one.size));
    if (!packet) {
      drop(node, *session, packet.error().text());
      continue;
    }
    session->passed = std::move(one.fd);
    const Status handled = node.handle(*session, *packet, {one.stamp_ns});
    if (!handled) drop(node, *session, handled.error().text());
  }
  last_ = now;
  incoming_.clear();
  buffer_.clear();
  for (const uint64_t key : std::exchange(gone_, {})) {
    Session* session = node.find(static_cast<uint32_t>(key >> 32), static_cast<uint32_t>(key));
    if (session != nullptr) node.disconnect(*session, last_);
  }
}

void Loop::drop(Node& node, Session& session, const std::string& why) {
  log::warn("simulated GPU: closed the connection of pid {}: {}", session.pid, why);
  node.disconnect(session, last_);
}

bool Loop::send(Session& session, std::span<const std::byte> packet, int pass_fd) {
  iovec part{const_cast<std::byte*>(packet.data()), packet.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  if (pass_fd >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &pass_fd, sizeof pass_fd);
  }
  return sendmsg(session.fd.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

Result<Fd> listen_in_folder(const std::string& node_dir) {
  const Fd folder(open(node_dir.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return system_error("cannot use the folder " + node_dir);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = "/proc/self/fd/" + std::to_string(folder.get()) + "/socket";
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  Fd fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return system_error("cannot make a socket");
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    return failed("another server serves " + node_dir, "use another folder, or stop it");
  }
  unlink((node_dir + "/socket").c_str());
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      listen(fd.get(), 128) != 0) {
    return system_error("cannot listen in " + node_dir);
  }
  return fd;
}

}  // namespace corun::simgpu
