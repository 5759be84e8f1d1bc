// How long kernels run: a table of estimates by (function, grid, block, shared memory), learned
// from event pairs around a few launches. Lock-free and of fixed size; what does not fit stays
// unknown.
//
// A measurement is too long when other tenants' slices or the processor's own lateness fall into
// it, never too short; so a shorter one is believed at once and a longer one by a sixteenth.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "engine/shim/abi.h"
#include "engine/shim/settings.h"

namespace corun::shim {

class Estimates {
 public:
  struct Entry {
    std::atomic<uint64_t> key{0};
    std::atomic<uint32_t> ns{0};  ///< 0: never measured
    std::atomic<uint32_t> launches{0};

    uint32_t estimate_ns() const {
      const uint32_t known = ns.load(std::memory_order_relaxed);
      return known == 0 ? kUnknownNs : known;
    }
    /// Counts a launch; whether to measure this one. Not the first: it may load the module. Two
    /// threads may count as one, which moves a sample by a launch.
    bool count_launch() {
      const uint32_t before = launches.load(std::memory_order_relaxed);
      launches.store(before + 1, std::memory_order_relaxed);
      return before == 1 || before == 2 || before == 8 ||
             (before & (kSampleEvery - 1)) == kSampleEvery - 1;
    }
    void learn(uint64_t measured_ns) {
      const uint32_t old = ns.load(std::memory_order_relaxed);
      const auto fresh = static_cast<uint32_t>(measured_ns == 0           ? 1
                                               : measured_ns > UINT32_MAX ? UINT32_MAX
                                                                          : measured_ns);
      const bool believed = old == 0 || fresh <= old;
      ns.store(believed ? fresh : old + (fresh - old) / 16, std::memory_order_relaxed);
    }
  };

  /// Key of a launch; never 0.
  static uint64_t key(const void* function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                      unsigned block_threads, unsigned shared_bytes) {
    uint64_t hash = reinterpret_cast<uint64_t>(function);
    hash = mix(hash ^ (uint64_t{grid_x} << 32 | grid_y));
    hash = mix(hash ^ (uint64_t{grid_z} << 48 ^ uint64_t{block_threads} << 24 ^ shared_bytes));
    return hash | 1;
  }

  /// Key of an executable graph.
  static uint64_t key(const cuda::GraphExecHandle graph) { return key(graph, 0, 0, 0, 0, 0); }

  /// The entry of a key, made where there is none; null when its neighbourhood is full.
  Entry* find(uint64_t key) {
    for (size_t step = 0; step < kProbes; ++step) {
      Entry& entry = entries_[((key >> 8) + step) & (kEntries - 1)];
      uint64_t found = entry.key.load(std::memory_order_relaxed);
      if (found == key) {
        return &entry;
      }
      if (found == 0 && entry.key.compare_exchange_strong(found, key, std::memory_order_relaxed)) {
        return &entry;
      }
      if (found == key) {
        return &entry;
      }
    }
    return nullptr;
  }

  /// The key means something new: a handle was given out again.
  void renew(uint64_t key) {
    if (auto* entry = const_cast<Entry*>(lookup(key))) {
      entry->ns.store(0, std::memory_order_relaxed);
      entry->launches.store(0, std::memory_order_relaxed);
    }
  }

  /// What is known under a key, without making an entry; null: nothing.
  const Entry* lookup(uint64_t key) const {
    for (size_t step = 0; step < kProbes; ++step) {
      const Entry& entry = entries_[((key >> 8) + step) & (kEntries - 1)];
      if (entry.key.load(std::memory_order_relaxed) == key) {
        return &entry;
      }
    }
    return nullptr;
  }

  /// The longest of the kernels that were launched often and measured, ns; 0: none was.
  uint32_t longest_ns() const {
    uint32_t longest = 0;
    for (const Entry& entry : entries_) {
      const uint32_t ns = entry.ns.load(std::memory_order_relaxed);
      if (ns > longest && entry.launches.load(std::memory_order_relaxed) >= kOften) {
        longest = ns;
      }
    }
    return longest;
  }

 private:
  /// Fewer launches may have been a library's search for its fastest kernel.
  static constexpr uint32_t kOften = 32;
  static constexpr size_t kEntries = 4096;
  static constexpr size_t kProbes = 8;

  static uint64_t mix(uint64_t value) {
    value *= 0x9E3779B97F4A7C15U;
    return value ^ (value >> 29);
  }

  Entry entries_[kEntries];
};

}  // namespace corun::shim
