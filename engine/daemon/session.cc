#include "engine/daemon/session.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstring>

namespace corun::daemon {

namespace {

/// Wakes the workload's thread, in another process: a shared futex.
void wake(const std::atomic<uint32_t>& word) {
  syscall(SYS_futex, &word, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

}  // namespace

std::string workload_key(uid_t user, std::string_view name) {
  policy::Workload workload;
  workload.name = name;
  workload.user = user;
  return policy::workload_key(workload);
}

Result<std::unique_ptr<Session>> Session::create(policy::SessionId id, Peer peer,
                                                 const JoinAsk& ask, uint64_t memory_bytes,
                                                 Instant now) {
  CORUN_ASSIGN(SharedPage memory, SharedPage::create("corun-session"));
  return std::unique_ptr<Session>(new Session(id, peer, ask, std::move(memory), now, memory_bytes));
}

Session::Session(policy::SessionId id, Peer peer, const JoinAsk& ask, SharedPage memory,
                 Instant now, uint64_t memory_bytes)
    : id_(id),
      peer_(peer),
      program_(ask.program),
      workload_(workload_key(peer.user, ask.workload.name)),
      read_only_gates_(ask.read_only_gates),
      memory_(std::move(memory)),
      page_(memory_.construct<wire::SessionPage>()),
      reader_(now, memory_bytes) {
  page_->magic = wire::kSessionMagic;
  page_->version = wire::kWireVersion;
  page_->session = id;
  publish(false);
}

void Session::publish(bool wake_it) {
  constexpr auto kRelaxed = std::memory_order_relaxed;
  wire::HotOrders& hot = page_->hot;
  hot.wait_every_us.store(orders_.wait_every_us, kRelaxed);
  hot.close_permille.store(orders_.close_permille, kRelaxed);
  hot.linger_us.store(orders_.linger_us, kRelaxed);
  hot.regain_us.store(orders_.regain_us, kRelaxed);
  hot.hold.store(orders_.hold && !calls_held_ ? 1 : 0, kRelaxed);
  hot.gate.store(calls_held_ ? -1 : orders_.gate, kRelaxed);
  page_->orders.park_sequence.store(park_sequence_, kRelaxed);
  const uint32_t armed = calls_held_ ? wire::kArmedParked : orders_.armed & ~wire::kArmedParked;
  const uint32_t before = hot.armed.exchange(armed, std::memory_order_seq_cst);
  const bool open = calls_held_ || orders_.turn_open;
  page_->turn.word.store(open ? wire::kOpen : wire::kClosed, std::memory_order_release);
  page_->orders.slice_us.store(orders_.slice_us, kRelaxed);
  page_->orders.memory_limit_bytes.store(orders_.memory_limit_bytes, kRelaxed);
  page_->orders.memory_room_bytes.store(orders_.memory_room_bytes, kRelaxed);
  page_->orders.memory_wait_ms.store(orders_.memory_wait_ms, kRelaxed);
  const uint32_t answer =
      page_->orders.memory_answer.exchange(orders_.memory_answer, std::memory_order_release);
  if (answer != orders_.memory_answer) wake(page_->orders.memory_answer);
  if ((before & ~armed & wire::kArmedParked) != 0) wake(hot.armed);
  if (!wake_it) return;
  page_->orders.sequence.store(++sequence_, std::memory_order_release);
  wake(page_->orders.sequence);
}

void Session::hold_calls(bool held) {
  if (held && !calls_held_) ++park_sequence_;
  calls_held_ = held;
  publish(true);
}

bool Session::ready_to_park() const {
  return calls_held_ && page_->waits.park_ready.load(std::memory_order_acquire) == park_sequence_;
}

void Session::renew_lease(Instant until) {
  page_->orders.lease_until_ns.store(static_cast<uint64_t>(until.ns), std::memory_order_release);
}

void Session::send_away(uint32_t how) {
  const uint64_t limit = orders_.memory_limit_bytes;
  const uint32_t answer = orders_.memory_answer;
  orders_ = {};
  orders_.slice_us = wire::kDefaultSliceUs;
  orders_.memory_limit_bytes = limit;
  orders_.memory_answer = answer;
  page_->orders.leave.store(how, std::memory_order_release);
  publish(true);
}

bool Session::orders_seen() const {
  return page_->counters.orders_seen.load(std::memory_order_acquire) == sequence_;
}

void Session::read_counters(Instant now) {
  reader_.read(page_->counters, page_->burst_us, now);
  reader_.read(page_->waits);
}

Result<std::vector<Fd>> Session::descriptors(const GatePages& gates, bool trusted) {
  std::vector<Fd> all;
  const auto lend = [&all](int fd) -> Status {
    Fd copy(fcntl(fd, F_DUPFD_CLOEXEC, 0));
    if (!copy) return failed(std::string("cannot copy a descriptor: ") + std::strerror(errno));
    all.push_back(std::move(copy));
    return {};
  };
  CORUN_TRY(lend(memory_.descriptor()));
  for (size_t gate = 0; gate < writable_.size(); ++gate) {
    writable_[gate] = orders_.gate == static_cast<int>(gate) || (!read_only_gates_ && trusted);
    if (writable_[gate]) {
      CORUN_TRY(lend(gates.memory(gate).descriptor()));
    } else {
      CORUN_ASSIGN(Fd fd, gates.memory(gate).read_only());
      all.push_back(std::move(fd));
    }
  }
  memory_.close_descriptor();
  welcomed_ = true;
  return all;
}

bool Session::lacks_gate() const {
  return welcomed_ && orders_.gate >= 0 && !writable_[static_cast<size_t>(orders_.gate)];
}

}  // namespace corun::daemon
