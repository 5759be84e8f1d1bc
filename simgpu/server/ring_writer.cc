#include "simgpu/server/ring_writer.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstring>
#include <new>
#include <string>
#include <utility>

namespace corun::simgpu {

Result<RingWriter> RingWriter::create() {
  RingWriter writer;
  writer.memory_ = Fd(memfd_create("corun-simgpu-ring", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  const auto broken = [] {
    return failed(std::string("cannot make a completion ring: ") + std::strerror(errno));
  };
  if (!writer.memory_ || ftruncate(writer.memory_.get(), sizeof(wire::Ring)) != 0) return broken();
  if (fcntl(writer.memory_.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    return broken();
  }
  void* address = mmap(nullptr, sizeof(wire::Ring), PROT_READ | PROT_WRITE, MAP_SHARED,
                       writer.memory_.get(), 0);
  if (address == MAP_FAILED) return broken();
  writer.ring_ = new (address) wire::Ring{};
  return writer;
}

RingWriter::RingWriter(RingWriter&& other) noexcept
    : memory_(std::move(other.memory_)),
      ring_(std::exchange(other.ring_, nullptr)),
      head_(other.head_),
      published_(other.published_) {}

RingWriter& RingWriter::operator=(RingWriter&& other) noexcept {
  std::swap(memory_, other.memory_);
  std::swap(ring_, other.ring_);
  std::swap(head_, other.head_);
  std::swap(published_, other.published_);
  return *this;
}

RingWriter::~RingWriter() {
  if (ring_ != nullptr) munmap(ring_, sizeof(wire::Ring));
}

bool RingWriter::push(const wire::Completion& record) {
  const uint32_t unread = head_ - ring_->tail.load(std::memory_order_acquire);
  if (unread >= wire::kRingRecords) return false;
  ring_->records[head_ % wire::kRingRecords] = record;
  ++head_;
  return true;
}

void RingWriter::set_hold(wire::Hold hold) {
  ring_->hold.store(hold, std::memory_order_seq_cst);
  syscall(SYS_futex, &ring_->hold, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

void RingWriter::publish() {
  if (published_ == head_) return;
  published_ = head_;
  ring_->head.store(head_, std::memory_order_seq_cst);
  if (ring_->waiters.load(std::memory_order_seq_cst) != 0) {
    syscall(SYS_futex, &ring_->head, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
  }
}

}  // namespace corun::simgpu
