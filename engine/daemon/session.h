// One process of a workload on this GPU: its page, and the orders that are in force for it.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/fd.h"
#include "core/result.h"
#include "core/wire/join.h"
#include "engine/daemon/gates.h"
#include "engine/daemon/join.h"
#include "engine/daemon/readings.h"
#include "engine/daemon/shared_page.h"
#include "engine/daemon/waits.h"

namespace corun::daemon {

/// What the daemon wants of a session. Kept here: the page itself may be scribbled over.
struct SessionOrders {
  uint32_t slice_us = 0;
  uint32_t armed = 0;
  uint32_t wait_every_us = 0;
  int gate = -1;
  uint32_t linger_us = 0;
  uint32_t regain_us = 0;
  bool hold = false;
  uint32_t close_permille = 1000;
  bool turn_open = true;
  uint64_t memory_limit_bytes = 0;
  uint64_t memory_room_bytes = 0;
  uint32_t memory_wait_ms = 0;  ///< UINT32_MAX: until it is answered
  uint32_t memory_answer = 0;   ///< as wire::Orders::memory_answer
};

/// What accounting has seen of a session.
struct SessionBook {
  WaitTime waits;
  Nanos gate_closed{};                  ///< at the last tick
  std::optional<Instant> turn_since{};  ///< its turn began then
};

class Session {
 public:
  static Result<std::unique_ptr<Session>> create(policy::SessionId id, Peer peer,
                                                 const JoinAsk& ask, uint64_t memory_bytes,
                                                 Instant now);

  policy::SessionId id() const { return id_; }
  const Peer& peer() const { return peer_; }
  const std::string& program() const { return program_; }
  /// Key into policy::State::workloads.
  const std::string& workload() const { return workload_; }

  SessionOrders& orders() { return orders_; }
  const SessionOrders& orders() const { return orders_; }
  /// Writes the orders into the page, and wakes the workload's thread unless only its turn or its
  /// share of closing bursts changed, which its launch path and its GPU read by themselves.
  void publish(bool wake);
  /// From the moment on at which it is to be parked until it runs again: its streams wait for
  /// nothing, whatever the orders say, and its calls wait in the shim.
  void hold_calls(bool held);
  bool calls_held() const { return calls_held_; }
  /// Whether its calls are held and none is inside of the driver that must not be there.
  bool ready_to_park() const;
  void renew_lease(Instant until);
  /// Orders for the time after the daemon: default slice, nothing closed, `leave`.
  void send_away(uint32_t how);
  /// Whether the workload has carried out the last orders.
  bool orders_seen() const;

  CounterReader& counters() { return reader_; }
  const CounterReader& counters() const { return reader_; }
  void read_counters(Instant now);
  SessionBook& book() { return book_; }
  const SessionBook& book() const { return book_; }

  /// Descriptors for the reply to its request, in the order of core/wire/join.h. Which gates it may
  /// write: the one it holds; all of them if it cannot map read-only memory and `trusted`.
  Result<std::vector<Fd>> descriptors(const GatePages& gates, bool trusted);
  /// Whether it holds descriptors that do not let it close the gate of its orders.
  bool lacks_gate() const;

 private:
  Session(policy::SessionId id, Peer peer, const JoinAsk& ask, SharedPage memory, Instant now,
          uint64_t memory_bytes);

  policy::SessionId id_;
  Peer peer_;
  std::string program_;
  std::string workload_;
  bool read_only_gates_;
  SharedPage memory_;
  wire::SessionPage* page_;
  SessionOrders orders_;
  bool calls_held_ = false;
  uint32_t sequence_ = 0;
  uint32_t park_sequence_ = 0;
  CounterReader reader_;
  SessionBook book_;
  bool welcomed_ = false;  ///< descriptors() was called
  std::array<bool, wire::kMaxGates> writable_{};
};

/// "<uid>/<name>".
std::string workload_key(uid_t user, std::string_view name);

}  // namespace corun::daemon
