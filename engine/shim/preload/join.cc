#include "engine/shim/preload/join.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

#include "core/wire/join.h"
#include "engine/shim/environment.h"
#include "engine/shim/log.h"
#include "engine/shim/preload/keeper.h"
#include "engine/shim/preload/process.h"

namespace corun::shim {

namespace {

constexpr uint64_t kNsPerMs = 1'000'000;
/// Descriptors live up here, away from programs that count on small numbers.
constexpr int kLowestDescriptor = 300;

constinit std::atomic<int> joins{0};

// fstat has a new version since glibc 2.33; the system call has none.
bool file_status(int fd, struct stat* status) { return syscall(SYS_fstat, fd, status) == 0; }

/// A decimal number in thousandths, without locale: "2.5" is 2500.
uint32_t thousandths(const char* text) {
  uint64_t value = 0;
  int digits = -1;
  for (; (*text >= '0' && *text <= '9') || (*text == '.' && digits < 0); ++text) {
    if (*text == '.') {
      digits = 0;
    } else if (digits < 3 && value < UINT32_MAX) {
      value = value * 10 + static_cast<uint64_t>(*text - '0');
      digits += digits >= 0 ? 1 : 0;
    }
  }
  for (digits = digits < 0 ? 0 : digits; digits < 3; ++digits) {
    value *= 10;
  }
  return static_cast<uint32_t>(value > UINT32_MAX ? UINT32_MAX : value);
}

size_t read_file(const char* path, char* text, size_t capacity) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    text[0] = '\0';
    return 0;
  }
  const ssize_t got = read(fd, text, capacity - 1);
  close(fd);
  const size_t length = got > 0 ? static_cast<size_t>(got) : 0;
  text[length] = '\0';
  return length;
}

/// Field 22 of /proc/self/stat; the second field is a name in parentheses that may hold anything.
uint64_t process_start() {
  char text[1024];
  read_file("/proc/self/stat", text, sizeof text);
  const char* at = strrchr(text, ')');
  for (int field = 2; at != nullptr && field < 22; ++field) {
    at = strchr(at + 1, ' ');
  }
  return at == nullptr ? 0 : number_in(at + 1);
}

void copy_name(char (&to)[wire::kNameBytes], const char* from) {
  const size_t length = strnlen(from, sizeof to - 1);
  memcpy(to, from, length);
  to[length] = '\0';
}

/// Without a name of its own: that of its program, and where containers are to be told apart
/// "PROGRAM@HOST", whose host is the container's short id unless its engine was told otherwise.
void name_workload(wire::JoinRequest& request) {
  const char* name = environment(wire::kEnvName);
  copy_name(request.workload, name[0] != '\0' ? name : request.program);
  char host[wire::kNameBytes / 2] = {};
  if (name[0] != '\0' || strcmp(environment(wire::kEnvNameHost), "1") != 0 ||
      gethostname(host, sizeof host - 1) != 0) {
    return;
  }
  const size_t room = sizeof request.workload - 2 - strlen(host);
  const size_t length = strnlen(request.workload, room);
  snprintf(request.workload + length, sizeof request.workload - length, "@%s", host);
}

wire::JoinRequest make_request(const Machine& machine, const DeviceState& device) {
  wire::JoinRequest request = {};
  request.magic = wire::kJoinMagic;
  request.version = wire::kWireVersion;
  request.bytes = sizeof request;
  int read_only = 0;
  const auto attribute = machine.driver().device_attribute;
  if (attribute != nullptr &&
      attribute(&read_only, cuda::DeviceAttribute::kReadOnlyHostRegisterSupported,
                device.ordinal) == Code::kSuccess &&
      read_only == 1) {
    request.flags |= wire::kJoinReadOnlyGates;
  }
  // With a daemon's page before it, that of a parked process says so until the process runs again.
  if ((device.neutral_page.hot.armed.load(std::memory_order_relaxed) & wire::kArmedParked) != 0) {
    request.flags |= wire::kJoinParked;
  }
  request.workload_class = own_class();
  request.weight_milli = thousandths(environment(wire::kEnvWeight));
  request.memory_limit_bytes = number_in_environment(wire::kEnvMemory);
  request.latency_target_us = number_in_environment(wire::kEnvLatencyTarget);
  request.process_start = process_start();
  char command[4096];
  read_file("/proc/self/cmdline", command, sizeof command);
  const char* slash = strrchr(command, '/');
  copy_name(request.program, slash == nullptr ? command : slash + 1);
  name_workload(request);
  return request;
}

/// The address of the daemon's socket. A UNIX address holds 107 bytes, so it goes through a
/// descriptor of the folder, which the caller closes; -1: there is none.
int address_of_daemon(const char* uuid, sockaddr_un* address) {
  char folder[PATH_MAX];
  const int length = snprintf(folder, sizeof folder, "%s/%s", environment(wire::kEnvRunDir), uuid);
  if (length < 0 || static_cast<size_t>(length) >= sizeof folder) {
    return -1;
  }
  const int fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
  address->sun_family = AF_UNIX;
  snprintf(address->sun_path, sizeof address->sun_path, "/proc/self/fd/%d/shim.sock", fd);
  return fd;
}

int connect_to(const char* uuid) {
  sockaddr_un address = {};
  const int folder = address_of_daemon(uuid, &address);
  if (folder < 0) {
    return -1;
  }
  // Non-blocking: a daemon whose queue is full is a daemon that hangs.
  const int low = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (low < 0) {
    close(folder);
    return -1;
  }
  const int high = fcntl(low, F_DUPFD_CLOEXEC, kLowestDescriptor);
  const int fd = high < 0 ? low : high;
  if (high >= 0) {
    close(low);
  }
  const int connected = connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  close(folder);
  if (connected != 0) {
    close(fd);
    return -1;
  }
  return fd;
}

struct JoinAnswer {
  wire::JoinReply reply = {};
  int fds[wire::kJoinDescriptors];
  int count = 0;
  JoinAnswer() = default;
  JoinAnswer(const JoinAnswer&) = delete;
  JoinAnswer& operator=(const JoinAnswer&) = delete;
  ~JoinAnswer() {
    for (int i = 0; i < count; ++i) {
      close(fds[i]);
    }
  }
};

/// Takes the descriptors out of a message; closes any beyond those that are wanted.
void take_descriptors(msghdr& message, JoinAnswer& answer) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
       part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) {
      continue;
    }
    const size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd = -1;
      memcpy(&fd, CMSG_DATA(part) + i * sizeof fd, sizeof fd);
      if (answer.count < wire::kJoinDescriptors) {
        answer.fds[answer.count++] = fd;
      } else {
        close(fd);
      }
    }
  }
}

bool receive(int fd, uint64_t until_ns, JoinAnswer& answer) {
  for (;;) {
    const uint64_t now = now_ns();
    if (now >= until_ns) {
      return false;
    }
    pollfd poll_fd = {.fd = fd, .events = POLLIN, .revents = 0};
    const int ready = poll(&poll_fd, 1, static_cast<int>((until_ns - now) / kNsPerMs) + 1);
    if (ready < 0 && errno == EINTR) {
      continue;
    }
    if (ready <= 0) {
      return false;
    }
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * 32)];
    iovec part = {.iov_base = &answer.reply, .iov_len = sizeof answer.reply};
    msghdr message = {};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const ssize_t got = recvmsg(fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
      continue;
    }
    if (got > 0) {
      take_descriptors(message, answer);
    }
    return got == sizeof answer.reply && (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0;
  }
}

void* map_page(int fd, bool* writable) {
  struct stat status = {};
  const int flags = fcntl(fd, F_GETFL);
  // A shorter file would raise SIGBUS in the workload.
  if (flags < 0 || !file_status(fd, &status) ||
      status.st_size < static_cast<off_t>(wire::kPageBytes)) {
    return nullptr;
  }
  *writable = (flags & O_ACCMODE) == O_RDWR;
  void* page =
      mmap(nullptr, wire::kPageBytes, PROT_READ | (*writable ? PROT_WRITE : 0), MAP_SHARED, fd, 0);
  if (page == MAP_FAILED) {
    return nullptr;
  }
  madvise(page, wire::kPageBytes, MADV_DONTFORK);  // a session is one process's
  return page;
}

void unmap(Pages& pages) {
  if (pages.session != nullptr) {
    munmap(pages.session, wire::kPageBytes);
  }
  for (wire::GatePage* gate : pages.gates) {
    if (gate != nullptr) {
      munmap(gate, wire::kPageBytes);
    }
  }
  free(&pages);
}

/// Maps and checks the pages of an answer; null if they are not what they should be.
Pages* map_pages(const JoinAnswer& answer) {
  void* memory = malloc(sizeof(Pages));
  if (memory == nullptr) {
    return nullptr;
  }
  auto* pages = new (memory) Pages;
  bool writable = false;
  pages->session = static_cast<wire::SessionPage*>(map_page(answer.fds[0], &writable));
  bool good = pages->session != nullptr && writable &&
              pages->session->magic == wire::kSessionMagic &&
              pages->session->version == wire::kWireVersion &&
              pages->session->session == answer.reply.session;
  for (int i = 0; good && i < wire::kMaxGates; ++i) {
    pages->gates[i] =
        static_cast<wire::GatePage*>(map_page(answer.fds[i + 1], &pages->gate_writable[i]));
    good = pages->gates[i] != nullptr && pages->gates[i]->magic == wire::kGateMagic &&
           pages->gates[i]->version == wire::kWireVersion;
  }
  if (!good) {
    unmap(*pages);
    return nullptr;
  }
  return pages;
}

/// The exchange with a daemon; null if there is no session in it.
Pages* exchange(int fd, const wire::JoinRequest& request, uint64_t until_ns) {
  if (send(fd, &request, sizeof request, MSG_NOSIGNAL | MSG_DONTWAIT) != sizeof request) {
    return nullptr;
  }
  JoinAnswer answer;
  if (!receive(fd, until_ns, answer)) {
    log_debug("the daemon did not answer properly");
    return nullptr;
  }
  const wire::JoinReply& reply = answer.reply;
  if (reply.magic != wire::kJoinMagic || reply.version != wire::kWireVersion ||
      reply.status != wire::JoinStatus::kWelcome ||
      reply.descriptors != static_cast<uint32_t>(wire::kJoinDescriptors) ||
      answer.count != wire::kJoinDescriptors) {
    log_debug("not joined: version %u, status %u, %d descriptors", reply.version,
              static_cast<unsigned>(reply.status), answer.count);
    return nullptr;
  }
  return map_pages(answer);
}

}  // namespace

wire::WorkloadClass own_class() {
  const char* text = environment(wire::kEnvClass);
  if (strcmp(text, "latency-critical") == 0) {
    return wire::WorkloadClass::kLatencyCritical;
  }
  return strcmp(text, "best-effort") == 0 ? wire::WorkloadClass::kBestEffort
                                          : wire::WorkloadClass::kNormal;
}

bool identify(int fd, FileIdentity* identity) {
  struct stat status = {};
  if (!file_status(fd, &status)) {
    return false;
  }
  *identity = {.device = status.st_rdev != 0 ? status.st_rdev : status.st_dev,
               .inode = status.st_ino};
  return true;
}

bool join(Machine& from, DeviceState& device) {
  const uint64_t now = now_ns();
  device.retry_ns = now + kJoinRetryNs;
  if (joins.load(std::memory_order_relaxed) >= kMaxJoins) {
    return false;
  }
  const int fd = connect_to(device.uuid);
  if (fd < 0) {
    return false;
  }
  Pages* pages = exchange(fd, make_request(from, device),
                          now + static_cast<uint64_t>(kJoinTimeoutMs) * kNsPerMs);
  if (pages == nullptr) {
    close(fd);
    return false;
  }
  joins.fetch_add(1, std::memory_order_relaxed);
  device.joined = pages;
  device.live = true;
  device.socket = fd;
  identify(fd, &device.socket_file);
  device.joined_ns = now;
  device.sequence_seen = 0;
  device.work_seen = 0;
  device.news_told = 0;
  device.preempt_seen = pages->session->orders.preempt_sequence.load(std::memory_order_relaxed);
  pages->session->counters.heartbeat_ns.store(now, std::memory_order_relaxed);
  from.show(device, pages);
  log_debug("joined %s as session %llu", device.uuid,
            static_cast<unsigned long long>(pages->session->session));
  return true;
}

void join_at_once(DeviceState& device) {
  // Without the thread nobody would see a lease end or open the gate: then there is no session.
  if (start_keeper()) {
    join(machine, device);
  } else {
    log_debug("no thread can be started: not managed");
  }
}

bool still_connected(DeviceState& device) {
  FileIdentity file;
  if (device.socket < 0 || !identify(device.socket, &file) || !(file == device.socket_file)) {
    device.socket = -1;  // the application closed it, and perhaps uses its number
    return false;
  }
  char byte = 0;
  const ssize_t got = recv(device.socket, &byte, 1, MSG_DONTWAIT | MSG_PEEK);
  return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

bool send_notice(DeviceState& device) {
  FileIdentity file;
  if (device.socket < 0 || !identify(device.socket, &file) || !(file == device.socket_file)) {
    return true;  // nobody to tell: the next look ends the session
  }
  const wire::Notice notice{.magic = wire::kNoticeMagic};
  return send(device.socket, &notice, sizeof notice, MSG_NOSIGNAL | MSG_DONTWAIT) == sizeof notice;
}

void disconnect(DeviceState& device) {
  FileIdentity file;
  if (device.socket >= 0 && identify(device.socket, &file) && file == device.socket_file) {
    close(device.socket);
  }
  device.socket = -1;
}

void leave_after_fork(Machine& from) {
  for (int ordinal = 0; ordinal < kMaxDevices; ++ordinal) {
    if (DeviceState* device = from.of_device(ordinal)) {
      disconnect(*device);
    }
  }
  joins.store(0, std::memory_order_relaxed);
}

}  // namespace corun::shim
