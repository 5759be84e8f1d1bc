// The simulated GPU's device engine: a pure event library. It has no clock, threads, I/O or
// globals; time is the argument `now` of each call, and the same calls give the same completions,
// in whatever steps time is advanced.
//
// What it models, each with the parameters of a Profile:
//  - SMs and memory bandwidth, shared by the kernels of the channel group that is running: a
//    kernel's blocks take the SMs that are free, by client priority, stream priority and age, and
//    keep them until they are done; kernels that want more bandwidth than there is are slowed down;
//  - channel groups: one runs at a time. While others have work, it is switched away when its slice
//    is over, in the middle of a kernel if need be, and at once when it has nothing to run. A group
//    that gets work while another has been running alone waits for a whole slice of that one;
//  - MPS: the contexts of all clients are in one group; a context's share of SMs can be capped;
//  - copy engines, one for each direction, beside the SMs and outside the time slices;
//  - device memory with real exhaustion; power, temperature and utilisation that follow the load.
//
// Order of use: add_client, add_group, add_context, add_stream, submit; then advance() whenever
// next_event() is due. A `now` before the latest one counts as the latest one. Unknown ids are
// broken invariants, except where a function says otherwise.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "core/clock.h"
#include "core/result.h"
#include "simgpu/engine/ids.h"
#include "simgpu/engine/op.h"
#include "simgpu/engine/profile.h"
#include "simgpu/engine/telemetry.h"

namespace corun::simgpu {

struct ContextOptions {
  /// 1..100: the part of the SMs that the context's kernels may hold together, rounded up to whole
  /// SMs (CUDA_MPS_ACTIVE_THREAD_PERCENTAGE).
  int thread_percentage = 100;
  /// Smaller is served first (CUDA_MPS_CLIENT_PRIORITY: 0 normal, 1 below normal).
  int client_priority = 0;
  /// The context belongs to an MPS server: it costs Profile::mps_context_bytes.
  bool mps = false;
};

class Device {
 public:
  /// The device exists, idle and cool, from `start` on.
  Device(const Profile& profile, Instant start);
  Device(Device&&) noexcept;
  Device& operator=(Device&&) noexcept;
  ~Device();

  const Profile& profile() const;

  // --- processes, channel groups, contexts, streams ---
  ClientId add_client(Instant now);
  /// The process is gone: its contexts vanish with their work, without completions; its memory
  /// returns; who waited for its operations goes on.
  void remove_client(ClientId client, Instant now);
  /// At most this much memory for the client's allocations and contexts (MPS's pinned memory
  /// limit).
  void set_memory_limit(ClientId client, uint64_t bytes);

  /// A channel group with the profile's default slice. Without MPS each context gets its own; an
  /// MPS server has one for all its clients.
  GroupId add_group(Instant now);
  /// Precondition: no context is left in it.
  void remove_group(GroupId group, Instant now);
  /// In force from the group's next slice on, and at once when it runs alone.
  void set_timeslice(GroupId group, Nanos slice, Instant now);
  Nanos timeslice(GroupId group) const;
  /// Takes the GPU from the group a moment later (Profile::preempt_latency), in the middle of a
  /// kernel, if it is running then; the next group with work follows, or the same one again.
  void preempt(GroupId group, Instant now);

  /// Errors (failed): the device's memory, or the client's limit, does not hold the context.
  Result<ContextId> add_context(ClientId client, GroupId group, const ContextOptions& options,
                                Instant now);
  /// The context's work vanishes as with remove_client(); its allocations are freed.
  void remove_context(ContextId context, Instant now);
  /// Whether an illegal address has broken the context. Under one group (MPS) a fault breaks all.
  bool broken(ContextId context) const;

  /// A smaller `priority` is served first, as in cuStreamCreateWithPriority.
  StreamId add_stream(ContextId context, int priority, Instant now);
  /// Work that is in the stream is still done; the stream takes no more.
  void remove_stream(StreamId stream, Instant now);

  // --- switches of groups ---
  /// Whether switches are noted from now on, for take_switches().
  void note_switches(bool wanted);
  /// Appends those until `now` that were noted since the last call, in order. A group that was
  /// removed while the SMs had it has no end.
  void take_switches(Instant now, std::vector<GroupSwitch>& out);

  // --- words of memory outside ---
  /// Where WordWaitWork and WordWriteWork find their words. Precondition for submitting them; must
  /// outlive the device.
  void use_words(Words& words);
  /// Looks at the words that streams wait for again: others write them without a call.
  void poll_words(Instant now);
  /// Since when the latest stream waits for a word; nothing when none does.
  std::optional<Instant> word_wait_since() const;

  // --- work ---
  /// Puts `work` behind the stream's last operation. `tag` comes back in its Completion.
  OpId submit(StreamId stream, Work work, uint64_t tag, Instant now);
  /// Goes on behind a HostWork that was announced as kReached. Of a graph: behind the reached node.
  void resume(OpId op, Instant now);
  /// The stream's latest operation, or nothing if there never was one.
  OpId last_op(StreamId stream) const;
  /// Whether the operation is done (also when its stream or context is gone) at the latest `now`.
  bool done(OpId op) const;

  /// Appends what has happened until `now`, in order of time; equal times in order of cause.
  void advance(Instant now, std::vector<Completion>& out);
  /// When advance() has something to do next, if nothing is submitted until then.
  std::optional<Instant> next_event() const;
  /// No completion comes, and no word is written or first looked at, before this, if nothing is
  /// submitted until then: between two calls of advance() an owner that acts in real time may sleep
  /// so long. It can be too early, never too late; never before next_event().
  std::optional<Instant> next_result() const;

  // --- memory ---
  /// Errors (failed): the device's memory, or the client's limit, is exhausted.
  Result<AllocationId> allocate(ContextId context, uint64_t bytes);
  void free(AllocationId allocation);
  MemoryInfo memory() const;
  uint64_t memory_of(ClientId client) const;
  /// The client's memory leaves the device, but for `left` bytes; unpark() brings it back. Between
  /// them the client may only be removed. Precondition: it has no work.
  void park(ClientId client, uint64_t left);
  /// Errors (failed): the device's memory does not hold it; the client stays parked.
  Status unpark(ClientId client);

  // --- what NVML tells ---
  /// Readings at `now`; asking changes nothing that anybody can see.
  Telemetry telemetry(Instant now);
  /// Counters of one process since it was added.
  ClientTelemetry telemetry(ClientId client, Instant now);
  /// Where the time of the compute engine went since `start`; the parts sum up to `now - start`.
  EngineTime engine_time(Instant now);
  Nanos group_time(GroupId group, Instant now);

  /// Events that the engine has worked on, for measurements of its speed.
  uint64_t events() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace corun::simgpu
