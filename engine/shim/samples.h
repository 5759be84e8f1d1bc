// Pairs of timing events around a few launches, from a pool of fixed size. Nobody ever waits for
// one: later operations look whether a pair has finished. Lock-free; each pair has one owner at a
// time, given by its state.
#pragma once

#include <atomic>
#include <cstdint>

#include "engine/shim/driver.h"
#include "engine/shim/estimates.h"

namespace corun::shim {

class Samples {
 public:
  struct Pair {
    enum State : uint32_t { kFree, kOwned, kPending };
    std::atomic<State> state{kFree};
    EventHandle start = nullptr;
    EventHandle stop = nullptr;
    ContextHandle context = nullptr;  ///< of the events
    Estimates::Entry* entry = nullptr;
  };

  /// Records the first event; null when no pair is to be had. The caller's context is `context`.
  Pair* start(const Driver& driver, ContextHandle context, StreamHandle stream,
              Estimates::Entry* entry);
  /// Records the second, behind the launch.
  void stop(const Driver& driver, Pair* pair, StreamHandle stream, bool launched);
  /// Learns from pairs that have finished; looks at a few of them.
  void harvest(const Driver& driver);
  bool any_pending() const { return pending_.load(std::memory_order_relaxed) > 0; }
  /// The context's events are gone.
  void forget_context(ContextHandle context);
  /// In the child of a fork.
  void reset();

 private:
  static constexpr int kPairs = 32;
  bool prepare(const Driver& driver, Pair& pair, ContextHandle context);

  Pair pairs_[kPairs];
  std::atomic<int> pending_{0};
  std::atomic<uint32_t> next_{0};
};

}  // namespace corun::shim
