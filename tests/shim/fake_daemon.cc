#include "tests/shim/fake_daemon.h"

#include <linux/futex.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>
#include <cstring>
#include <new>

#include "tests/shim/workload.h"

namespace corun::shim::testing {

namespace {

uint64_t monotonic_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

void* make_page(size_t bytes, int* fd) {
  *fd = memfd_create("page", MFD_CLOEXEC);
  if (ftruncate(*fd, static_cast<off_t>(bytes)) != 0) {
    abort();
  }
  return mmap(nullptr, wire::kPageBytes, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
}

void send_reply(int fd, const wire::JoinReply& reply, const int* fds, size_t count) {
  iovec part = {.iov_base = const_cast<wire::JoinReply*>(&reply), .iov_len = sizeof reply};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * wire::kJoinDescriptors)] = {};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (count > 0) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int) * count);
    memcpy(CMSG_DATA(header), fds, sizeof(int) * count);
  }
  sendmsg(fd, &message, MSG_NOSIGNAL);
}

}  // namespace

FakeDaemon::FakeDaemon(Manner manner, const std::vector<std::string>& gpus) : manner_(manner) {
  char pattern[] = "/tmp/corun-shim-XXXXXX";
  folder_ = mkdtemp(pattern);
  for (const std::string& gpu : gpus) {
    std::filesystem::create_directories(folder_ + "/" + gpu);
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    const std::string path = folder_ + "/" + gpu + "/shim.sock";
    memcpy(address.sun_path, path.c_str(), path.size() + 1);
    const int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
        listen(listener, 8) != 0) {
      abort();
    }
    listeners_.push_back(listener);
  }
  thread_ = std::thread([this] { serve(); });
}

FakeDaemon::~FakeDaemon() {
  stop_ = true;
  thread_.join();
  for (const int fd : open_) {
    close(fd);
  }
  for (const int listener : listeners_) {
    close(listener);
  }
  std::filesystem::remove_all(folder_);
}

void FakeDaemon::hang_up() {
  const std::lock_guard lock(mutex_);
  for (const int fd : open_) {
    shutdown(fd, SHUT_RDWR);  // not closed: the thread may be answering on it
  }
}

void FakeDaemon::serve() {
  while (!stop_) {
    std::vector<pollfd> polled;
    for (const int listener : listeners_) {
      polled.push_back({.fd = listener, .events = POLLIN, .revents = 0});
    }
    poll(polled.data(), polled.size(), 20);
    for (const pollfd& one : polled) {
      if ((one.revents & POLLIN) == 0) {
        continue;
      }
      const int fd = accept4(one.fd, nullptr, nullptr, SOCK_CLOEXEC);
      ++connections_;
      {
        const std::lock_guard lock(mutex_);
        open_.push_back(fd);
      }
      answer(fd);
    }
  }
}

void FakeDaemon::answer(int fd) {
  wire::JoinRequest request = {};
  if (recv(fd, &request, sizeof request, 0) != sizeof request) {
    return;
  }
  wire::JoinReply reply = {.magic = wire::kJoinMagic,
                           .version = wire::kWireVersion,
                           .status = wire::JoinStatus::kWelcome,
                           .descriptors = 0,
                           .session = 0};
  const Manner manner = manner_;
  switch (manner) {
    case Manner::kHang:
      return;
    case Manner::kOtherVersion:
      reply.version = wire::kWireVersion + 1;
      reply.status = wire::JoinStatus::kVersion;
      send_reply(fd, reply, nullptr, 0);
      return;
    case Manner::kRefuse:
      reply.status = wire::JoinStatus::kRefused;
      send_reply(fd, reply, nullptr, 0);
      return;
    case Manner::kGarbage:
      send(fd, "what is this", 12, MSG_NOSIGNAL);
      return;
    case Manner::kClose:
      shutdown(fd, SHUT_RDWR);
      return;
    case Manner::kWelcome:
    case Manner::kFewDescriptors:
    case Manner::kShortPages:
    case Manner::kOtherPages:
      welcome(fd, request, manner);
  }
}

void FakeDaemon::welcome(int fd, const wire::JoinRequest& request, Manner manner) {
  int fds[wire::kJoinDescriptors];
  const size_t bytes = manner == Manner::kShortPages ? 100 : wire::kPageBytes;
  const uint32_t wrong = manner == Manner::kOtherPages ? 1 : 0;
  Session session = {};
  session.request = request;
  session.page = new (make_page(bytes, &fds[0])) wire::SessionPage;
  const uint64_t number = connections_;
  if (manner != Manner::kShortPages) {
    session.page->magic = wire::kSessionMagic + wrong;
    session.page->version = wire::kWireVersion;
    session.page->session = number;
    session.page->hot.gate = gate.load();
    session.page->hot.close_permille = 1000;
    session.page->hot.armed = armed.load();
    session.page->orders.memory_wait_ms = memory_wait_ms.load();
    session.page->orders.memory_limit_bytes = memory_limit.load();
    session.page->orders.slice_us = slice_us.load();
    session.page->orders.lease_until_ns = monotonic_ns() + lease_ns;
  }
  for (int i = 0; i < wire::kMaxGates; ++i) {
    session.gates[i] = static_cast<wire::GatePage*>(make_page(bytes, &fds[i + 1]));
    if (manner != Manner::kShortPages) {
      session.gates[i]->magic = wire::kGateMagic + wrong;
      session.gates[i]->version = wire::kWireVersion;
    }
  }
  const wire::JoinReply reply = {.magic = wire::kJoinMagic,
                                 .version = wire::kWireVersion,
                                 .status = wire::JoinStatus::kWelcome,
                                 .descriptors = wire::kJoinDescriptors,
                                 .session = number};
  {
    const std::lock_guard lock(mutex_);
    sessions_.push_back(session);  // before the reply: who has it may ask for the session
  }
  send_reply(fd, reply, fds, manner == Manner::kFewDescriptors ? 3 : wire::kJoinDescriptors);
  for (const int page : fds) {
    close(page);
  }
}

wire::SessionPage* FakeDaemon::session(size_t index) {
  wire::SessionPage* found = nullptr;
  eventually([&] {
    const std::lock_guard lock(mutex_);
    found = index < sessions_.size() ? sessions_[index].page : nullptr;
    return found != nullptr;
  });
  return found;
}

wire::GatePage* FakeDaemon::gate_page(size_t index, int number) {
  const std::lock_guard lock(mutex_);
  return sessions_.at(index).gates[number];
}

wire::JoinRequest FakeDaemon::request(size_t index) {
  const std::lock_guard lock(mutex_);
  return sessions_.at(index).request;
}

void FakeDaemon::wake(wire::SessionPage& page) {
  ++page.orders.sequence;
  syscall(SYS_futex, &page.orders.sequence, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

void FakeDaemon::set_parked(wire::SessionPage& page, bool parked) {
  if (parked) ++page.orders.park_sequence;
  page.hot.armed = parked ? wire::kArmedParked : 0;
  wake(page);
  syscall(SYS_futex, &page.hot.armed, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

void FakeDaemon::answer_memory(wire::SessionPage& page, bool try_again) {
  page.orders.memory_answer = page.waits.memory_asks * 2 + (try_again ? 1 : 0);
  syscall(SYS_futex, &page.orders.memory_answer, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

size_t FakeDaemon::notices() {
  const std::lock_guard lock(mutex_);
  size_t count = 0;
  for (const int fd : open_) {
    wire::Notice notice[2] = {};
    for (ssize_t n = 0; (n = recv(fd, &notice, sizeof notice, MSG_DONTWAIT)) > 0;) {
      const bool good = n == sizeof notice[0] && notice[0].magic == wire::kNoticeMagic;
      count += good ? 1 : 1000;
    }
  }
  return count;
}

}  // namespace corun::shim::testing
