// What the shim knows of one device's streams: how much work was put on each, how much of it is
// known to be finished, and how much was put there since it last waited for the gates.
//
// `begun` rises before the driver is called and `submitted` after, so a synchronisation that saw
// `submitted` work covers exactly that, whatever other threads do meanwhile.
#pragma once

#include <atomic>
#include <cstdint>

#include "engine/shim/abi.h"
#include "engine/shim/settings.h"

namespace corun::shim {

struct StreamState {
  std::atomic<uint64_t> key{0};  ///< 0: free
  std::atomic<StreamHandle> stream{nullptr};
  std::atomic<ContextHandle> context{nullptr};
  std::atomic<uint64_t> begun{0};
  std::atomic<uint64_t> submitted{0};
  std::atomic<uint64_t> drained{0};
  std::atomic<uint32_t> waited_mask{0};    ///< gates that were armed at the last wait
  std::atomic<uint64_t> since_wait_ns{0};  ///< estimated work since then
  bool idle() const {
    return begun.load(std::memory_order_seq_cst) == drained.load(std::memory_order_seq_cst);
  }
  void drained_up_to(uint64_t count) {
    uint64_t known = drained.load(std::memory_order_relaxed);
    while (known < count &&
           !drained.compare_exchange_weak(known, count, std::memory_order_seq_cst)) {
    }
  }
};

class Streams {
 public:
  /// The state of a stream, made where there is none; null when the table is full. `key` is never
  /// 0.
  StreamState* find(uint64_t key, StreamHandle stream, ContextHandle context) {
    StreamState* known = lookup(key);
    return known != nullptr ? known : insert(key, stream, context);
  }

  StreamState* lookup(uint64_t key) {
    for (int step = 0; step < kProbes; ++step) {
      StreamState& state = states_[(hash(key) + static_cast<uint64_t>(step)) % kMaxStreams];
      if (state.key.load(std::memory_order_acquire) == key) {
        return &state;
      }
    }
    return nullptr;
  }

  /// Whether all work of all streams is known to be finished.
  bool all_idle() const {
    for (const StreamState& state : states_) {
      if (state.key.load(std::memory_order_acquire) != 0 && !state.idle()) {
        return false;
      }
    }
    return true;
  }

  /// Sum of work ever begun: stands still while the application is quiet.
  uint64_t begun() const {
    uint64_t sum = 0;
    for (const StreamState& state : states_) {
      sum += state.begun.load(std::memory_order_relaxed);
    }
    return sum;
  }

  template <class Each>
  void for_each(Each each) {
    for (StreamState& state : states_) {
      if (state.key.load(std::memory_order_acquire) != 0) {
        each(state);
      }
    }
  }

  void forget(StreamState& state) {
    state.drained_up_to(state.begun.load(std::memory_order_relaxed));
    state.key.store(0, std::memory_order_release);
  }

 private:
  static constexpr int kProbes = 16;
  static constexpr uint64_t kBeingMade = ~uint64_t{0};
  static uint64_t hash(uint64_t key) { return (key * 0x9E3779B97F4A7C15U) >> 40; }

  StreamState* insert(uint64_t key, StreamHandle stream, ContextHandle context) {
    for (int step = 0; step < kProbes; ++step) {
      StreamState& state = states_[(hash(key) + static_cast<uint64_t>(step)) % kMaxStreams];
      uint64_t free = 0;
      if (!state.key.compare_exchange_strong(free, kBeingMade, std::memory_order_acq_rel)) {
        continue;
      }
      state.stream.store(stream, std::memory_order_relaxed);
      state.context.store(context, std::memory_order_relaxed);
      state.drained.store(state.begun.load(std::memory_order_relaxed), std::memory_order_relaxed);
      state.submitted.store(state.begun.load(std::memory_order_relaxed), std::memory_order_relaxed);
      state.waited_mask.store(0, std::memory_order_relaxed);
      state.since_wait_ns.store(0, std::memory_order_relaxed);
      state.key.store(key, std::memory_order_release);
      return &state;
    }
    return nullptr;
  }

  StreamState states_[kMaxStreams];
};

}  // namespace corun::shim
