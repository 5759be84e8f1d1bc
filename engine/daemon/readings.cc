#include "engine/daemon/readings.h"

#include <algorithm>
#include <utility>

namespace corun::daemon {

namespace {

constexpr uint32_t kMaxBurstUs = 60'000'000;  // the daemon opens gates long before
constexpr uint32_t kMaxLingerUs = 1'000'000;
constexpr uint32_t kMaxChannelGroups = 4096;
constexpr uint32_t kMaxContexts = 256;

/// A count that may only grow.
void follow(uint64_t& known, const std::atomic<uint64_t>& told) {
  known = std::max(known, told.load(std::memory_order_relaxed));
}

}  // namespace

Totals& Totals::operator+=(const Totals& other) {
  launches += other.launches;
  graph_launches += other.graph_launches;
  copies += other.copies;
  synchronisations += other.synchronisations;
  gate_waits += other.gate_waits;
  bursts += other.bursts;
  gate_closures += other.gate_closures;
  holds += other.holds;
  refusals += other.refusals;
  preemptions += other.preemptions;
  slice_sets += other.slice_sets;
  slice_errors += other.slice_errors;
  other_calls += other.other_calls;
  held_calls += other.held_calls;
  memory_waits += other.memory_waits;
  gpu_time += other.gpu_time;
  gate_closed += other.gate_closed;
  burst_lengths += other.burst_lengths;
  return *this;
}

void CounterReader::read(const wire::Counters& counters,
                         const std::atomic<uint32_t> (&burst_us)[wire::kBurstRing], Instant now) {
  follow(totals_.launches, counters.launches);
  follow(totals_.graph_launches, counters.graph_launches);
  follow(totals_.copies, counters.copies);
  follow(totals_.synchronisations, counters.synchronisations);
  follow(totals_.gate_waits, counters.gate_waits);
  follow(totals_.bursts, counters.bursts);
  follow(totals_.gate_closures, counters.gate_closures);
  follow(totals_.holds, counters.holds);
  follow(totals_.refusals, counters.refusals);
  follow(totals_.preemptions, counters.preemptions);
  follow(totals_.slice_sets, counters.slice_sets);
  follow(totals_.slice_errors, counters.slice_errors);
  // A process cannot have used the GPU for longer than it was there, nor closed its gate.
  const auto bound = static_cast<uint64_t>(std::max<int64_t>(0, (now - joined_).count()));
  const auto follow_time = [bound](Nanos& known, const std::atomic<uint64_t>& told) {
    const uint64_t ns = std::min(told.load(std::memory_order_relaxed), bound);
    known = std::max(known, Nanos(static_cast<int64_t>(ns)));
  };
  follow_time(totals_.gpu_time, counters.gpu_estimated_ns);
  follow_time(totals_.gate_closed, counters.gate_closed_ns);
  memory_bytes_ = std::min(counters.memory_bytes.load(std::memory_order_relaxed), memory_bound_);
  const uint64_t peak = counters.memory_peak_bytes.load(std::memory_order_relaxed);
  memory_peak_ = std::max({memory_peak_, memory_bytes_, std::min(peak, memory_bound_)});
  channel_groups_ =
      std::min(counters.channel_groups.load(std::memory_order_relaxed), kMaxChannelGroups);
  longest_kernel_us_ = counters.longest_kernel_us.load(std::memory_order_relaxed);
  contexts_ = std::min(counters.contexts.load(std::memory_order_relaxed), kMaxContexts);
  linger_us_ = std::min(counters.linger_us.load(std::memory_order_relaxed), kMaxLingerUs);
  flags_ = counters.flags.load(std::memory_order_relaxed);
  const uint64_t heartbeat = counters.heartbeat_ns.load(std::memory_order_relaxed);
  if (heartbeat <= static_cast<uint64_t>(now.ns)) {
    heartbeat_ = std::max(heartbeat_, Instant{static_cast<int64_t>(heartbeat)});
  }
  // Acquire: the entries before the index are written.
  read_bursts(counters.burst_index.load(std::memory_order_acquire), burst_us);
}

void CounterReader::read(const wire::Waits& waits) {
  follow(totals_.other_calls, waits.other_calls);
  follow(totals_.held_calls, waits.held_calls);
  // What is wanted is of the ask that was made before it.
  memory_asks_ = waits.memory_asks.load(std::memory_order_acquire);
  wanted_bytes_ = std::min(waits.wanted_bytes.load(std::memory_order_relaxed), memory_bound_);
  totals_.memory_waits = std::max<uint64_t>(totals_.memory_waits, memory_asks_);
}

void CounterReader::read_bursts(uint32_t index,
                                const std::atomic<uint32_t> (&burst_us)[wire::kBurstRing]) {
  const uint32_t fresh = std::min(index - burst_index_, wire::kBurstRing);
  for (uint32_t i = index - fresh; i != index; ++i) {
    const uint32_t us =
        std::min(burst_us[i % wire::kBurstRing].load(std::memory_order_relaxed), kMaxBurstUs);
    totals_.burst_lengths.add(us);
    if (new_bursts_.size() < wire::kBurstRing) new_bursts_.push_back(std::chrono::microseconds(us));
    if (recent_us_.size() < wire::kBurstRing) {
      recent_us_.push_back(us);
    } else {
      recent_us_[recent_next_++ % wire::kBurstRing] = us;
    }
  }
  burst_index_ = index;
}

policy::SessionReading CounterReader::take() {
  policy::SessionReading reading;
  reading.launches = totals_.launches + totals_.graph_launches;
  reading.gpu_time = totals_.gpu_time;
  reading.memory_bytes = memory_bytes_;
  reading.channel_groups = channel_groups_;
  reading.longest_kernel_us = longest_kernel_us_;
  reading.contexts = contexts_;
  reading.capturing = (flags_ & wire::kFlagCapturing) != 0;
  reading.cannot_hold = (flags_ & wire::kFlagCannotHold) != 0;
  reading.calls = totals_.launches + totals_.graph_launches + totals_.copies +
                  totals_.synchronisations + totals_.other_calls;
  reading.waiting = (flags_ & wire::kFlagWaiting) != 0;
  // An application that brackets its bursts may have work outside of them.
  const bool followed = (flags_ & wire::kFlagFollowed) != 0 && (flags_ & wire::kFlagHints) == 0;
  if (followed) reading.queued = (flags_ & wire::kFlagBursting) != 0;
  reading.computes = !followed || (flags_ & wire::kFlagComputing) != 0;
  reading.held_calls = totals_.held_calls;
  reading.wanted_bytes = wanted_bytes_;
  reading.memory_ask = memory_asks_;
  reading.new_bursts = std::exchange(new_bursts_, {});
  return reading;
}

}  // namespace corun::daemon
