#include "simgpu/client/connection.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <ctime>

#include "core/clock.h"

namespace corun::simgpu {

namespace {

constexpr char kGone[] = "the simulated node's server is gone";

/// A UNIX address for FOLDER/socket that is never too long: through a descriptor of the folder.
Result<Fd> connect_in_folder(const std::string& node) {
  const Fd folder(open(node.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return failed("no simulated node at " + node + ": " + std::strerror(errno));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = "/proc/self/fd/" + std::to_string(folder.get()) + "/socket";
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  Fd fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!fd) return failed(std::string("cannot make a socket: ") + std::strerror(errno));
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return failed("no server of a simulated node at " + node + ": " + std::strerror(errno));
  }
  return fd;
}

/// Room for one packet; not cleared, as readings and calls of the driver come often.
using Room = std::array<std::byte, wire::kMaxPacket>;

/// One packet in `room`, with the descriptor that came along (or -1). Empty: end of the connection.
std::span<const std::byte> receive(int fd, Room& room, Fd* passed) {
  iovec part{room.data(), room.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t size = 0;
  do {
    size = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
  } while (size < 0 && errno == EINTR);
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (size > 0 && header != nullptr && header->cmsg_type == SCM_RIGHTS) {
    int received = -1;
    std::memcpy(&received, CMSG_DATA(header), sizeof received);
    Fd owned(received);
    if (passed != nullptr) *passed = std::move(owned);
  }
  return std::span(room).first(size > 0 ? static_cast<size_t>(size) : 0);
}

}  // namespace

Result<Connection> Connection::open(const std::string& node, wire::Hello hello) {
  Connection connection;
  CORUN_ASSIGN(connection.fd_, connect_in_folder(node));
  CORUN_TRY(connection.say_hello(hello));
  return connection;
}

Connection::Connection(Connection&& other) noexcept
    : fd_(std::move(other.fd_)),
      welcome_(other.welcome_),
      ring_(std::exchange(other.ring_, nullptr)),
      next_call_(other.next_call_) {}

Connection& Connection::operator=(Connection&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(welcome_, other.welcome_);
  std::swap(ring_, other.ring_);
  std::swap(next_call_, other.next_call_);
  return *this;
}

Connection::~Connection() {
  if (ring_ != nullptr) munmap(ring_, sizeof(wire::Ring));
}

Status Connection::say_hello(wire::Hello hello) {
  hello.header = next_header(wire::Type::kHello, sizeof hello, true);
  if (!send_packet(std::as_bytes(std::span(&hello, 1)), {})) return failed(kGone);
  Fd memory;
  Room room;
  const std::span<const std::byte> packet = receive(fd_.get(), room, &memory);
  wire::Reply reply;
  if (packet.size() < sizeof reply + sizeof welcome_) {
    return failed("the simulated node's server refused the connection",
                  "use programs and drop-ins of one build");
  }
  std::memcpy(&reply, packet.data(), sizeof reply);
  if (reply.code != wire::Code::kOk) {
    return failed("the simulated node's server refused this client");
  }
  std::memcpy(&welcome_, packet.data() + sizeof reply, sizeof welcome_);
  welcome_.profile[sizeof welcome_.profile - 1] = '\0';
  if (hello.role != wire::Role::kCuda) return {};
  return map_ring(memory.get());
}

Status Connection::map_ring(int memory) {
  void* address = mmap(nullptr, sizeof(wire::Ring), PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
  if (address == MAP_FAILED) {
    return failed(std::string("cannot map the completion ring: ") + std::strerror(errno));
  }
  madvise(address, sizeof(wire::Ring), MADV_DONTFORK);
  ring_ = static_cast<wire::Ring*>(address);
  return {};
}

wire::Header Connection::next_header(wire::Type type, size_t size, bool with_reply) {
  return {.size = static_cast<uint32_t>(size),
          .type = type,
          .version = wire::kVersion,
          .call = with_reply ? next_call_++ : 0,
          .stamp_ns = monotonic_now().ns};
}

bool Connection::send_packet(std::span<const std::byte> head, std::span<const std::byte> tail,
                             int pass_fd) {
  iovec parts[2] = {{const_cast<std::byte*>(head.data()), head.size()},
                    {const_cast<std::byte*>(tail.data()), tail.size()}};
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = tail.empty() ? 1 : 2;
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
  ssize_t sent = 0;
  do {
    sent = sendmsg(fd_.get(), &message, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent >= 0;
}

Result<Answer> Connection::exchange(std::span<const std::byte> head,
                                    std::span<const std::byte> tail, uint64_t call, int pass_fd) {
  if (!send_packet(head, tail, pass_fd)) return failed(kGone);
  Room room;
  while (true) {
    const std::span<const std::byte> packet = receive(fd_.get(), room, nullptr);
    if (packet.size() < sizeof(wire::Header)) return failed(kGone);
    wire::Reply reply;
    std::memcpy(&reply.header, packet.data(), sizeof reply.header);
    if (reply.header.type != wire::Type::kReply || reply.header.call != call) continue;
    if (packet.size() < sizeof reply) return failed("a reply of the wrong size");
    std::memcpy(&reply, packet.data(), sizeof reply);
    return Answer{reply.code, reply.count, {packet.begin() + sizeof reply, packet.end()}};
  }
}

Result<std::optional<wire::Header>> Connection::next_notice(int timeout_ms) {
  pollfd item{fd_.get(), POLLIN, 0};
  const int ready = poll(&item, 1, timeout_ms);
  if (ready == 0 || (ready < 0 && errno == EINTR)) return std::optional<wire::Header>();
  Room room;
  const std::span<const std::byte> packet = receive(fd_.get(), room, nullptr);
  if (packet.size() < sizeof(wire::Header)) return failed(kGone);
  wire::Header header;
  std::memcpy(&header, packet.data(), sizeof header);
  return std::optional<wire::Header>(header);
}

bool Connection::alive() const {
  pollfd item{fd_.get(), POLLRDHUP, 0};
  return fd_ && poll(&item, 1, 0) <= 0;
}

void Connection::abandon() {
  fd_.reset();
  ring_ = nullptr;  // not mapped in the child (MADV_DONTFORK)
}

void wait_for_head(wire::Ring& ring, uint32_t seen, int timeout_ms) {
  const timespec limit{timeout_ms / 1000, (timeout_ms % 1000) * 1'000'000L};
  ring.waiters.fetch_add(1, std::memory_order_seq_cst);
  if (ring.head.load(std::memory_order_seq_cst) == seen) {
    syscall(SYS_futex, &ring.head, FUTEX_WAIT, seen, &limit, nullptr, 0);
  }
  ring.waiters.fetch_sub(1, std::memory_order_seq_cst);
}

}  // namespace corun::simgpu
