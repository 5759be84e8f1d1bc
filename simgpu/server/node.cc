#include "simgpu/server/node.h"

#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>

#include "core/log.h"

namespace corun::simgpu {

namespace {

// An engine tag names a session (slot, low bits of its serial) and its operation.
constexpr uint64_t kOpBits = 40;
constexpr uint64_t kSerialBits = 12;
constexpr uint32_t kMaxSessions = 1u << 12;
constexpr uint64_t kMaxGraphNodesOfSession = 1u << 20;
constexpr size_t kMostHeld = 1024;  // packets of a locked process, sent before it knew

uint64_t make_tag(const Session& session, uint64_t op_id) {
  const uint64_t serial = session.serial & ((1u << kSerialBits) - 1);
  return (uint64_t{session.slot} << (kOpBits + kSerialBits)) | (serial << kOpBits) | op_id;
}

Word word_of(const Session& session, const wire::Op& op) {
  return {key_of(session), op.address, (op.test & wire::kWordWide) != 0};
}

// How long after it was looked at a word is looked at again: a part of the time that its stream has
// waited by then, so that long waits cost little, between these.
constexpr Nanos kShortestLook{5'000};
constexpr Nanos kLongestLook{100'000};
constexpr int64_t kLooksOfAWait = 250;
constexpr uint64_t kLongestPoll = 60'000'000'000;  // ns

}  // namespace

Node::Node(Profile profile, uint32_t gpus, CostTable costs, Instant start, Outbox& outbox)
    : profile_(std::move(profile)), costs_(std::move(costs)), outbox_(outbox) {
  for (uint32_t i = 0; i < gpus; ++i) devices_.emplace_back(profile_, start).use_words(*this);
  switches_.resize(gpus);
}

Session* Node::connect(Fd fd, const Peer& peer) {
  const auto free = std::find(sessions_.begin(), sessions_.end(), nullptr);
  const auto slot = static_cast<uint32_t>(free - sessions_.begin());
  if (slot >= kMaxSessions) return nullptr;
  if (free == sessions_.end()) sessions_.emplace_back();
  auto session = std::make_unique<Session>();
  session->fd = std::move(fd);
  session->slot = slot;
  session->serial = next_serial_++;
  session->pid = peer.pid;
  session->user = peer.user;
  session->clients.resize(devices_.size());
  sessions_[slot] = std::move(session);
  return sessions_[slot].get();
}

void Node::disconnect(Session& session, Instant now) {
  if (session.mps != nullptr &&
      (session.mps->control == &session || session.mps->server == &session)) {
    remove_daemon_part(session, now);
  }
  for (size_t i = 0; i < devices_.size(); ++i) {
    if (session.clients[i]) devices_[i].remove_client(session.clients[i], now);
  }
  for (const auto& [id, context] : session.contexts) {
    if (context.own_group) remove_group(context.device, context.own_group, now);
  }
  end_switches(session);
  std::erase(dirty_rings_, &session);
  std::erase(broken_, &session);
  sessions_[session.slot].reset();
}

Session* Node::find(uint32_t slot, uint32_t serial) {
  if (slot >= sessions_.size() || !sessions_[slot]) return nullptr;
  return sessions_[slot]->serial == serial ? sessions_[slot].get() : nullptr;
}

const Node::Handler* Node::handler(wire::Type type) {
  using wire::Type;
  static const std::map<Type, Handler> handlers = {
      {Type::kHello, &Node::on_hello},
      {Type::kDeviceInfo, &Node::on_device_info},
      {Type::kTelemetry, &Node::on_telemetry},
      {Type::kProcesses, &Node::on_processes},
      {Type::kContextCreate, &Node::on_context_create},
      {Type::kContextDestroy, &Node::on_context_destroy},
      {Type::kStreamCreate, &Node::on_stream_create},
      {Type::kStreamDestroy, &Node::on_stream_destroy},
      {Type::kAlloc, &Node::on_alloc},
      {Type::kFree, &Node::on_free},
      {Type::kMemInfo, &Node::on_mem_info},
      {Type::kKernelLookup, &Node::on_kernel_lookup},
      {Type::kGraphCreate, &Node::on_graph_create},
      {Type::kGraphNode, &Node::on_graph_node},
      {Type::kGraphFinish, &Node::on_graph_finish},
      {Type::kGraphDestroy, &Node::on_graph_destroy},
      {Type::kSubmit, &Node::on_submit},
      {Type::kHostDone, &Node::on_host_done},
      {Type::kMpsRegister, &Node::on_mps_register},
      {Type::kMpsClients, &Node::on_mps_clients},
      {Type::kMpsSetDefaults, &Node::on_mps_set_defaults},
      {Type::kMpsTerminate, &Node::on_mps_terminate},
      {Type::kMemoryAccess, &Node::on_memory_access},
      {Type::kGroupControl, &Node::on_group_control},
      {Type::kCheckpoint, &Node::on_checkpoint},
      {Type::kSwitches, &Node::on_switches},
  };
  const auto found = handlers.find(type);
  return found == handlers.end() ? nullptr : &found->second;
}

Status Node::handle(Session& session, const wire::Packet& packet, Instant now) {
  const wire::Type type = packet.header().type;
  if (session.welcomed == (type == wire::Type::kHello)) {
    return failed("hello is the first message, once");
  }
  const Handler* handler = Node::handler(type);
  if (handler == nullptr) return failed("message that clients do not send");
  if (must_wait(session, packet)) {
    if (session.held.size() >= kMostHeld) return failed("goes on while it is locked");
    session.held.emplace_back(packet.bytes().begin(), packet.bytes().end());
    return {};
  }
  return (this->**handler)(session, packet, now);
}

Status Node::reply(Session& session, const wire::Header& to, wire::Code code, uint32_t count,
                   std::span<const std::byte> body, int pass_fd) {
  std::vector<std::byte> packet(sizeof(wire::Reply) + body.size());
  CORUN_CHECK(packet.size() <= wire::kMaxPacket, "reply too long");
  wire::Reply reply;
  reply.header = {.size = static_cast<uint32_t>(packet.size()),
                  .type = wire::Type::kReply,
                  .version = wire::kVersion,
                  .call = to.call,
                  .stamp_ns = 0};
  reply.code = code;
  reply.count = count;
  std::memcpy(packet.data(), &reply, sizeof reply);
  if (!body.empty()) std::memcpy(packet.data() + sizeof reply, body.data(), body.size());
  if (!outbox_.send(session, packet, pass_fd)) return failed("client does not take its replies");
  return {};
}

// --- work ---

Result<KernelWork> Node::kernel(const wire::Op& op, std::span<const std::byte> params) const {
  if (op.object == 0 || op.object > kernels_.size()) return failed("unknown kernel id");
  const LaunchShape shape{uint64_t{op.grid[0]} * op.grid[1] * op.grid[2],
                          op.block[0] * op.block[1] * op.block[2]};
  CORUN_ASSIGN(KernelWork work, kernel_work(*kernels_[op.object - 1], shape, params, profile_));
  work.illegal_address = op.illegal != 0;
  return work;
}

Result<GraphNode> Node::graph_node(const Session& session, const wire::Op& op,
                                   std::span<const std::byte> params) const {
  switch (op.kind) {
    case wire::OpKind::kKernel: {
      CORUN_ASSIGN(KernelWork work, kernel(op, params));
      return GraphNode(work);
    }
    case wire::OpKind::kCopyHostToDevice:
      return GraphNode(CopyWork{CopyDirection::kHostToDevice, op.bytes});
    case wire::OpKind::kCopyDeviceToHost:
      return GraphNode(CopyWork{CopyDirection::kDeviceToHost, op.bytes});
    case wire::OpKind::kCopyDeviceToDevice:
      return GraphNode(DeviceMemoryWork{2 * op.bytes});
    case wire::OpKind::kMemset:
      return GraphNode(DeviceMemoryWork{op.bytes});
    case wire::OpKind::kMarker:
      return GraphNode(MarkWork{});
    case wire::OpKind::kHost:
      return GraphNode(HostWork{});
    case wire::OpKind::kWordWait:
      if (!session.memory) return failed("wait for a word without access to memory");
      if (op.bytes > kLongestPoll) return failed("a polling kernel that lasts for too long");
      return GraphNode(WordWaitWork{word_of(session, op), op.value,
                                    static_cast<WordTest>(op.test & wire::kWordTestMask),
                                    Nanos(static_cast<int64_t>(op.bytes))});
    case wire::OpKind::kWordWrite:
      if (!session.memory) return failed("write of a word without access to memory");
      return GraphNode(WordWriteWork{word_of(session, op), op.value});
    case wire::OpKind::kWait:
    case wire::OpKind::kGraph:
      break;
  }
  return failed("operation that a graph cannot hold");
}

Result<Work> Node::work(Session& session, const wire::Op& op, std::span<const std::byte> params) {
  if (op.kind == wire::OpKind::kWait) {
    if (op.wait_on > session.last_op_id) return failed("wait for an operation to come");
    const SessionOp& target = session.ops[op.wait_on % wire::kMaxOutstanding];
    if (target.op_id != op.wait_on || op.wait_on == 0) return Work(MarkWork{});
    return Work(WaitWork{target.op});
  }
  if (op.kind == wire::OpKind::kGraph) {
    const auto graph = session.graphs.find(op.object);
    if (graph == session.graphs.end() || !graph->second.ready) return failed("unknown graph id");
    return Work(GraphWork{graph->second.ready});
  }
  CORUN_ASSIGN(GraphNode node, graph_node(session, op, params));
  return std::visit([](auto one) { return Work(one); }, node);
}

Status Node::on_submit(Session& session, const wire::Packet& packet, Instant now) {
  const auto submit = packet.as<wire::Submit>();
  const auto stream = session.streams.find(submit.stream);
  if (stream == session.streams.end()) return failed("unknown stream id");
  if (submit.op_id != session.last_op_id + 1) return failed("operation ids have a gap");
  SessionOp& slot = session.ops[submit.op_id % wire::kMaxOutstanding];
  if (slot.op_id != 0) return failed("too many operations in flight");
  session.last_op_id = submit.op_id;
  const uint32_t context_id = stream->second.context;
  SessionContext& context = session.contexts.at(context_id);
  if (context.dead) return {};  // the client learns it from the kContextDead record
  Result<Work> work = this->work(session, submit.op, packet.tail<wire::Submit>());
  if (!work) {
    log::warn("simulated GPU: pid {}: {}", session.pid, work.error().text());
    kill_context(session, context_id, wire::Code::kInvalid, now);
    return {};
  }
  const OpId op = devices_[context.device].submit(stream->second.stream, std::move(work).value(),
                                                  make_tag(session, submit.op_id), now);
  slot = {submit.op_id, op, context_id};
  return {};
}

Status Node::on_host_done(Session& session, const wire::Packet& packet, Instant now) {
  const auto done = packet.as<wire::HostDone>();
  SessionOp& slot = session.ops[done.op_id % wire::kMaxOutstanding];
  if (slot.op_id != done.op_id || !slot.reached) return {};  // its context died meanwhile
  slot.reached = false;
  devices_[session.contexts.at(slot.context).device].resume(slot.op, now);
  return {};
}

Status Node::on_graph_create(Session& session, const wire::Packet& packet, Instant) {
  const auto create = packet.as<wire::GraphCreate>();
  if (!session.contexts.contains(create.context)) return failed("unknown context id");
  if (session.graph_nodes + create.nodes > kMaxGraphNodesOfSession ||
      session.graphs.size() >= wire::kMaxGraphNodes) {
    return reply(session, packet.header(), wire::Code::kLimit);
  }
  session.graph_nodes += create.nodes;
  const uint32_t id = session.next_id++;
  session.graphs[id] = {create.context, create.nodes, {}, nullptr};
  return reply(session, packet.header(), wire::Code::kOk, id);
}

Status Node::on_graph_node(Session& session, const wire::Packet& packet, Instant) {
  const auto node = packet.as<wire::GraphNode>();
  const auto graph = session.graphs.find(node.graph);
  if (graph == session.graphs.end() || graph->second.ready) return failed("unknown graph id");
  if (graph->second.building.size() >= graph->second.nodes) return failed("too many graph nodes");
  CORUN_ASSIGN(GraphNode made, graph_node(session, node.op, packet.tail<wire::GraphNode>()));
  graph->second.building.push_back(made);
  return {};
}

Status Node::on_graph_finish(Session& session, const wire::Packet& packet, Instant) {
  const auto graph = session.graphs.find(packet.as<wire::IdCall>().id);
  if (graph == session.graphs.end() || graph->second.ready ||
      graph->second.building.size() != graph->second.nodes) {
    return failed("graph is not complete");
  }
  graph->second.ready =
      std::make_shared<const std::vector<GraphNode>>(std::move(graph->second.building));
  return reply(session, packet.header(), wire::Code::kOk);
}

Status Node::on_graph_destroy(Session& session, const wire::Packet& packet, Instant) {
  const auto graph = session.graphs.find(packet.as<wire::IdCall>().id);
  if (graph == session.graphs.end()) return failed("unknown graph id");
  session.graph_nodes -= graph->second.nodes;
  session.graphs.erase(graph);
  return {};
}

// --- time ---

void Node::advance(Instant now) {
  for (Device& device : devices_) {
    completions_.clear();
    device.poll_words(now);
    device.advance(now, completions_);
    for (const Completion& completion : completions_) route(completion);
  }
  if (!steps_.empty()) work_on_steps(now);
  for (Session* session : dirty_rings_) session->ring->publish();
  dirty_rings_.clear();
}

std::optional<Instant> Node::next_result() const {
  std::optional<Instant> earliest;
  for (const Device& device : devices_) {
    const std::optional<Instant> next = device.next_result();
    if (next && (!earliest || *next < *earliest)) earliest = next;
  }
  for (const CheckpointCall& step : steps_) {
    if (step.due && (!earliest || *step.due < *earliest)) earliest = step.due;
  }
  return earliest;
}

std::optional<Instant> Node::next_look(Instant now) const {
  std::optional<Instant> earliest;
  for (const Device& device : devices_) {
    const std::optional<Instant> since = device.word_wait_since();
    if (!since) continue;
    const Nanos step = std::clamp((now - *since) / kLooksOfAWait, kShortestLook, kLongestLook);
    if (!earliest || now + step < *earliest) earliest = now + step;
  }
  return earliest;
}

// --- words of clients' memory ---

const Session* Node::owner(const Word& word) const {
  const auto slot = static_cast<size_t>(word.owner >> 32);
  if (slot >= sessions_.size() || !sessions_[slot]) return nullptr;
  const Session& session = *sessions_[slot];
  return session.serial == static_cast<uint32_t>(word.owner) ? &session : nullptr;
}

std::optional<uint64_t> Node::read(const Word& word) {
  const Session* session = owner(word);
  if (session == nullptr) return std::nullopt;
  uint64_t value = 0;  // little endian: a narrow word fills the low half
  const size_t size = word.wide ? sizeof(uint64_t) : sizeof(uint32_t);
  const ssize_t got = pread(session->memory.get(), &value, size, static_cast<off_t>(word.address));
  if (got != static_cast<ssize_t>(size)) return std::nullopt;
  return value;
}

bool Node::write(const Word& word, uint64_t value) {
  const Session* session = owner(word);
  if (session == nullptr) return false;
  const size_t size = word.wide ? sizeof(uint64_t) : sizeof(uint32_t);
  return pwrite(session->memory.get(), &value, size, static_cast<off_t>(word.address)) ==
         static_cast<ssize_t>(size);
}

Status Node::on_memory_access(Session& session, const wire::Packet& packet, Instant) {
  struct statfs system {};
  // The descriptor of anything else could block the server.
  if (!session.passed || fstatfs(session.passed.get(), &system) != 0 ||
      system.f_type != PROC_SUPER_MAGIC) {
    return failed("no descriptor of its memory");
  }
  session.memory = std::move(session.passed);
  return reply(session, packet.header(), wire::Code::kOk);
}

void Node::route(const Completion& completion) {
  const uint64_t op_id = completion.tag & ((uint64_t{1} << kOpBits) - 1);
  const auto slot_index = static_cast<size_t>(completion.tag >> (kOpBits + kSerialBits));
  const uint64_t serial = (completion.tag >> kOpBits) & ((1u << kSerialBits) - 1);
  if (slot_index >= sessions_.size() || !sessions_[slot_index]) return;
  Session& session = *sessions_[slot_index];
  if ((session.serial & ((1u << kSerialBits) - 1)) != serial) return;
  SessionOp& slot = session.ops[op_id % wire::kMaxOutstanding];
  if (slot.op_id != op_id) return;
  wire::Completion record{.op_id = op_id,
                          .at_ns = completion.at.ns,
                          .kind = wire::RecordKind::kDone,
                          .code = wire::Code::kOk,
                          .context = slot.context,
                          .node = completion.node};
  if (completion.kind == CompletionKind::kReached) {
    slot.reached = true;
    record.kind = wire::RecordKind::kReached;
  } else {
    if (completion.kind == CompletionKind::kFailed) record.code = wire::Code::kIllegalAddress;
    slot = {};
  }
  this->record(session, record);
}

void Node::record(Session& session, const wire::Completion& completion) {
  if (!session.ring) return;
  if (!session.ring->push(completion)) {
    session.closing = true;
    broken_.push_back(&session);
    return;
  }
  if (std::find(dirty_rings_.begin(), dirty_rings_.end(), &session) == dirty_rings_.end()) {
    dirty_rings_.push_back(&session);
  }
}

std::vector<Session*> Node::take_broken() {
  std::sort(broken_.begin(), broken_.end());
  broken_.erase(std::unique(broken_.begin(), broken_.end()), broken_.end());
  return std::exchange(broken_, {});
}

void Node::kill_context(Session& session, uint32_t id, wire::Code code, Instant now) {
  SessionContext& context = session.contexts.at(id);
  if (context.dead) return;
  context.dead = true;
  Device& device = devices_[context.device];
  device.remove_context(context.context, now);
  for (SessionOp& op : session.ops) {
    if (op.op_id != 0 && op.context == id) op = {};
  }
  record(session, {.op_id = 0,
                   .at_ns = now.ns,
                   .kind = wire::RecordKind::kContextDead,
                   .code = code,
                   .context = id,
                   .node = 0});
}

void Node::kill_contexts(Session& session, wire::Code code, Instant now) {
  for (const auto& [id, context] : session.contexts) kill_context(session, id, code, now);
}

}  // namespace corun::simgpu
