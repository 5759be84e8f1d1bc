// The executable graphs of a session that may have to wait for gates, and for each the second
// executable that waits between segments (docs/adr/0008-graphs-under-the-gate.md).
//
// The application's executable is never touched. A clone of its graph is kept from the
// instantiation on; the first launch while gates are armed makes the second executable from it, and
// each launch picks one. A book of entries: the state machine (graph_work.cc) works on an entry
// that it has claimed.
#pragma once

#include <atomic>
#include <cstdint>

#include "engine/shim/graph_segments.h"
#include "engine/shim/lock.h"
#include "engine/shim/pages.h"

namespace corun::shim {

class Graphs {
 public:
  struct Entry {
    GraphExecHandle exec = nullptr;  ///< the application's
    Entry* next = nullptr;           ///< guarded by the book's lock, as the next one
    bool claimed = false;

    GraphHandle source = nullptr;  ///< the clone; null: gated whole
    bool lost = false;             ///< and never made again
    unsigned long long flags = 0;  ///< for the second executable
    bool unmeasured = false;       ///< no cuts before the graph was measured
    bool cut = false;              ///< the clone has its waits
    Waits waits;
    GraphExecHandle segmented = nullptr;
    // What `segmented` waits for.
    const Pages* pages = nullptr;
    uint32_t registrations = 0;
    uint32_t mask = 0;

    uint32_t updated_at = 0;  ///< launches of `exec` that were counted when it was updated
    /// Which of the two ran last. kUnseen: the application's own, with nothing armed.
    enum Last : uint8_t { kUnseen, kOwn, kSegmented } last = kUnseen;
    /// Recorded behind each launch while gates are armed: the driver orders the launches of one
    /// executable, so a change to the other one has to be ordered by this.
    EventHandle behind = nullptr;
    ContextHandle context = nullptr;  ///< of the event
  };

  /// A new entry, claimed; null: no memory.
  Entry* add(GraphExecHandle exec);
  /// The entry of an executable, for the caller alone; null: none, or another thread has it.
  Entry* claim(GraphExecHandle exec);
  void give_back(Entry* entry);
  /// As claim(), and out of the book.
  Entry* take(GraphExecHandle exec);

  /// Entries whose last launch is not kUnseen: launches look into the book although nothing is
  /// armed.
  bool any_seen() const { return seen_.load(std::memory_order_relaxed) != 0; }
  void set_last(Entry& entry, Entry::Last last);

  /// Gives up what an entry has besides the application's executable: it is gated whole.
  static void lose(const Driver& driver, Entry& entry);
  /// Frees a taken entry.
  void destroy(const Driver& driver, Entry* entry);
  /// The context's objects are gone.
  void forget_context(ContextHandle context);
  /// Forgets all, without the driver: in the child of a fork, and for tests.
  void reset();

 private:
  static constexpr size_t kBuckets = 1024;
  static size_t bucket(GraphExecHandle exec) {
    return (reinterpret_cast<uint64_t>(exec) * 0x9E3779B97F4A7C15U) >> 54;
  }
  static_assert(kBuckets == 1024, "bucket() gives 10 bits");
  Entry** find(GraphExecHandle exec);

  Lock lock_;
  Entry* buckets_[kBuckets] = {};  ///< guarded by lock_
  std::atomic<uint32_t> seen_{0};
};

}  // namespace corun::shim
