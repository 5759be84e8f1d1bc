// The simulated node: its GPUs and all connections, without sockets and without a clock. The loop
// (server/loop.h) hands packets in, with the time at which each counts, and carries the replies.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "simgpu/engine/costs.h"
#include "simgpu/engine/device.h"
#include "simgpu/server/session.h"
#include "simgpu/wire/parse.h"

namespace corun::simgpu {

/// Name of the one effect of kernels on memory: state[i] = state[i] * 1664525 + 1013904223 +
/// addend for i < words (uint32), with the roles state, words and addend.
inline constexpr char kLcgStepEffect[] = "lcg_step";
/// No effect on memory, but one of memory on the kernel: it polls words (wire::EffectKind::kPoll),
/// with the roles words, ticket and limit_ns.
inline constexpr char kPollEffect[] = "poll";

/// Carries one packet to a client, with a descriptor where `pass_fd` >= 0. False: it did not take
/// it, and its connection must be closed.
class Outbox {
 public:
  virtual ~Outbox() = default;
  virtual bool send(Session& session, std::span<const std::byte> packet, int pass_fd) = 0;
};

class Node final : private Words {
 public:
  Node(Profile profile, uint32_t gpus, CostTable costs, Instant start, Outbox& outbox);
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  /// A new connection. Null: the server is full.
  Session* connect(Fd fd, const Peer& peer);
  /// The client is gone: its contexts, memory and work vanish.
  void disconnect(Session& session, Instant now);
  /// Works on one packet. Errors: the client broke the protocol and must be disconnected.
  Status handle(Session& session, const wire::Packet& packet, Instant now);
  /// Lets the GPUs run until `now` and puts what completed into the clients' rings.
  void advance(Instant now);
  /// Nothing happens before this that a client could notice; advance() then.
  std::optional<Instant> next_result() const;
  /// When to look again at the words of memory that streams wait for: nothing tells of a change.
  /// `now` is when they were looked at last.
  std::optional<Instant> next_look(Instant now) const;
  /// Sessions that broke their contract outside handle(): the loop disconnects them.
  std::vector<Session*> take_broken();
  Session* find(uint32_t slot, uint32_t serial);

 private:
  using Handler = Status (Node::*)(Session&, const wire::Packet&, Instant);
  static const Handler* handler(wire::Type type);

  Status on_hello(Session& session, const wire::Packet& packet, Instant now);
  Status on_device_info(Session& session, const wire::Packet& packet, Instant now);
  Status on_telemetry(Session& session, const wire::Packet& packet, Instant now);
  Status on_processes(Session& session, const wire::Packet& packet, Instant now);
  Status on_context_create(Session& session, const wire::Packet& packet, Instant now);
  Status on_context_destroy(Session& session, const wire::Packet& packet, Instant now);
  Status on_stream_create(Session& session, const wire::Packet& packet, Instant now);
  Status on_stream_destroy(Session& session, const wire::Packet& packet, Instant now);
  Status on_alloc(Session& session, const wire::Packet& packet, Instant now);
  Status on_free(Session& session, const wire::Packet& packet, Instant now);
  Status on_mem_info(Session& session, const wire::Packet& packet, Instant now);
  Status on_kernel_lookup(Session& session, const wire::Packet& packet, Instant now);
  Status on_graph_create(Session& session, const wire::Packet& packet, Instant now);
  Status on_graph_node(Session& session, const wire::Packet& packet, Instant now);
  Status on_graph_finish(Session& session, const wire::Packet& packet, Instant now);
  Status on_graph_destroy(Session& session, const wire::Packet& packet, Instant now);
  Status on_memory_access(Session& session, const wire::Packet& packet, Instant now);
  Status on_group_control(Session& session, const wire::Packet& packet, Instant now);
  Status on_checkpoint(Session& session, const wire::Packet& packet, Instant now);
  Status on_switches(Session& session, const wire::Packet& packet, Instant now);
  Status on_submit(Session& session, const wire::Packet& packet, Instant now);
  Status on_host_done(Session& session, const wire::Packet& packet, Instant now);
  Status on_mps_register(Session& session, const wire::Packet& packet, Instant now);
  Status on_mps_clients(Session& session, const wire::Packet& packet, Instant now);
  Status on_mps_set_defaults(Session& session, const wire::Packet& packet, Instant now);
  Status on_mps_terminate(Session& session, const wire::Packet& packet, Instant now);

  Status reply(Session& session, const wire::Header& to, wire::Code code, uint32_t count = 0,
               std::span<const std::byte> body = {}, int pass_fd = -1);
  Result<GraphNode> graph_node(const Session& session, const wire::Op& op,
                               std::span<const std::byte> params) const;
  Result<Work> work(Session& session, const wire::Op& op, std::span<const std::byte> params);
  Result<KernelWork> kernel(const wire::Op& op, std::span<const std::byte> params) const;
  std::optional<uint64_t> read(const Word& word) override;
  bool write(const Word& word, uint64_t value) override;
  const Session* owner(const Word& word) const;
  // --- checkpoints (node_checkpoint.cc) ---
  Session* session_of_process(int pid) const;
  wire::Code begin_step(Session& target, CheckpointCall& call, Instant now);
  void work_on_steps(Instant now);
  /// Nothing: not yet done.
  std::optional<wire::Code> finish_step(Session& target, const CheckpointCall& call, Instant now);
  Status unlock(Session& target, Instant now);
  bool drained(const Session& session) const;
  uint64_t device_memory_of(const Session& session) const;
  /// Whether the packet must wait until the process is unlocked.
  static bool must_wait(const Session& session, const wire::Packet& packet);
  // --- context switches (node_switches.cc) ---
  void begin_switches();
  void end_switches(const Session& session);
  /// Takes in what the device noted; before a group goes, as its owner is looked up by it.
  void collect_switches(uint32_t device, Instant now);
  void remove_group(uint32_t device, GroupId group, Instant now);
  wire::DeviceInfo describe(uint32_t device) const;
  void route(const Completion& completion);
  void record(Session& session, const wire::Completion& completion);
  /// The context is dead for `code`: its work is gone, its client is told.
  void kill_context(Session& session, uint32_t id, wire::Code code, Instant now);
  void kill_contexts(Session& session, wire::Code code, Instant now);
  void remove_daemon_part(Session& session, Instant now);
  void join_mps(Session& session);
  bool mps_has_room(const Session& session) const;
  GroupId mps_group(MpsDaemon& daemon, uint32_t device, Instant now);
  uint32_t effective_thread_percentage(const Session& session) const;
  uint64_t effective_memory_limit(const Session& session, uint32_t device) const;
  std::vector<Session*> mps_clients(const MpsDaemon& daemon) const;

  const Profile profile_;
  CostTable costs_;
  Outbox& outbox_;
  std::vector<Device> devices_;
  std::vector<SwitchLog> switches_;                 ///< by device
  std::vector<std::unique_ptr<Session>> sessions_;  ///< by slot; empty ones are free
  uint32_t next_serial_ = 1;
  std::vector<std::unique_ptr<MpsDaemon>> daemons_;
  std::vector<const KernelCost*> kernels_;  ///< by kernel id - 1
  std::map<const KernelCost*, uint32_t> kernel_ids_;
  std::vector<Completion> completions_;
  std::vector<CheckpointCall> steps_;
  std::vector<Session*> dirty_rings_;  ///< with records to publish
  std::vector<Session*> broken_;
};

}  // namespace corun::simgpu
