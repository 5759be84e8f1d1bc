// MPS on the simulated node: a control daemon (the stand-in nvidia-cuda-mps-control) registers its
// pipe directory; CUDA clients whose pipe directory it is become its clients: their contexts live
// in one channel group for each GPU.
#include <algorithm>

#include "simgpu/server/node.h"

namespace corun::simgpu {

namespace {

// "48 client CUDA contexts per device", https://docs.nvidia.com/deploy/mps/ (limitations of
// Volta MPS).
constexpr size_t kMaxMpsContexts = 48;

}  // namespace

void Node::join_mps(Session& session) {
  const std::string directory = session.hello.pipe_directory;
  for (const auto& daemon : daemons_) {
    if (daemon->pipe_directory != directory || daemon->control == nullptr) continue;
    session.mps = daemon.get();
    wire::Header notice{.size = sizeof(wire::Header),
                        .type = wire::Type::kMpsClientJoined,
                        .version = wire::kVersion,
                        .call = 0,
                        .stamp_ns = 0};
    if (!outbox_.send(*daemon->control, std::as_bytes(std::span(&notice, 1)), -1)) {
      broken_.push_back(daemon->control);
    }
  }
}

std::vector<Session*> Node::mps_clients(const MpsDaemon& daemon) const {
  std::vector<Session*> clients;
  for (const auto& session : sessions_) {
    if (session && session->mps == &daemon && session->hello.role == wire::Role::kCuda) {
      clients.push_back(session.get());
    }
  }
  return clients;
}

bool Node::mps_has_room(const Session& session) const {
  size_t contexts = 0;
  for (const Session* client : mps_clients(*session.mps)) contexts += client->contexts.size();
  return contexts < kMaxMpsContexts;
}

GroupId Node::mps_group(MpsDaemon& daemon, uint32_t device, Instant now) {
  GroupId& group = daemon.groups[device];
  if (!group) {
    group = devices_[device].add_group(now);
    const Session* owner = daemon.server != nullptr ? daemon.server : daemon.control;
    if (owner != nullptr) switches_[device].owners[group] = {owner->pid, owner->user};
  }
  return group;
}

uint32_t Node::effective_thread_percentage(const Session& session) const {
  if (session.mps == nullptr) return 100;
  const uint32_t own = session.hello.thread_percentage;
  const uint32_t most = session.mps->thread_percentage;
  return own == 0 ? most : std::min(own, most);
}

uint64_t Node::effective_memory_limit(const Session& session, uint32_t device) const {
  if (session.mps == nullptr) return 0;
  const uint64_t own = session.hello.memory_limit[device];
  const uint64_t most = session.mps->memory_limit[device];
  if (own == 0 || most == 0) return std::max(own, most);
  return std::min(own, most);
}

Status Node::on_mps_register(Session& session, const wire::Packet& packet, Instant) {
  const std::string directory = packet.as<wire::MpsRegister>().pipe_directory;
  if (session.mps != nullptr) return failed("registered twice");
  const auto found = std::find_if(daemons_.begin(), daemons_.end(), [&](const auto& daemon) {
    return daemon->pipe_directory == directory;
  });
  if (session.hello.role == wire::Role::kMpsServer) {
    if (found == daemons_.end() || (*found)->server != nullptr) {
      return reply(session, packet.header(), wire::Code::kNotFound);
    }
    (*found)->server = &session;
    session.mps = found->get();
    return reply(session, packet.header(), wire::Code::kOk);
  }
  if (session.hello.role != wire::Role::kMpsControl) return failed("not an MPS daemon");
  if (found != daemons_.end()) return reply(session, packet.header(), wire::Code::kInvalid);
  auto daemon = std::make_unique<MpsDaemon>();
  daemon->pipe_directory = directory;
  daemon->control = &session;
  daemon->groups.resize(devices_.size());
  session.mps = daemon.get();
  daemons_.push_back(std::move(daemon));
  return reply(session, packet.header(), wire::Code::kOk);
}

Status Node::on_mps_clients(Session& session, const wire::Packet& packet, Instant) {
  if (session.mps == nullptr) return failed("not an MPS daemon");
  std::vector<wire::MpsClientEntry> entries;
  for (const Session* client : mps_clients(*session.mps)) {
    if (client->contexts.empty() || entries.size() >= wire::kMaxProcesses) continue;
    entries.push_back({client->pid, effective_thread_percentage(*client),
                       client->contexts.begin()->second.device,
                       static_cast<uint32_t>(client->contexts.size())});
  }
  return reply(session, packet.header(), wire::Code::kOk, static_cast<uint32_t>(entries.size()),
               std::as_bytes(std::span(entries)));
}

Status Node::on_mps_set_defaults(Session& session, const wire::Packet& packet, Instant) {
  if (session.mps == nullptr || session.mps->control != &session) {
    return failed("not an MPS control daemon");
  }
  const auto defaults = packet.as<wire::MpsDefaults>();
  session.mps->thread_percentage = defaults.thread_percentage;
  std::copy(std::begin(defaults.memory_limit), std::end(defaults.memory_limit),
            session.mps->memory_limit.begin());
  return reply(session, packet.header(), wire::Code::kOk);
}

Status Node::on_mps_terminate(Session& session, const wire::Packet& packet, Instant now) {
  if (session.mps == nullptr || session.mps->control != &session) {
    return failed("not an MPS control daemon");
  }
  const int pid = packet.as<wire::MpsTerminate>().pid;
  for (Session* client : mps_clients(*session.mps)) {
    if (client->pid != pid) continue;
    kill_contexts(*client, wire::Code::kMpsTerminated, now);
    return reply(session, packet.header(), wire::Code::kOk);
  }
  return reply(session, packet.header(), wire::Code::kNotFound);
}

/// The daemon's process `session` (control or server) is gone: no client of it can go on.
void Node::remove_daemon_part(Session& session, Instant now) {
  MpsDaemon& daemon = *session.mps;
  for (Session* client : mps_clients(daemon)) {
    kill_contexts(*client, wire::Code::kMpsServerDied, now);
    client->mps = nullptr;
  }
  for (size_t i = 0; i < daemon.groups.size(); ++i) {
    const auto device = static_cast<uint32_t>(i);
    if (daemon.groups[i]) remove_group(device, daemon.groups[i], now);
    daemon.groups[i] = {};
  }
  if (daemon.server == &session) {
    daemon.server = nullptr;
    return;
  }
  if (daemon.server != nullptr) daemon.server->mps = nullptr;
  std::erase_if(daemons_, [&](const auto& d) { return d.get() == &daemon; });
}

}  // namespace corun::simgpu
