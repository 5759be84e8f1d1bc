// What the server holds for one connection. Every id in it is the client's own: ids of one
// connection mean nothing in another.
#pragma once

#include <sys/types.h>

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "core/abi/cuda.h"
#include "core/fd.h"
#include "simgpu/engine/device.h"
#include "simgpu/server/ring_writer.h"
#include "simgpu/wire/wire.h"

namespace corun::simgpu {

struct MpsDaemon;

struct SessionContext {
  uint32_t device = 0;
  ContextId context;
  GroupId own_group;  ///< nothing for an MPS client: the group is the MPS server's
  bool dead = false;
  Instant scheduled;  ///< when its group began
  Nanos timeslice_told{0};
};

struct SessionStream {
  uint32_t context = 0;  ///< id in Session::contexts
  StreamId stream;
};

struct SessionAllocation {
  uint32_t context = 0;
  AllocationId allocation;
};

struct SessionGraph {
  uint32_t context = 0;
  uint32_t nodes = 0;  ///< as announced
  std::vector<GraphNode> building;
  std::shared_ptr<const std::vector<GraphNode>> ready;
};

/// An operation in flight, in the slot op_id % kMaxOutstanding.
struct SessionOp {
  uint64_t op_id = 0;  ///< 0: free
  OpId op;
  uint32_t context = 0;
  bool reached = false;  ///< waits for kHostDone
};

/// The process at the other end (SO_PEERCRED).
struct Peer {
  int pid = 0;
  uid_t user = 0;
};

struct Session {
  Fd fd;
  uint32_t slot = 0;    ///< index in the server's table; part of the engine's tags
  uint32_t serial = 0;  ///< tells sessions apart that used the same slot
  int pid = 0;
  uid_t user = 0;
  bool welcomed = false;
  bool closing = false;
  Fd passed;  ///< came with the packet that is handled now
  Fd memory;  ///< the client's /proc/self/mem, once it gave it
  cuda::ProcessState state = cuda::ProcessState::kRunning;
  bool stepping = false;  ///< a step of a checkpoint is under way
  bool lost = false;      ///< a restore found no room: none works any more
  /// Packets that came while the process was locked, as they are, with their times.
  std::vector<std::vector<std::byte>> held;
  wire::Hello hello;
  std::optional<RingWriter> ring;
  MpsDaemon* mps = nullptr;       ///< as its client, control daemon or server
  std::vector<ClientId> clients;  ///< by device; 0 until the first context there

  uint32_t next_id = 1;
  std::unordered_map<uint32_t, SessionContext> contexts;
  std::unordered_map<uint32_t, SessionStream> streams;
  std::unordered_map<uint32_t, SessionAllocation> allocations;
  std::unordered_map<uint32_t, SessionGraph> graphs;
  uint64_t graph_nodes = 0;  ///< in all graphs
  uint64_t last_op_id = 0;
  std::array<SessionOp, wire::kMaxOutstanding> ops;
  bool reads_switches = false;
};

/// One number for a session, never used again for another one.
inline uint64_t key_of(const Session& session) {
  return (uint64_t{session.slot} << 32) | session.serial;
}

/// A step of a checkpoint under way, and who waits for it.
struct CheckpointCall {
  uint32_t target_slot = 0, target_serial = 0;
  uint32_t caller_slot = 0, caller_serial = 0;
  wire::Header header;
  wire::CheckpointStep step{};
  std::optional<Instant> due;  ///< kLock: when it gives up; else when it is done
};

/// What the driver records of one device's context switches.
struct SwitchLog {
  struct Entry {
    wire::SwitchEntry told;
    uid_t user = 0;
  };
  struct Owner {
    int pid = 0;
    uid_t user = 0;
  };
  std::map<GroupId, Owner> owners;  ///< of the groups that there are
  std::deque<Entry> entries;
  uint64_t next = 1;  ///< number of the next entry
};

/// A registered MPS control daemon and its clients.
struct MpsDaemon {
  std::string pipe_directory;
  Session* control = nullptr;
  Session* server = nullptr;  ///< the server process, once the daemon has started it
  uint32_t thread_percentage = 100;
  std::array<uint64_t, wire::kMaxGpus> memory_limit{};
  std::vector<GroupId> groups;  ///< by device; 0 until the first context there
};

}  // namespace corun::simgpu
