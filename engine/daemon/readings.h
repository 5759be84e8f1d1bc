// Reading what a workload writes into its page. The workload may write anything at any time: every
// value is read once, may only grow, and is bounded by what is physically possible, so that a
// workload that lies spoils its own figures and nothing else.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "core/clock.h"
#include "core/wire/session_page.h"
#include "engine/daemon/burst_lengths.h"
#include "engine/policy/policy.h"

namespace corun::daemon {

/// Counts of one session, or of all that a workload has had.
struct Totals {
  uint64_t launches = 0;
  uint64_t graph_launches = 0;
  uint64_t copies = 0;
  uint64_t synchronisations = 0;
  uint64_t gate_waits = 0;
  uint64_t bursts = 0;
  uint64_t gate_closures = 0;
  uint64_t holds = 0;
  uint64_t refusals = 0;
  uint64_t preemptions = 0;
  uint64_t slice_sets = 0;
  uint64_t slice_errors = 0;
  uint64_t other_calls = 0;
  uint64_t held_calls = 0;
  uint64_t memory_waits = 0;
  Nanos gpu_time{};     ///< estimated
  Nanos gate_closed{};  ///< its gate, by itself
  BurstLengths burst_lengths;

  Totals& operator+=(const Totals& other);
};

class CounterReader {
 public:
  /// `memory_bytes`: the GPU's memory, the bound of a believable figure.
  CounterReader(Instant joined, uint64_t memory_bytes)
      : joined_(joined), memory_bound_(memory_bytes) {}

  /// Takes in the counters at `now`.
  void read(const wire::Counters& counters,
            const std::atomic<uint32_t> (&burst_us)[wire::kBurstRing], Instant now);

  void read(const wire::Waits& waits);

  const Totals& totals() const { return totals_; }
  uint64_t memory_bytes() const { return memory_bytes_; }
  uint64_t memory_peak_bytes() const { return memory_peak_; }
  uint32_t flags() const { return flags_; }
  uint32_t linger_us() const { return linger_us_; }
  uint64_t held_calls() const { return totals_.held_calls; }
  uint32_t contexts() const { return contexts_; }
  Instant heartbeat() const { return heartbeat_; }
  /// The last bursts, at most kBurstRing, in no order.
  const std::vector<uint32_t>& recent_bursts_us() const { return recent_us_; }
  /// For the policy: what is new since the last call.
  policy::SessionReading take();

 private:
  void read_bursts(uint32_t index, const std::atomic<uint32_t> (&burst_us)[wire::kBurstRing]);

  Instant joined_;
  uint64_t memory_bound_;
  Totals totals_;
  uint64_t memory_bytes_ = 0;
  uint64_t memory_peak_ = 0;
  uint32_t channel_groups_ = 0;
  uint32_t longest_kernel_us_ = 0;
  uint32_t contexts_ = 0;
  uint32_t flags_ = 0;
  uint32_t linger_us_ = 0;
  uint64_t wanted_bytes_ = 0;
  uint32_t memory_asks_ = 0;
  Instant heartbeat_;
  uint32_t burst_index_ = 0;
  std::vector<Nanos> new_bursts_;
  std::vector<uint32_t> recent_us_;
  size_t recent_next_ = 0;
};

}  // namespace corun::daemon
