// The wire format between the simulated node's server and its drop-ins, version 1.
//
// One UNIX socket (SOCK_SEQPACKET, DIR/socket): one packet is one message, a Header and a plain
// struct, for some types with trailing bytes. Little endian, as the machine itself. Work
// submission is fire and forget; calls carry a `call` number that their Reply repeats. Completions
// come back through one shared-memory ring per client (Ring), so that a client which never waits
// costs the server nothing.
//
// Trust: the server validates every message (wire/parse.h) and closes the connection of a client
// that breaks the format; ids are looked up in tables of that connection only. The ring's memory
// is made by the server and sealed against shrinking; the server reads one word of it (tail) and
// checks it. Documented with a byte example in docs/simulated-gpu.md.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace corun::simgpu::wire {

inline constexpr uint32_t kMagic = 0x75677363;  // "csgu"
inline constexpr uint16_t kVersion = 1;
/// The CUDA version of the simulated drivers: that of their newest functions, the checkpoint calls.
inline constexpr int kCudaVersion = 12080;
inline constexpr size_t kMaxPacket = 8192;
inline constexpr uint32_t kMaxParamBytes = 4096;
inline constexpr uint32_t kMaxName = 1024;
inline constexpr uint32_t kMaxPath = 1024;
inline constexpr uint32_t kMaxGraphNodes = 1u << 16;
inline constexpr uint32_t kMaxGpus = 32;
inline constexpr uint32_t kRingRecords = 8192;     // a power of two
inline constexpr uint32_t kMaxOutstanding = 4096;  // operations that a client may have in flight
inline constexpr uint32_t kMaxProcesses = 128;     // in one reply
inline constexpr uint32_t kMaxSwitches = 256;      // in one reply

enum class Type : uint16_t {
  // client to server, each with a Reply
  kHello = 1,
  kDeviceInfo,
  kTelemetry,
  kProcesses,
  kContextCreate,
  kContextDestroy,
  kStreamCreate,
  kStreamDestroy,
  kAlloc,
  kFree,
  kMemInfo,
  kKernelLookup,
  kGraphCreate,
  kGraphFinish,
  kMpsRegister,
  kMpsClients,
  kMpsSetDefaults,
  kMpsTerminate,
  kMemoryAccess,
  kGroupControl,
  kCheckpoint,
  kSwitches,
  // client to server, fire and forget
  kGraphNode = 64,
  kGraphDestroy,
  kSubmit,
  kHostDone,
  // server to client
  kReply = 128,
  kMpsClientJoined,
};

/// Outcome of a call or of an operation; the drop-ins turn it into the driver's codes.
enum class Code : uint32_t {
  kOk = 0,
  kOutOfMemory,
  kNotFound,
  kInvalid,
  kNotSupported,
  kLimit,           ///< a table of this connection is full
  kIllegalAddress,  ///< the context is dead: a kernel left its memory
  kMpsServerDied,   ///< the context is dead: the MPS server or daemon is gone
  kMpsTerminated,   ///< the context is dead: terminate_client
  kMpsRefused,      ///< the MPS server takes no more clients
  kContextDead,     ///< the context is dead for another client's fault (shared by MPS)
  kIllegalState,    ///< kCheckpoint: not in the state that the step needs
  kNotReady,        ///< kCheckpoint: the process's work did not end in time
  kLost,            ///< kCheckpoint: an earlier restore found no room; no further one works
};
inline constexpr uint32_t kCodeCount = 14;

struct Header {
  uint32_t size = 0;  ///< of the whole packet
  Type type{};
  uint16_t version = kVersion;
  uint64_t call = 0;     ///< number that the reply repeats; 0 where there is none
  int64_t stamp_ns = 0;  ///< CLOCK_MONOTONIC of the sender; clamped to the server's own interval
};
static_assert(sizeof(Header) == 24 && offsetof(Header, stamp_ns) == 16);

enum class Role : uint32_t { kCuda = 0, kObserver, kMpsControl, kMpsServer };
inline constexpr uint32_t kRoleCount = 4;

/// First message of every connection.
struct Hello {
  Header header;
  uint32_t magic = kMagic;
  Role role{};
  uint32_t thread_percentage = 0;        ///< CUDA_MPS_ACTIVE_THREAD_PERCENTAGE, 0 = unset
  uint32_t mps_priority = 0;             ///< CUDA_MPS_CLIENT_PRIORITY: 0 normal, 1 below normal
  uint64_t memory_limit[kMaxGpus] = {};  ///< CUDA_MPS_PINNED_DEVICE_MEM_LIMIT, bytes, 0 = none
  char pipe_directory[kMaxPath] = {};    ///< MPS pipe directory, canonical, zero-terminated
};
static_assert(sizeof(Hello) == 24 + 16 + 256 + 1024);

/// Reply to Hello; for Role::kCuda one descriptor comes along, the ring's memory.
struct Welcome {
  uint32_t gpus = 0;
  uint32_t mps_client = 0;  ///< 1: contexts of this connection live in an MPS server
  uint32_t thread_percentage = 0;
  uint32_t reserved = 0;
  char profile[64] = {};
  int64_t flush_ns = 0;  ///< how long a call takes that flushes an event buffer
};
static_assert(sizeof(Welcome) == 88);

/// Calls that name one GPU by its index.
struct DeviceCall {
  Header header;
  uint32_t device = 0;
  uint32_t reserved = 0;
};
static_assert(sizeof(DeviceCall) == 32);

struct DeviceInfo {
  char name[96] = {};
  char uuid[48] = {};  ///< "GPU-..."
  char pci_bus_id[32] = {};
  char driver[32] = {};
  uint64_t memory_bytes = 0;
  uint64_t l2_bytes = 0;
  double dram_bytes_per_s = 0;
  uint32_t compute_major = 0, compute_minor = 0;
  uint32_t sm_count = 0;
  uint32_t threads_per_sm = 0, blocks_per_sm = 0;
  uint32_t sm_clock_mhz = 0, memory_clock_mhz = 0;
  uint32_t power_limit_mw = 0;
  uint32_t pci_bus = 0;
  uint32_t reserved = 0;
};
static_assert(sizeof(DeviceInfo) == 272);

struct Telemetry {
  int64_t at_ns = 0;
  uint64_t memory_used_bytes = 0;
  double utilization = 0;         ///< 0..1: time with a kernel resident, last complete period
  double memory_utilization = 0;  ///< 0..1: share of memory bandwidth, last complete period
  // Counters since the server's start: rates are differences of two readings.
  double busy_s = 0;  ///< time with a kernel resident
  double sm_s = 0;    ///< integral of the part of SMs that hold a block
  double dram_bytes = 0;
  double h2d_bytes = 0, d2h_bytes = 0;
  double energy_j = 0;
  double power_w = 0;
  double temperature_c = 0;
  uint32_t sm_clock_mhz = 0, memory_clock_mhz = 0;
};
static_assert(sizeof(Telemetry) == 104);

/// A process with a context on the device.
struct ProcessEntry {
  int32_t pid = 0;
  uint32_t mps_client = 0;
  uint64_t memory_bytes = 0;
  double utilization = 0;  ///< 0..1 over the last sampling period
};
static_assert(sizeof(ProcessEntry) == 24);

/// kContextCreate {device}, kContextDestroy / kMemInfo {context}, kStreamDestroy {stream},
/// kFree {allocation}, kGraphFinish / kGraphDestroy {graph}.
struct IdCall {
  Header header;
  uint32_t id = 0;
  uint32_t flags = 0;
};
static_assert(sizeof(IdCall) == 32);

struct StreamCreate {
  Header header;
  uint32_t context = 0;
  int32_t priority = 0;
};
static_assert(sizeof(StreamCreate) == 32);

struct Alloc {
  Header header;
  uint32_t context = 0;
  uint32_t reserved = 0;
  uint64_t bytes = 0;
};
static_assert(sizeof(Alloc) == 40);

struct MemInfo {
  uint64_t free_bytes = 0;
  uint64_t total_bytes = 0;
};
static_assert(sizeof(MemInfo) == 16);

/// Asks for the cost entry of a kernel.
struct KernelLookup {
  Header header;
  uint32_t name_size = 0;
  uint32_t reserved = 0;
  // followed by name_size bytes
};
static_assert(sizeof(KernelLookup) == 32);

/// What the client applies to its memory when the kernel completes.
enum class EffectKind : uint32_t {
  kNone = 0,
  kLcgStep,  ///< state[i] = state[i] * 1664525 + 1013904223 + addend, i < words, mod 2^32
  /// None: the kernel runs until state[0] >= words (cyclic), or for addend ns after it began or
  /// state[1] last changed. Its launches are submitted as kWordWait.
  kPoll,
};

/// Body of the reply to kKernelLookup; `count` of the reply ParamLayout follow.
struct KernelInfo {
  uint32_t kernel = 0;
  EffectKind effect{};
  // Parameters of the effect, by index.
  uint32_t state = 0, words = 0, addend = 0;
  uint32_t reserved = 0;
};
static_assert(sizeof(KernelInfo) == 24);

struct ParamLayout {
  uint32_t offset = 0;
  uint32_t size = 0;
};
static_assert(sizeof(ParamLayout) == 8);
inline constexpr uint32_t kMaxParamCount = 256;

enum class OpKind : uint32_t {
  kKernel = 0,
  kCopyHostToDevice,
  kCopyDeviceToHost,
  kCopyDeviceToDevice,
  kMemset,
  kMarker,     ///< completes when all before it on the stream has: event records, host functions
  kHost,       ///< as kMarker, but the stream goes on only after kHostDone
  kWait,       ///< the stream goes on when operation `wait_on` of this client has completed
  kGraph,      ///< a graph's nodes, one after another
  kWordWait,   ///< the stream goes on when a word of the client's memory passes `test`
  kWordWrite,  ///< writes a word of the client's memory
};
inline constexpr uint32_t kOpKindCount = 11;

/// kWordWait: when `word` passes against `value`. The low bits of Op::test.
enum class WordTest : uint32_t { kGreaterOrEqual = 0, kEqual, kAnd, kNor };
inline constexpr uint32_t kWordTestMask = 3;
inline constexpr uint32_t kWordWide = 4;  ///< flag in Op::test: 64 bits instead of 32

/// One operation on a stream, or one node of a graph.
struct Op {
  OpKind kind{};
  uint32_t object = 0;  ///< kKernel: kernel id; kGraph: graph id
  uint32_t grid[3] = {1, 1, 1};
  uint32_t block[3] = {1, 1, 1};
  uint32_t shared_bytes = 0;
  uint32_t param_bytes = 0;  ///< kKernel: as many bytes follow
  uint64_t bytes = 0;        ///< copies and memsets; kWordWait: ns that a polling kernel may last
  uint64_t wait_on = 0;      ///< kWait: an operation of this client
  uint32_t illegal = 0;      ///< kKernel: 1 if its effect leaves the client's memory
  uint32_t test = 0;         ///< kWordWait, kWordWrite: WordTest and kWordWide
  uint64_t address = 0;      ///< kWordWait, kWordWrite: of the word, in the client's address space
  uint64_t value = 0;        ///< kWordWait, kWordWrite
};
static_assert(sizeof(Op) == 80 && offsetof(Op, bytes) == 40 && offsetof(Op, address) == 64);

struct Submit {
  Header header;
  uint64_t op_id = 0;  ///< chosen by the client: 1, 2, 3, ... without gaps
  uint32_t stream = 0;
  uint32_t reserved = 0;
  Op op;
};
static_assert(sizeof(Submit) == 120);

/// Gives the server the client's memory, for kWordWait and kWordWrite: the descriptor of its
/// /proc/self/mem comes along.
struct MemoryAccess {
  Header header;
};

/// What a control of a context's channel group does.
enum class GroupAction : uint32_t { kGetTimeslice = 0, kSetTimeslice, kPreempt };
inline constexpr uint32_t kGroupActionCount = 3;

/// Only for contexts with a channel group of their own: not under MPS.
struct GroupControl {
  Header header;
  uint32_t context = 0;
  GroupAction action{};
  uint64_t timeslice_us = 0;  ///< kSetTimeslice
};
static_assert(sizeof(GroupControl) == 40);

/// Reply to kGroupControl.
struct GroupState {
  uint64_t timeslice_us = 0;        ///< as set last
  uint64_t unset_timeslice_us = 0;  ///< what a group reads back before any was set
  int64_t control_ns = 0;           ///< how long setting or preempting takes; the client waits
};
static_assert(sizeof(GroupState) == 24);

/// What the driver records of the GPU's context switches, from record `since` on; 0: from now on.
/// Recording goes on while a client that asked is connected.
struct Switches {
  Header header;
  uint32_t device = 0;
  uint32_t reserved = 0;
  uint64_t since = 0;
};
static_assert(sizeof(Switches) == 40);

/// Body of the reply to kSwitches; `count` of the reply SwitchEntry follow.
struct SwitchesState {
  uint64_t next = 0;  ///< `since` of the next call
  uint64_t lost = 0;  ///< records before these that were overwritten
};
static_assert(sizeof(SwitchesState) == 16);

struct SwitchEntry {
  int64_t at_ns = 0;     ///< the GPU's clock
  int32_t pid = 0;       ///< 0: of another user, untold
  uint32_t context = 0;  ///< the same
  uint32_t begins = 0;
  uint32_t reserved = 0;
};
static_assert(sizeof(SwitchEntry) == 24);

/// The driver's checkpoint calls.
enum class CheckpointStep : uint32_t { kGetState = 0, kLock, kCheckpoint, kRestore, kUnlock };
inline constexpr uint32_t kCheckpointStepCount = 5;

/// Steps of another process (or the caller itself) to host memory and back. The reply comes when
/// the step is done; its `count` is the process's cuda::ProcessState.
struct Checkpoint {
  Header header;
  int32_t pid = 0;
  CheckpointStep step{};
  uint32_t timeout_ms = 0;  ///< kLock: 0 waits for ever
  uint32_t reserved = 0;
};
static_assert(sizeof(Checkpoint) == 40);

struct GraphCreate {
  Header header;
  uint32_t context = 0;
  uint32_t nodes = 0;
};
static_assert(sizeof(GraphCreate) == 32);

/// Appends a node; nodes come in topological order. Any Op but kGraph and kWait.
struct GraphNode {
  Header header;
  uint32_t graph = 0;
  uint32_t reserved = 0;
  Op op;
  // followed by op.param_bytes bytes
};
static_assert(sizeof(GraphNode) == 112);

struct HostDone {
  Header header;
  uint64_t op_id = 0;
};
static_assert(sizeof(HostDone) == 32);

struct MpsRegister {
  Header header;
  char pipe_directory[kMaxPath] = {};
};
static_assert(sizeof(MpsRegister) == 24 + 1024);

struct MpsDefaults {
  Header header;
  uint32_t thread_percentage = 0;  ///< 1..100
  uint32_t reserved = 0;
  uint64_t memory_limit[kMaxGpus] = {};
};
static_assert(sizeof(MpsDefaults) == 32 + 256);

struct MpsTerminate {
  Header header;
  int32_t pid = 0;
  uint32_t reserved = 0;
};
static_assert(sizeof(MpsTerminate) == 32);

struct MpsClientEntry {
  int32_t pid = 0;
  uint32_t thread_percentage = 0;
  uint32_t device = 0;
  uint32_t contexts = 0;
};
static_assert(sizeof(MpsClientEntry) == 16);

/// Answer to a call; the type's own struct or array follows.
struct Reply {
  Header header;
  Code code{};
  uint32_t count = 0;  ///< of array entries that follow; or the id that was made
};
static_assert(sizeof(Reply) == 32);

enum class RecordKind : uint32_t {
  kDone = 0,
  kReached,      ///< a kHost operation: run the host function, then send kHostDone
  kContextDead,  ///< op_id 0: the context is dead with `code`, and all its work
};

/// One record of the ring, in order of device time.
struct Completion {
  uint64_t op_id = 0;
  int64_t at_ns = 0;  ///< device time, CLOCK_MONOTONIC
  RecordKind kind{};
  Code code{};
  uint32_t context = 0;
  uint32_t node = 0;  ///< kReached inside a graph: the node
};
static_assert(sizeof(Completion) == 32);

/// Shared memory of one client: the server writes records and `head`, the client writes `tail`.
/// `head` is also the futex that a waiting client sleeps on (`waiters` > 0). `hold` (a futex too)
/// says what a checkpoint does to the process's calls.
enum class Hold : uint32_t {
  kNone = 0,
  kLocked,  ///< work and allocations stand still; synchronisations and queries go on
  kParked,  ///< the same, and synchronisations and queries look at memory that is gone
};
struct Ring {
  alignas(64) std::atomic<uint32_t> head;
  std::atomic<uint32_t> waiters;
  std::atomic<Hold> hold;
  alignas(64) std::atomic<uint32_t> tail;
  alignas(64) Completion records[kRingRecords];
};
static_assert(std::atomic<uint32_t>::is_always_lock_free);
static_assert(offsetof(Ring, tail) == 64 && offsetof(Ring, records) == 128);

}  // namespace corun::simgpu::wire
