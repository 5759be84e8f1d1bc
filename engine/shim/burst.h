// The latency-critical side of the gate protocol (docs/adr/0005-gate-protocol.md): bursts of one
// session on one device, and the gate around them. No I/O and no clock: time comes as an argument.
//
//            launch            all streams drained         linger over
//   kIdle ----------> kBursting -----------------> kLingering ----------> kIdle
//     gate open         gate closed     ^             |  gate still closed
//                                       +-- launch ---+
//
// The gate is closed before the launch that begins a burst reaches the driver, and opened by the
// processor only; the GPU never writes the word, so no late write of an old burst can open it.
#pragma once

#include <atomic>
#include <cstdint>

#include "engine/shim/gaps.h"
#include "engine/shim/hold.h"
#include "engine/shim/lock.h"
#include "engine/shim/pages.h"
#include "engine/shim/streams.h"

namespace corun::shim {

class Burst {
 public:
  enum Phase : uint32_t {
    kIdle,
    kBursting,
    kLingering,
    kWorking,  ///< work of a session whose bursts do not count: only whether it has any is told
  };

  Phase phase() const { return phase_.load(std::memory_order_seq_cst); }
  /// It has work that is not known to be finished.
  bool active() const {
    const Phase now = phase();
    return now == kBursting || now == kWorking;
  }
  /// When what is active() began, CLOCK_MONOTONIC ns.
  uint64_t begun_ns() const { return begun_ns_.load(std::memory_order_relaxed); }
  /// A launch has nothing to begin.
  bool goes_on(bool counted) const { return counted ? phase() == kBursting : active(); }

  /// A launch is about to happen and none goes_on(). True if this call began one. The caller has
  /// raised `begun` of the launch's stream before it looked at the phase. `counted`: it closes the
  /// gate, its length is told and learned from; else nothing is known of it but that there is work.
  bool begin(Pages& pages, uint64_t now_ns, bool counted);

  /// A launch that is no mere copy is about to happen, and has raised `begun`.
  static void note_computing(Pages& pages) {
    std::atomic<uint32_t>& flags = pages.session->counters.flags;
    if ((flags.load(std::memory_order_relaxed) & wire::kFlagComputing) == 0) {
      flags.fetch_or(wire::kFlagComputing, std::memory_order_relaxed);
    }
  }

  /// Called when work may have finished: ends the burst if all streams are idle. With no linger the
  /// gate opens at once; otherwise due_ns() tells when to call tick(). True if the burst ended.
  bool end_if_drained(const Streams& streams, uint64_t now_ns);

  /// When the lingering gate is to be opened, CLOCK_MONOTONIC ns; 0: nothing lingers.
  uint64_t due_ns() const {
    return phase() == kLingering ? due_ns_.load(std::memory_order_relaxed) : 0;
  }
  /// Opens the gate if its linger is over. True if it did.
  bool tick(const Streams& streams, uint64_t now_ns);

  /// The session's orders are void: the gate opens now.
  void abandon(uint64_t now_ns);
  /// The process ends: the gate opens now, and no later burst closes one. Returns in any case after
  /// `patience_ns`.
  void retire(uint64_t patience_ns);

  /// What keeps the GPU through the burst and its linger, where the session is ordered to.
  Hold& hold() { return hold_; }
  /// Application's thread, after begin(): the GPU is to be held from hold_due_ns() on.
  void hold_later(ContextHandle context);
  /// When hold_if_due() wants to be called, CLOCK_MONOTONIC ns; 0: not for this burst.
  uint64_t hold_due_ns() const { return hold_due_ns_.load(std::memory_order_acquire); }
  /// Shim's thread: begins to hold the GPU if the present burst still goes on. True if it did.
  bool hold_if_due(const Driver& driver, uint64_t now_ns);

  void reset() { lock_.reset(); }

 private:
  void close(Pages& pages, uint64_t now_ns);
  void end(uint64_t now_ns, bool counted);
  uint32_t learn(uint64_t now_ns);
  uint32_t linger_us() const;
  void open(uint64_t now_ns);

  std::atomic<Phase> phase_{kIdle};
  std::atomic<uint64_t> due_ns_{0};
  std::atomic<bool> retired_{false};
  Lock lock_;
  // Guarded by lock_.
  Pages* pages_ = nullptr;  ///< of the present burst
  /// Null: this burst leaks. Atomic for retire(), which cannot always have the lock.
  std::atomic<wire::GatePage*> closed_gate_{nullptr};
  uint64_t closed_ns_ = 0;             ///< since when closed_gate_ has been closed
  std::atomic<uint64_t> begun_ns_{0};  ///< written with lock_
  uint64_t drained_ns_ = 0;            ///< end of the last burst; 0: none yet
  uint64_t linger_end_ns_ = 0;
  uint32_t permille_ = 0;
  Gaps gaps_;
  Hold hold_;
  std::atomic<uint64_t> hold_due_ns_{0};
  uint64_t typical_ns_ = 0;  ///< of a burst, a moving mean
  uint32_t known_ = 0;       ///< bursts in it, up to kHoldAfterBursts
};

}  // namespace corun::shim
