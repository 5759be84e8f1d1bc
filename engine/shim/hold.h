// A latency-critical session keeps the GPU between its bursts: one thread of one block that runs
// in the session's own context, in a stream of its own, until the processor says so.
//
// Problem: the GPU gives itself to another channel group as soon as a group has no work. Between a
// request's answer and the launch of the next queued one a server's group is idle for some tens of
// us, so each queued request pays two switches of 0.18 ms (measured, docs/adr/0006): the tail of
// the latency. A closed gate does not help where the other group's kernel was preempted: it comes
// back by itself.
//
// A running kernel alone does not keep the GPU: the host's scheduler looks at what is left to fetch
// of a group's channels, decides for the next group when nothing is, and switches when the engine
// is idle. What the group launches meanwhile waits behind the other group's turn, so a lone kernel
// held up the very requests that it was for until it ended (0.8 to 4.3 ms instead of 0.55, measured
// on an H100, results/h100/hold-probe). With anything queued behind the kernel in its stream, here
// a write of a word, the group is never done: the next request takes 0.55 ms, as alone.
//
// It ends by itself when nothing renewed it for its limit, by the GPU's own clock: an application
// that waits for its whole context inside of a burst waits for the limit at most. Calls that are
// known to do so release it first. Where it is found in the way again and again it rests.
#pragma once

#include <atomic>
#include <cstdint>

#include "core/wire/session_page.h"
#include "engine/shim/driver.h"

namespace corun::shim {

class Hold {
 public:
  enum State : uint32_t { kNone, kWanted, kReady, kImpossible };

  /// Application's thread: a burst began in `context`; where it is to be held, prepare() can begin.
  void want(ContextHandle context);
  /// Shim's thread: launches the kernel in the context that want() named. True if it did.
  bool start(const Driver& driver, uint64_t limit_ns);
  /// Application's thread, at a burst's begin: what runs goes on for another limit.
  void renew() {
    if (active()) {
      words_[1].fetch_add(1, std::memory_order_seq_cst);
    }
  }

  /// Any thread: the kernel ends within a us. Nothing happens if none runs.
  void release() {
    const uint32_t launched = launched_.load(std::memory_order_seq_cst);
    if (words_ != nullptr && released_.exchange(launched, std::memory_order_seq_cst) != launched) {
      words_[0].store(launched, std::memory_order_seq_cst);
    }
  }
  /// A kernel was launched and not released.
  bool active() const {
    return launched_.load(std::memory_order_seq_cst) != released_.load(std::memory_order_seq_cst);
  }
  /// A burst lasted `lasted_ns`: at least the limit means that the kernel was perhaps in its way.
  void judge(uint64_t lasted_ns);
  /// Bursts to come that are not held.
  bool rests() const { return rest_.load(std::memory_order_relaxed) > 0; }

  /// Shim's thread: makes what start() needs, in the context that last asked for it.
  void prepare(const Driver& driver);
  bool wanted() const { return state_.load(std::memory_order_acquire) == kWanted; }
  State state() const { return state_.load(std::memory_order_acquire); }
  void forget_context(ContextHandle context);
  /// In the child of a fork.
  void reset();
  /// When no driver is left that could write to it: tests end so, a program does not.
  void free_page();

 private:
  bool make(const Driver& driver);

  std::atomic<State> state_{kNone};
  std::atomic<ContextHandle> context_{nullptr};
  FunctionHandle function_ = nullptr;
  StreamHandle stream_ = nullptr;
  /// A page of its own, which outlives the program's contexts: the last ticket that is released, a
  /// count of renewals, and what is written behind the kernel.
  std::atomic<uint32_t>* words_ = nullptr;
  DevicePtr address_ = 0;
  std::atomic<uint32_t> launched_{0};
  std::atomic<uint32_t> released_{0};
  std::atomic<uint64_t> limit_ns_{0};  ///< of the last launch
  std::atomic<uint32_t> rest_{0};      ///< bursts to come without one
  std::atomic<uint32_t> strikes_{0};
};

}  // namespace corun::shim
