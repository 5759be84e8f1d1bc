#include "simgpu/wire/parse.h"

#include <fmt/format.h>

#include <algorithm>

namespace corun::simgpu::wire {

namespace {

// A client's largest plausible request; keeps sums of sizes far from overflow.
constexpr uint64_t kMaxBytes = uint64_t{1} << 48;
constexpr uint64_t kMaxGridX = 0x7fffffff;
constexpr uint64_t kMaxGridYZ = 65535;
constexpr uint64_t kMaxThreads = 1024;
constexpr uint64_t kMaxOpId = uint64_t{1} << 40;

using Bytes = std::span<const std::byte>;

bool terminated(std::span<const char> text) {
  return std::find(text.begin(), text.end(), '\0') != text.end();
}

Status check_word(const Op& op) {
  if (op.test > (kWordTestMask | kWordWide)) return failed("unknown test of a word");
  const bool wide = (op.test & kWordWide) != 0;
  if (op.address % (wide ? 8 : 4) != 0) return failed("address of a word is not aligned");
  if (!wide && op.value > UINT32_MAX) return failed("value does not fit the word");
  return {};
}

Status check_op(const Op& op, size_t tail) {
  if (static_cast<uint32_t>(op.kind) >= kOpKindCount) return failed("unknown operation");
  if (op.param_bytes > kMaxParamBytes || op.param_bytes != tail) {
    return failed("parameters of the wrong size");
  }
  if (op.bytes > kMaxBytes) return failed("absurd number of bytes");
  if (op.wait_on >= kMaxOpId || op.illegal > 1) return failed("operation out of range");
  if (op.kind == OpKind::kWordWait || op.kind == OpKind::kWordWrite) return check_word(op);
  if (op.kind != OpKind::kKernel) return {};
  const uint64_t threads = uint64_t{op.block[0]} * op.block[1] * op.block[2];
  const bool block_ok = std::all_of(std::begin(op.block), std::end(op.block),
                                    [](uint32_t n) { return n >= 1 && n <= kMaxThreads; });
  if (!block_ok || threads > kMaxThreads) return failed("block out of range");
  if (op.grid[0] < 1 || op.grid[0] > kMaxGridX || op.grid[1] < 1 || op.grid[1] > kMaxGridYZ ||
      op.grid[2] < 1 || op.grid[2] > kMaxGridYZ) {
    return failed("grid out of range");
  }
  return {};
}

Status check_hello(Bytes bytes, size_t) {
  const auto hello = read_struct<Hello>(bytes);
  if (hello.magic != kMagic) return failed("wrong magic number");
  if (static_cast<uint32_t>(hello.role) >= kRoleCount) return failed("unknown role");
  if (hello.thread_percentage > 100) return failed("thread percentage above 100");
  if (hello.mps_priority > 1) return failed("unknown client priority");
  if (!terminated(hello.pipe_directory)) return failed("unterminated pipe directory");
  return {};
}

Status check_defaults(Bytes bytes, size_t) {
  const auto defaults = read_struct<MpsDefaults>(bytes);
  if (defaults.thread_percentage < 1 || defaults.thread_percentage > 100) {
    return failed("thread percentage out of range");
  }
  return {};
}

Status check_register(Bytes bytes, size_t) {
  if (!terminated(read_struct<MpsRegister>(bytes).pipe_directory)) {
    return failed("unterminated pipe directory");
  }
  return {};
}

Status check_submit(Bytes bytes, size_t tail) {
  const auto submit = read_struct<Submit>(bytes);
  if (submit.op_id == 0 || submit.op_id >= kMaxOpId) return failed("operation id out of range");
  return check_op(submit.op, tail);
}

Status check_node(Bytes bytes, size_t tail) {
  const auto node = read_struct<GraphNode>(bytes);
  if (node.op.kind == OpKind::kGraph || node.op.kind == OpKind::kWait) {
    return failed("operation that a graph cannot hold");
  }
  return check_op(node.op, tail);
}

Status check_lookup(Bytes bytes, size_t tail) {
  const auto lookup = read_struct<KernelLookup>(bytes);
  if (lookup.name_size == 0 || lookup.name_size > kMaxName || lookup.name_size != tail) {
    return failed("name of the wrong size");
  }
  return {};
}

Status check_control(Bytes bytes, size_t) {
  const auto control = read_struct<GroupControl>(bytes);
  if (static_cast<uint32_t>(control.action) >= kGroupActionCount) {
    return failed("unknown action on a channel group");
  }
  return {};
}

Status check_checkpoint(Bytes bytes, size_t) {
  const auto checkpoint = read_struct<Checkpoint>(bytes);
  if (static_cast<uint32_t>(checkpoint.step) >= kCheckpointStepCount) {
    return failed("unknown step of a checkpoint");
  }
  return {};
}

Status check_graph(Bytes bytes, size_t) {
  if (read_struct<GraphCreate>(bytes).nodes > kMaxGraphNodes) {
    return failed("too many nodes in a graph");
  }
  return {};
}

Status check_alloc(Bytes bytes, size_t) {
  const auto alloc = read_struct<Alloc>(bytes);
  if (alloc.bytes == 0 || alloc.bytes > kMaxBytes) return failed("absurd number of bytes");
  return {};
}

Status nothing_to_check(Bytes, size_t) { return {}; }

/// What a client may send: size of the fixed part, whether bytes may follow it, the type's own
/// check.
struct Rule {
  Type type;
  size_t fixed;
  bool tail;
  Status (*check)(Bytes bytes, size_t tail);
};

constexpr Rule kRules[] = {
    {Type::kSubmit, sizeof(Submit), true, check_submit},
    {Type::kHello, sizeof(Hello), false, check_hello},
    {Type::kDeviceInfo, sizeof(DeviceCall), false, nothing_to_check},
    {Type::kTelemetry, sizeof(DeviceCall), false, nothing_to_check},
    {Type::kProcesses, sizeof(DeviceCall), false, nothing_to_check},
    {Type::kContextCreate, sizeof(IdCall), false, nothing_to_check},
    {Type::kContextDestroy, sizeof(IdCall), false, nothing_to_check},
    {Type::kStreamCreate, sizeof(StreamCreate), false, nothing_to_check},
    {Type::kStreamDestroy, sizeof(IdCall), false, nothing_to_check},
    {Type::kAlloc, sizeof(Alloc), false, check_alloc},
    {Type::kFree, sizeof(IdCall), false, nothing_to_check},
    {Type::kMemInfo, sizeof(IdCall), false, nothing_to_check},
    {Type::kKernelLookup, sizeof(KernelLookup), true, check_lookup},
    {Type::kGraphCreate, sizeof(GraphCreate), false, check_graph},
    {Type::kGraphNode, sizeof(GraphNode), true, check_node},
    {Type::kGraphFinish, sizeof(IdCall), false, nothing_to_check},
    {Type::kGraphDestroy, sizeof(IdCall), false, nothing_to_check},
    {Type::kHostDone, sizeof(HostDone), false, nothing_to_check},
    {Type::kMpsRegister, sizeof(MpsRegister), false, check_register},
    {Type::kMpsClients, sizeof(IdCall), false, nothing_to_check},
    {Type::kMpsSetDefaults, sizeof(MpsDefaults), false, check_defaults},
    {Type::kMpsTerminate, sizeof(MpsTerminate), false, nothing_to_check},
    {Type::kMemoryAccess, sizeof(MemoryAccess), false, nothing_to_check},
    {Type::kGroupControl, sizeof(GroupControl), false, check_control},
    {Type::kCheckpoint, sizeof(Checkpoint), false, check_checkpoint},
    {Type::kSwitches, sizeof(Switches), false, nothing_to_check},
};

}  // namespace

Result<Packet> check_packet(std::span<const std::byte> bytes) {
  if (bytes.size() < sizeof(Header) || bytes.size() > kMaxPacket) {
    return failed(fmt::format("packet of {} bytes", bytes.size()));
  }
  Packet packet;
  packet.header_ = read_struct<Header>(bytes);
  packet.bytes_ = bytes;
  const Header& header = packet.header_;
  if (header.size != bytes.size()) return failed("size field disagrees with the packet");
  if (header.version != kVersion) {
    return failed(fmt::format("wire version {}, this is {}", header.version, kVersion));
  }
  const auto rule = std::find_if(std::begin(kRules), std::end(kRules),
                                 [&](const Rule& r) { return r.type == header.type; });
  if (rule == std::end(kRules)) {
    return failed(fmt::format("unknown message type {}", static_cast<unsigned>(header.type)));
  }
  if (bytes.size() < rule->fixed || (bytes.size() > rule->fixed && !rule->tail)) {
    return failed(fmt::format("message type {} with {} bytes", static_cast<unsigned>(header.type),
                              bytes.size()));
  }
  CORUN_TRY(rule->check(bytes, bytes.size() - rule->fixed));
  return packet;
}

}  // namespace corun::simgpu::wire
