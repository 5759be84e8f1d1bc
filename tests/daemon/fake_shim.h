// What libcorun.so does to join, without a GPU: for tests of the daemon.
#pragma once

#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/fd.h"
#include "core/wire/join.h"
#include "engine/client/run_dir.h"

namespace corun::testing {

inline wire::JoinRequest join_request(const std::string& name,
                                      wire::WorkloadClass cls = wire::WorkloadClass::kNormal) {
  wire::JoinRequest request{};
  request.magic = wire::kJoinMagic;
  request.version = wire::kWireVersion;
  request.bytes = sizeof request;
  request.flags = wire::kJoinReadOnlyGates;
  request.workload_class = cls;
  name.copy(request.workload, wire::kNameBytes - 1);
  std::string("fake").copy(request.program, wire::kNameBytes - 1);
  return request;
}

/// A session: connection, reply and mapped pages.
class FakeShim {
 public:
  /// Connects, sends `packet` and reads the reply (of status kRefused if there is none).
  static FakeShim join_with(const std::filesystem::path& socket, const void* packet, size_t size) {
    FakeShim shim;
    shim.reply_.status = wire::JoinStatus::kRefused;
    auto fd = client::connect_unix(socket, SOCK_SEQPACKET);
    if (!fd) return shim;
    shim.fd_ = std::move(fd).value();
    if (send(shim.fd_.get(), packet, size, MSG_NOSIGNAL) < 0) return shim;
    shim.receive();
    return shim;
  }
  static FakeShim join(const std::filesystem::path& socket, const wire::JoinRequest& request) {
    return join_with(socket, &request, sizeof request);
  }

  bool welcome() const { return page_ != nullptr; }
  const wire::JoinReply& reply() const { return reply_; }
  wire::SessionPage& page() { return *page_; }
  /// Null: the reply had none.
  wire::GatePage* gate(size_t i) { return gates_[i]; }
  bool may_write(size_t i) const { return writable_[i]; }
  int fd() const { return fd_.get(); }
  void leave() { fd_.reset(); }
  int page_descriptor() const { return descriptors_[0].get(); }

 private:
  void receive() {
    iovec part{&reply_, sizeof reply_};
    alignas(cmsghdr) char control[CMSG_SPACE(16 * sizeof(int))] = {};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    if (recvmsg(fd_.get(), &message, MSG_CMSG_CLOEXEC) != sizeof reply_) return;
    const cmsghdr* header = CMSG_FIRSTHDR(&message);
    if (header == nullptr || header->cmsg_type != SCM_RIGHTS) return;
    const size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int one = -1;
      std::memcpy(&one, CMSG_DATA(header) + i * sizeof one, sizeof one);
      descriptors_.emplace_back(one);
    }
    if (count != static_cast<size_t>(wire::kJoinDescriptors)) return;
    page_ = static_cast<wire::SessionPage*>(map(0, true));
    for (size_t i = 0; i < gates_.size(); ++i) {
      void* memory = map(i + 1, true);
      writable_[i] = memory != nullptr;
      if (memory == nullptr) memory = map(i + 1, false);
      gates_[i] = static_cast<wire::GatePage*>(memory);
    }
  }
  void* map(size_t i, bool write) const {
    void* memory = mmap(nullptr, wire::kPageBytes, write ? PROT_READ | PROT_WRITE : PROT_READ,
                        MAP_SHARED, descriptors_[i].get(), 0);
    return memory == MAP_FAILED ? nullptr : memory;
  }

  Fd fd_;
  wire::JoinReply reply_{};
  std::vector<Fd> descriptors_;
  wire::SessionPage* page_ = nullptr;  // stays mapped until the process ends
  std::array<wire::GatePage*, wire::kMaxGates> gates_{};
  std::array<bool, wire::kMaxGates> writable_{};
};

}  // namespace corun::testing
