// The state machine behind all hooks of one process: what happens when the application makes a
// context, puts work on a stream, synchronises, takes or gives back memory. It does no I/O: the GPU
// is behind Driver, and joining a daemon, time and the shim's thread are behind Outside.
// libcorun.so has one Machine (preload/); tests and simulations make their own.
//
// Threads: the application's call everything but serve-side functions at any time; those (marked
// "thread") belong to the shim's thread. No lock is held while the driver is called, except
// watch_lock, which only guards streams against being destroyed while the thread asks for them.
#pragma once

#include <atomic>
#include <cstdint>

#include "engine/shim/burst.h"
#include "engine/shim/channel_groups.h"
#include "engine/shim/driver.h"
#include "engine/shim/estimates.h"
#include "engine/shim/event_marks.h"
#include "engine/shim/graphs.h"
#include "engine/shim/memory_book.h"
#include "engine/shim/pages.h"
#include "engine/shim/samples.h"
#include "engine/shim/streams.h"

namespace corun::shim {

/// One device that this process uses. Made once, never freed.
struct DeviceState {
  int ordinal = -1;
  char uuid[48] = {};  ///< "GPU-…", as NVML writes it
  /// What the hooks look at; never null: the session's, or the neutral ones without a session.
  std::atomic<Pages*> pages{nullptr};
  Pages neutral;
  alignas(64) wire::SessionPage neutral_page;
  Streams streams;
  Burst burst;
  Lock watch_lock;
  std::atomic<ContextHandle> primary{nullptr};  ///< the primary context, once retained
  std::atomic<uint32_t> contexts{0};
  /// Raised while bursts end unseen by synchronisation: then the thread is woken at their begin.
  std::atomic<uint32_t> unsynchronised{8};

  // Of the shim's thread, and of the join before there is one.
  Pages* joined = nullptr;
  bool live = false;
  int socket = -1;
  FileIdentity socket_file;
  uint64_t joined_ns = 0;
  uint64_t retry_ns = 0;
  uint64_t again_ns = 0;  ///< when it joined again at once last
  uint32_t sequence_seen = 0;
  uint32_t preempt_seen = 0;
  uint64_t work_seen = 0;
  uint64_t begun_seen = 0;
  uint64_t begun_changed_ns = 0;
  uint64_t news_told = 0;
  bool waited = false;  ///< a thread was waiting for the GPU at the last look
};

struct Outside {
  uint64_t (*now_ns)() = nullptr;
  /// Joins the daemon of the device's GPU: sets pages on success. Bounded by kJoinTimeoutMs.
  void (*join)(DeviceState& device) = nullptr;
  /// Wakes the shim's thread if it would sleep past `due_ns`.
  void (*kick)(uint64_t due_ns) = nullptr;
  /// Waits until the process is not parked any more.
  void (*hold)(DeviceState& device) = nullptr;
  /// Waits for `bytes` of memory. True: the allocation is to be tried once more.
  bool (*await_memory)(DeviceState& device, uint64_t bytes) = nullptr;
};

/// Work that the application is putting on a stream. Lives on the stack around the driver's call.
struct Operation {
  enum Kind : uint8_t {
    kKernel,
    kGraph,
    kCopy,        ///< between host and device: the work of engines for copies
    kDeviceCopy,  ///< copies and memsets that may take the GPU itself
  };
  Kind kind = kKernel;
  bool gated = true;  ///< may wait for gates: false for calls that block the caller
  StreamHandle stream = nullptr;
  uint64_t key = 0;  ///< of its estimate; 0: estimate_ns is given
  uint64_t estimate_ns = 0;

  // Filled by before().
  DeviceState* device = nullptr;
  Pages* pages = nullptr;
  Estimates::Entry* entry = nullptr;
  StreamState* state = nullptr;  ///< set when its progress is followed
  Samples::Pair* sample = nullptr;
  bool began_burst = false;
};

/// The launch of a graph.
struct GraphLaunch : Operation {
  GraphExecHandle exec = nullptr;        ///< the application's; then the one to launch
  Graphs::Entry* graph_entry = nullptr;  ///< set when the launch is to be marked
};

/// A synchronisation that is about to happen: what it will have covered.
struct Synchronisation {
  DeviceState* device = nullptr;
  bool followed = false;
  int count = 0;
  struct Covered {
    StreamState* state;
    uint64_t key;
    uint64_t submitted;
  } covered[kMaxStreams];
};

/// Memory that the application asks for.
struct Reservation {
  DeviceState* device = nullptr;
  uint64_t bytes = 0;
};
enum class Reserved {
  kYes,
  kOverLimit,  ///< the workload's limit refuses it
  kNoRoom,     ///< the GPU has no room for it now
};

class Machine {
 public:
  constexpr Machine() = default;
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  /// `latency_critical`: the class this workload joins with.
  void start(const Driver& driver, const Outside& outside, bool latency_critical);
  bool started() const { return started_.load(std::memory_order_acquire); }
  const Driver& driver() const { return *driver_; }

  // Contexts and devices.
  DeviceState* on_context(Device device, ContextHandle context);
  /// `watched`: the caller holds the watch_lock of the context's device.
  void on_context_gone(ContextHandle context, bool watched = false);
  /// Device of the calling thread's context; null if it has none or corun has nothing to do.
  DeviceState* current() {
    DeviceState* sole = sole_.load(std::memory_order_acquire);
    return sole != nullptr ? sole : current_slow();
  }
  DeviceState* of_device(Device device);
  DeviceState* of_uuid(const char* uuid);
  int device_count() const { return device_count_.load(std::memory_order_acquire); }
  DeviceState& device(int index) { return *devices_[index].load(std::memory_order_acquire); }
  ContextHandle current_context() const;

  /// Frees the devices: for tests and simulations, when nobody uses this machine any more.
  void free_devices();

  // Work (work.cc).
  void before(Operation& operation);
  void after(Operation& operation, Code code) {
    if (operation.state != nullptr || operation.sample != nullptr) {
      after_slow(operation, code);
    }
  }
  /// Longest of the kernels that this process launches often, estimated, ns; 0: unknown.
  uint32_t longest_kernel_ns() const { return estimates_.longest_ns(); }
  /// Before the driver begins it: no call of the shim's own falls into it. Waits for those that are
  /// under way.
  void on_capture_begin();
  /// Some stream is being captured.
  bool any_capture() const { return captures_.load(std::memory_order_seq_cst) > 0; }
  void on_capture_end();

  // Graphs (graph_work.cc).
  void on_graph_made(GraphExecHandle exec, GraphHandle graph, unsigned long long flags);
  /// The executable was changed to run `graph`, or (null) in a way that is not followed.
  void on_graph_updated(GraphExecHandle exec, GraphHandle graph);
  /// A node of the executable was changed: gives the same node of the clone, for the caller to do
  /// the same to it and to the entry's second executable. Null: there is nothing to do.
  Graphs::Entry* before_node_change(GraphExecHandle exec, GraphNodeHandle node,
                                    GraphNodeHandle* in_clone);
  void after_node_change(Graphs::Entry* entry, bool mirrored);
  /// The executable is about to be destroyed; the result is for on_graph_gone(), after it.
  Graphs::Entry* before_graph_gone(GraphExecHandle exec) { return graphs_.take(exec); }
  void on_graph_gone(Graphs::Entry* entry);
  /// The driver refused to launch `exec`, which is not the application's: now it is.
  void on_segments_refused(GraphLaunch& launch);
  /// before() and after() of a graph.
  void before_graph(GraphLaunch& launch);
  void after_graph(GraphLaunch& launch, Code code) {
    if (launch.graph_entry != nullptr) {
      mark_graph(launch, code);
    }
    after(launch, code);
  }

  // Synchronisation (progress.cc).
  /// Its work is followed: it has bursts, or the daemon wants to know whether it has any, for
  /// turns.
  bool follows(const Pages& pages) const;
  void before_stream_sync(Synchronisation& sync, StreamHandle stream);
  void before_context_sync(Synchronisation& sync);
  void before_event_sync(Synchronisation& sync, EventHandle event);
  void after_sync(Synchronisation& sync, Code code);
  void on_event_record(EventHandle event, StreamHandle stream);
  void on_stream_gone(StreamHandle stream);
  void on_burst_hint(bool begin);

  // Parking (parking.cc).
  /// Before a call that needs the GPU: returns once the process is on it.
  void before_call(DeviceState* device) {
    if (device != nullptr && parked(*device)) {
      hold(*device);
    }
  }
  /// Around a call that must not be inside the driver while the process is parked (it neither holds
  /// synchronisations and queries up nor survives them): begins once the process is on the GPU.
  void begin_look(DeviceState* device);
  void end_look(DeviceState* device);
  /// The same for the shim's own calls, which are left out instead. False: not now.
  bool try_look(DeviceState& device);
  bool looking() const { return looking_.load(std::memory_order_seq_cst) != 0; }
  bool parked(const DeviceState& device) const {
    return (device.pages.load(std::memory_order_acquire)
                ->session->hot.armed.load(std::memory_order_relaxed) &
            wire::kArmedParked) != 0;
  }
  bool any_parked() const;
  void hold(DeviceState& device);
  /// A call of the process needs the GPU: it is to come back.
  void ask_back(DeviceState& device);
  /// wire::kFlag... of the process, for its whole life.
  void note(uint32_t flag) { traits_.fetch_or(flag, std::memory_order_relaxed); }
  uint32_t traits() const { return traits_.load(std::memory_order_relaxed); }

  // Memory (memory.cc).
  /// With no device nothing is counted.
  Reserved reserve(Reservation& reservation, DeviceState* device, uint64_t bytes);
  /// After an allocation found no memory. True: it is to be tried once more.
  bool await_memory(DeviceState* device, uint64_t bytes);
  void commit(const Reservation& reservation, MemoryKind kind, uint64_t key, ContextHandle context);
  void cancel(const Reservation& reservation);
  bool before_free(MemoryKind kind, uint64_t key, Holding* holding);
  void after_free(const Holding& holding, Code code);
  void on_reference_gone(MemoryKind kind, uint64_t key);
  /// Maps `bytes` of a physical handle at `address`. False: the limit refuses (imports only).
  bool on_map(DevicePtr address, uint64_t bytes, AllocationHandle handle);
  void on_unmap(DevicePtr address, uint64_t bytes);
  MemoryBook& book() { return book_; }
  uint64_t limit(const DeviceState& device) const {
    return device.pages.load(std::memory_order_acquire)
        ->session->orders.memory_limit_bytes.load(std::memory_order_relaxed);
  }
  /// What the device may hold now beside its limit; 0: no bound.
  uint64_t room(const DeviceState& device) const {
    return device.pages.load(std::memory_order_acquire)
        ->session->orders.memory_room_bytes.load(std::memory_order_relaxed);
  }
  void publish(DeviceState& device);

  /// The calling application may wait for all of its context, so nothing of the shim's may run in
  /// it longer than it must.
  void let_go() {
    DeviceState* device = current();
    if (device != nullptr && device->burst.hold().active()) {
      device->burst.hold().release();
    }
  }

  // Shim's thread (serve.cc).
  /// Ends the present burst where its streams have drained unseen; when to look again (0: never).
  uint64_t watch(DeviceState& device, uint64_t now_ns);
  ChannelGroups& groups() { return groups_; }
  /// Shows `pages` to the hooks, or the neutral ones (null) with the limit as it was.
  void show(DeviceState& device, Pages* pages);

  /// The process ends, and the shim's thread with it: every own gate and turn opens, whatever is
  /// launched from here on runs as if corun were absent, and no stream is asked any more. Waits
  /// for others for at most kExitPatienceNs a device.
  void retire();
  bool retired() const { return retired_.load(std::memory_order_seq_cst); }

  /// In the child of a fork.
  void reset();

 private:
  DeviceState* current_slow();
  DeviceState* make_device(Device device);
  void remember_context(ContextHandle context, DeviceState* device);
  bool capturing(StreamHandle stream) const;
  void hold_gpu(const Operation& operation);
  StreamState* stream_state(DeviceState& device, StreamHandle stream);
  uint64_t stream_key(StreamHandle stream, ContextHandle context) const;
  void before_slow(Operation& operation, uint32_t armed, bool sample);
  void after_slow(Operation& operation, Code code);
  uint32_t gates_to_wait_for(Pages& pages, uint32_t armed);
  void wait_for_gates(Operation& operation, uint32_t armed);
  bool register_pages(Pages& pages);
  static unsigned wait_operations(const Pages& pages, uint32_t mask, cuda::BatchMemoryOp* waits);
  Code enqueue_waits(Pages& pages, StreamHandle stream, uint32_t mask);
  void choose_graph(GraphLaunch& launch, Pages& pages, uint32_t mask);
  bool segments_ready(Graphs::Entry& entry, const Estimates::Entry* known, Pages& pages,
                      uint32_t mask);
  void mark_graph(GraphLaunch& launch, Code code);
  bool make_segments(Graphs::Entry& entry, const Estimates::Entry* known, Pages& pages,
                     uint32_t mask);
  void end_burst_if_drained(DeviceState& device, bool synchronised);
  /// Its bursts close its gate, or are told to the daemon at least.
  bool has_bursts(const Pages& pages) const;
  void ask_streams(DeviceState& device, bool foreign);

  std::atomic<bool> started_{false};
  std::atomic<bool> retired_{false};
  const Driver* driver_ = nullptr;
  Outside outside_;
  bool latency_critical_ = false;
  std::atomic<DeviceState*> sole_{nullptr};
  std::atomic<DeviceState*> devices_[kMaxDevices] = {};
  std::atomic<int> device_count_{0};
  struct KnownContext {
    std::atomic<ContextHandle> context{nullptr};
    std::atomic<DeviceState*> device{nullptr};
  } contexts_[kMaxContexts];
  Lock lock_;  ///< guards making devices and remembering contexts

  Estimates estimates_;
  Samples samples_;
  EventMarks marks_;
  MemoryBook book_;
  ChannelGroups groups_;
  std::atomic<int> captures_{0};
  std::atomic<int> looking_{0};
  std::atomic<uint32_t> traits_{0};
  std::atomic<uint32_t> hint_depth_{0};
  std::atomic<bool> hints_{false};
  Graphs graphs_;
};

/// While it lives nobody asks the device's streams, which are going. Once the process ends nobody
/// does so anyway, and it waits for nothing.
class Unwatched {
 public:
  Unwatched(const Machine& machine, DeviceState& device)
      : lock_(machine.retired() ? nullptr : &device.watch_lock) {
    if (lock_ != nullptr) {
      lock_->acquire();
    }
  }
  ~Unwatched() {
    if (lock_ != nullptr) {
      lock_->release();
    }
  }
  Unwatched(const Unwatched&) = delete;
  Unwatched& operator=(const Unwatched&) = delete;

 private:
  Lock* lock_;
};

}  // namespace corun::shim
