// What a Device holds, and how operations move through its streams.
//
// A stream works on its front operation. Its phases:
//
//   empty -> armed (begins at a known time) -> running (on SMs or a copy engine)
//                                           -> waiting (for another stream's operation)
//                                           -> reached (for resume())
//                                           -> blocked (until a word passes)
//   and from each of them on to the next operation, or to empty.
//
// All changes of one moment are made first, then Compute::settle() decides about blocks and slices.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <queue>
#include <unordered_map>
#include <utility>
#include <vector>

#include "simgpu/engine/compute.h"
#include "simgpu/engine/copies.h"
#include "simgpu/engine/device.h"
#include "simgpu/engine/meter.h"

namespace corun::simgpu {

struct Client {
  ClientId id;
  uint64_t memory_bytes = 0;
  uint64_t memory_limit = UINT64_MAX;
  uint64_t parked_bytes = 0;  // not on the device
  Nanos gone_busy{0};         // of its contexts that are gone
  double gone_sm_ns = 0;
};

struct Context {
  ContextId id;
  Client* client = nullptr;
  Group* group = nullptr;
  Tenant tenant;
  uint64_t own_bytes = 0;  // what the context itself occupies
  bool broken = false;
  std::vector<StreamId> streams;
};

struct Op {
  Work work;
  uint64_t tag = 0;
  Instant visible;  // when the device can see it
};

struct Stream {
  enum class Phase { kEmpty, kArmed, kRunning, kWaiting, kReached, kBlocked };

  StreamId id;
  Context* context = nullptr;
  int priority = 0;
  Phase phase = Phase::kEmpty;
  bool holding = false;   // its group counts as having work until its kernel is launched
  bool closing = false;   // removed; what is in it is still done
  bool in_graph = false;  // the front operation is a graph that has begun
  uint32_t node = 0;      // of that graph
  uint64_t done = 0;      // operations done so far
  uint64_t last = 0;      // place of the latest operation
  Instant armed_at;
  Instant part_began;  // of what is running
  Instant blocked_at;
  uint64_t renewals = 0;  // of a kernel that polls a word: the word behind it, as last seen
  Instant started;        // of the front operation
  Kernel kernel;          // of the front operation
  std::deque<Op> queue;
  std::vector<std::pair<uint64_t, StreamId>> waiters;  // (place, who waits for it)
};

struct Alarm {
  Instant at;
  uint64_t order = 0;
  StreamId stream;
  bool operator>(const Alarm& other) const {
    return std::tie(at, order) > std::tie(other.at, other.order);
  }
};

bool needs_sms(const GraphNode& node);
bool needs_sms(const Work& work);
/// When a graph's node begins if the one before it is done at `t`.
Instant begin_time(const GraphNode& node, Instant t, const Profile& profile);

struct Allocation {
  Context* context = nullptr;
  uint64_t bytes = 0;
};

struct Device::State {
  State(const Profile& the_profile, Instant start);

  // --- time (device.cc) ---
  /// Works on everything due until `now`; returns the later of `now` and the latest time.
  Instant run_until(Instant now);
  Instant next() const;
  /// Counts load and time up to `t`, before changes at `t`.
  void begin_changes(Instant t);
  /// Works on what is due at `t` and settles.
  void end_changes(Instant t);
  /// Ends the utilisation periods until `t`.
  void end_periods(Instant t);

  // --- the next result (lookahead.cc) ---
  Instant next_result() const;
  /// No later than the stream's next result; `next_event` is next().
  Instant earliest_result(const Stream& s, Instant next_event) const;
  /// The end of a graph whose node `node` begins no earlier than `begin`, or the first moment
  /// before that which its owner must see.
  Instant earliest_end(const std::vector<GraphNode>& nodes, uint32_t node, Instant begin) const;

  // --- operations (streams.cc) ---
  Stream* find(StreamId id) const;
  Stream& stream(StreamId id) const;
  bool done(OpId op) const;
  void on_alarm(const Alarm& alarm);
  /// Takes up the front operation of a stream that has nothing under way.
  void next_op(Stream& s, Instant t);
  /// The part of the front operation that was running or reached is done.
  void part_done(Stream& s, Instant t);
  void arm(Stream& s, Instant at, bool hold);
  /// Of a stream that was empty until now.
  void arm_front(Stream& s, Instant t);
  /// Begins the front operation; true when it is done at once.
  bool begin(Stream& s, Instant t);
  bool run_graph(Stream& s, Instant t);
  uint64_t blocks_in_pack(const KernelWork& work, int64_t per_sm) const;
  bool begin_part(Stream& s, const KernelWork& work, Instant t);
  bool begin_part(Stream& s, const DeviceMemoryWork& work, Instant t);
  bool begin_part(Stream& s, const CopyWork& work, Instant t);
  bool begin_part(Stream& s, const MarkWork& work, Instant t);
  bool begin_part(Stream& s, const HostWork& work, Instant t);
  bool begin_part(Stream& s, const WaitWork& work, Instant t);
  bool begin_part(Stream& s, const WordWaitWork& work, Instant t);
  bool begin_part(Stream& s, const WordWriteWork& work, Instant t);
  bool begin_part(Stream& s, const GraphWork& work, Instant t);
  /// When a kernel that polls a word ends by itself, unless it was renewed.
  Instant hold_end() const;
  void unblock_one(Stream& s, Instant t);
  std::optional<uint64_t> renewals(const WordWaitWork& work);
  /// The word that the blocked stream waits for.
  static const WordWaitWork& word_wait(const Stream& s);
  /// Whether the blocked stream can go on; also when its word cannot be read.
  bool can_go_on(const Stream& s);
  /// Lets those blocked streams go on whose words pass now.
  void unblock(Instant t);
  void complete(Stream& s, CompletionKind kind, Instant t);
  void emit(const Stream& s, CompletionKind kind, Instant t);
  void wake_waiters(Stream& s, Instant t);
  void stop_hold(Stream& s);
  void drop_stream(Stream& s, Instant t);
  /// An illegal address: every context of the group fails.
  void break_group(Group& group, Instant t);
  void break_context(Context& context, Instant t);
  void drop_context(Context& context, Instant t);

  // --- memory (memory.cc) ---
  Status take_memory(Client& client, uint64_t bytes);
  void return_memory(Client& client, uint64_t bytes);
  uint64_t whole_granules(uint64_t bytes) const;

  Profile profile;
  Instant start;
  Instant latest;
  Compute compute;
  CopyEngine h2d;
  CopyEngine d2h;
  Meter meter;
  Load load;

  std::map<ClientId, Client> clients;
  std::map<GroupId, Group*> groups;
  std::map<ContextId, std::unique_ptr<Context>> contexts;
  std::vector<std::unique_ptr<Stream>> streams;  // by id; removed ones are null
  std::unordered_map<uint32_t, Allocation> allocations;
  uint64_t memory_used = 0;
  uint32_t last_client = 0;
  uint32_t last_group = 0;
  uint32_t last_context = 0;
  uint32_t last_allocation = 0;

  std::deque<std::pair<Instant, GroupId>> preemptions;  // in order of time
  std::priority_queue<Alarm, std::vector<Alarm>, std::greater<>> alarms;
  uint64_t alarm_order = 0;
  uint64_t kernel_age = 0;
  std::vector<StreamId> awake;  // whose wait is over
  Words* words = nullptr;
  bool word_written = false;      // blocked streams must look again
  std::vector<StreamId> blocked;  // in order of time
  std::vector<StreamId> faulty;   // whose word cannot be reached
  std::vector<Completion> completions;
  std::vector<Kernel*> done_kernels;  // scratch
  std::vector<StreamId> done_copies;  // scratch
  uint64_t events = 0;
};

}  // namespace corun::simgpu
