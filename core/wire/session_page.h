// The memory that libcorun.so (in a workload) and corund (the node daemon) share. Two kinds of
// page, each a memfd of its own that the daemon makes and passes when a session joins
// (core/wire/join.h):
//
//   SessionPage  one per session (process and GPU). The daemon writes its part, the workload the
//   rest. GatePage     one per gate of a GPU. The latency-critical session that holds the gate
//   closes it
//                with one store and lets the GPU open it; best-effort sessions wait for it on the
//                GPU.
//
// Everything is a fixed layout of lock-free atomics, usable from C-like code, checked here by
// static_assert. Each side must survive any content the other one writes: values are read once and
// bounded before use. Protocol and states: docs/adr/0005-gate-protocol.md.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace corun::wire {

inline constexpr uint32_t kSessionMagic = 0x314e5343;  ///< "CSN1"
inline constexpr uint32_t kGateMagic = 0x31544743;     ///< "CGT1"
inline constexpr uint32_t kWireVersion = 1;
inline constexpr size_t kPageBytes = 4096;
/// Latency-critical sessions of one GPU that can hold a gate at the same time.
inline constexpr int kMaxGates = 8;
/// Slice that the driver's default behaves like, in us (measured, results/h200/first-readings;
/// reading it back gives 1024, which is misleading). What every session goes back to.
inline constexpr uint32_t kDefaultSliceUs = 2000;
/// Entries of the ring of burst durations; a power of two.
inline constexpr uint32_t kBurstRing = 512;

enum class WorkloadClass : uint32_t { kNormal = 0, kLatencyCritical = 1, kBestEffort = 2 };

/// Gate and turn words: what a stream waits for is kOpen.
inline constexpr uint32_t kOpen = 0;
inline constexpr uint32_t kClosed = 1;

/// Written by the daemon, read by the workload's launch path: one load when nothing is armed.
struct alignas(64) HotOrders {
  /// Bit i: before its work this session waits for gate i. Bit 31: it waits for its own turn word.
  /// Bit 30: its process is being parked or is parked. 0: forward at once.
  std::atomic<uint32_t> armed;
  /// A wait is enqueued once per this much estimated GPU work, us; 0: before every launch.
  std::atomic<uint32_t> wait_every_us;
  /// Of 1000 bursts of a latency-critical session, how many close its gate (the rest leak).
  std::atomic<uint32_t> close_permille;
  /// Gate that this session closes around its bursts, or -1.
  std::atomic<int32_t> gate;
  /// How long the GPU is kept after a burst drained, us (the gate stays closed, and with `hold` a
  /// kernel runs): a next request that comes within it finds the GPU still its own.
  std::atomic<uint32_t> linger_us;
  /// Not 0: linger_us is the most, and the session learns how long pays from its own gaps, where
  /// letting the GPU go costs this much, us.
  std::atomic<uint32_t> regain_us;
  /// 1: the session keeps its channel group busy until it lets the GPU go.
  std::atomic<uint32_t> hold;
};
inline constexpr uint32_t kArmedTurn = 1U << 31;
/// No call may reach the GPU: it waits in the shim, asking for the process to be resumed, until the
/// bit is cleared (a futex). Protocol and states: docs/adr/0007-parking-protocol.md.
inline constexpr uint32_t kArmedParked = 1U << 30;

/// Orders::leave.
inline constexpr uint32_t kLeave = 1;
inline constexpr uint32_t kJoinAgain = 2;  ///< at once: for pages with other rights

/// Written by the daemon, read by the shim's thread, which sleeps on `sequence` (a futex).
struct alignas(64) Orders {
  std::atomic<uint32_t> sequence;            ///< raised after each change of the orders
  std::atomic<uint32_t> slice_us;            ///< slice of each channel group; 0: leave as it is
  std::atomic<uint64_t> memory_limit_bytes;  ///< of this session on this GPU; 0: none
  /// CLOCK_MONOTONIC ns until which the orders hold. Past it the workload runs as if corun were
  /// absent: no waits, gate open, default slice, limit unchanged.
  std::atomic<uint64_t> lease_until_ns;
  std::atomic<uint32_t> preempt_sequence;  ///< raised: preempt the channel groups once
  std::atomic<uint32_t> leave;             ///< kLeave or kJoinAgain: the daemon closed it
  /// Bytes that this session may hold now, whatever its limit says, since the GPU has no more to
  /// give; 0: no such bound. An allocation beyond it waits for memory as one does that the driver
  /// refused.
  std::atomic<uint64_t> memory_room_bytes;
  std::atomic<uint32_t> park_sequence;  ///< raised whenever the session is to become ready
  /// How long an allocation that finds no memory waits for the daemon's answer, ms; 0: not at all.
  std::atomic<uint32_t> memory_wait_ms;
  /// Counters::memory_asks that is answered, times two, plus one if it is to be tried again; a
  /// futex.
  std::atomic<uint32_t> memory_answer;
};
static_assert(sizeof(Orders) == 64);

/// Waited for by this session's streams; the daemon gives and takes turns with it.
struct alignas(64) Turn {
  std::atomic<uint32_t> word;
};

/// Written by the workload, read by the daemon. Counts since the session joined.
struct alignas(64) Counters {
  std::atomic<uint64_t> heartbeat_ns;  ///< CLOCK_MONOTONIC of the shim's thread
  std::atomic<uint64_t> launches;      ///< kernels
  std::atomic<uint64_t> graph_launches;
  std::atomic<uint64_t> copies;  ///< copies and memsets
  std::atomic<uint64_t> synchronisations;
  std::atomic<uint64_t> gate_waits;  ///< waits enqueued on the GPU
  std::atomic<uint64_t> bursts;      ///< bursts of a latency-critical session
  std::atomic<uint64_t> gate_closures;

  std::atomic<uint64_t> last_launch_ns;
  std::atomic<uint64_t> gpu_estimated_ns;  ///< sum of kernel duration estimates
  std::atomic<uint64_t> memory_bytes;      ///< device memory held now
  std::atomic<uint64_t> memory_peak_bytes;
  std::atomic<uint64_t> refusals;  ///< allocations refused by the limit
  std::atomic<uint64_t> preemptions;
  std::atomic<uint64_t> slice_sets;    ///< controls issued
  std::atomic<uint64_t> slice_errors;  ///< controls refused

  std::atomic<uint32_t> contexts;
  std::atomic<uint32_t> channel_groups;     ///< for kernels; copy engines have their own
  std::atomic<uint32_t> slice_us;           ///< last slice set on all groups; 0: none set
  std::atomic<uint32_t> orders_seen;        ///< Orders::sequence last carried out
  std::atomic<uint32_t> gate_registered;    ///< bit i: gate i can be waited for; bit 31: own turn
  std::atomic<uint32_t> flags;              ///< kFlag...
  std::atomic<uint32_t> burst_index;        ///< entries ever written to the ring
  std::atomic<uint32_t> longest_kernel_us;  ///< of kernels launched often, estimated; 0: unknown

  std::atomic<uint64_t> holds;      ///< bursts in which a kernel kept the GPU
  std::atomic<uint32_t> linger_us;  ///< after the last burst, ordered or learned
  std::atomic<uint32_t> reserved;

  /// How long its gate was closed by it, added up when it opens it. What the daemon opened is not
  /// in.
  std::atomic<uint64_t> gate_closed_ns;
};
static_assert(sizeof(Counters) == 192);
inline constexpr uint32_t kFlagCapturing = 1U << 0;
inline constexpr uint32_t kFlagNoWaitValue = 1U << 1;      ///< device or driver lacks stream waits
inline constexpr uint32_t kFlagNoChannelGroups = 1U << 2;  ///< none seen (MPS, sandbox)
inline constexpr uint32_t kFlagBursting = 1U << 3;         ///< it has work that is not finished
inline constexpr uint32_t kFlagHints = 1U << 4;  ///< the application brackets its bursts itself
inline constexpr uint32_t kFlagCannotHold = 1U << 5;    ///< no kernel can keep the GPU busy here
inline constexpr uint32_t kFlagWaiting = 1U << 6;       ///< a thread waits for the GPU
inline constexpr uint32_t kFlagSharesMemory = 1U << 7;  ///< device memory of or for other processes
inline constexpr uint32_t kFlagManagedMemory = 1U << 8;  ///< it has had managed memory
inline constexpr uint32_t kFlagManyDevices = 1U << 9;    ///< the process uses several GPUs
/// kFlagBursting is kept, since it is latency-critical or waits for turns.
inline constexpr uint32_t kFlagFollowed = 1U << 10;
/// Among its work that is not finished there may be some that needs more than engines for copies.
inline constexpr uint32_t kFlagComputing = 1U << 11;

/// Written by the workload, read by the daemon: what waits for it (docs/adr/0007).
struct alignas(64) Waits {
  std::atomic<uint64_t> other_calls;   ///< GPU calls that no counter above counts
  std::atomic<uint64_t> held_calls;    ///< calls that came while the process was parked
  std::atomic<uint64_t> wanted_bytes;  ///< of the allocation that waits for memory; 0: none
  std::atomic<uint32_t> memory_asks;   ///< raised by each allocation that waits for memory
  /// Orders::park_sequence for which new calls are held and none is inside the driver that must not
  /// be there while the process is parked.
  std::atomic<uint32_t> park_ready;
};
static_assert(sizeof(Waits) == 64);

struct SessionPage {
  uint32_t magic;
  uint32_t version;
  uint64_t session;
  HotOrders hot;
  Orders orders;
  Turn turn;
  Counters counters;
  /// Durations of bursts, first launch to drained, us.
  alignas(64) std::atomic<uint32_t> burst_us[kBurstRing];
  Waits waits;
};
static_assert(sizeof(SessionPage) <= kPageBytes);
static_assert(offsetof(SessionPage, hot) == 64);
static_assert(offsetof(SessionPage, orders) == 128);
static_assert(offsetof(SessionPage, turn) == 192);
static_assert(offsetof(SessionPage, counters) == 256);
static_assert(offsetof(SessionPage, burst_us) == 256 + 192);
static_assert(offsetof(SessionPage, waits) == 256 + 192 + 2048);
static_assert(std::atomic<uint64_t>::is_always_lock_free);

struct GatePage {
  alignas(64)
      std::atomic<uint32_t> word;  ///< kOpen or kClosed; the GPU waits for it and never writes it
  alignas(64) uint32_t magic;
  uint32_t version;
  std::atomic<uint64_t> holder;           ///< session that may close it; 0: nobody
  std::atomic<uint64_t> closed_since_ns;  ///< CLOCK_MONOTONIC of the present burst's first closing
  std::atomic<uint32_t> burst;            ///< counts closings by the processor
};
static_assert(sizeof(GatePage) <= kPageBytes);
static_assert(offsetof(GatePage, word) == 0);

}  // namespace corun::wire
