// Checkpoints: a process is locked (its calls stand still, what it has submitted ends), its memory
// leaves the device, comes back, and it goes on. States and preconditions as the CUDA Driver API
// has them (https://docs.nvidia.com/cuda/cuda-driver-api/, "CUDA Checkpointing").
#include <algorithm>

#include "simgpu/server/node.h"

namespace corun::simgpu {

using cuda::ProcessState;
using wire::CheckpointStep;

Session* Node::session_of_process(int pid) const {
  for (const auto& session : sessions_) {
    if (session && session->welcomed && session->pid == pid &&
        session->hello.role == wire::Role::kCuda) {
      return session.get();
    }
  }
  return nullptr;
}

bool Node::drained(const Session& session) const {
  return std::none_of(session.ops.begin(), session.ops.end(),
                      [](const SessionOp& op) { return op.op_id != 0; });
}

uint64_t Node::device_memory_of(const Session& session) const {
  uint64_t bytes = 0;
  for (size_t i = 0; i < devices_.size(); ++i) {
    if (session.clients[i]) bytes += devices_[i].memory_of(session.clients[i]);
  }
  return bytes;
}

bool Node::must_wait(const Session& session, const wire::Packet& packet) {
  if (session.state == ProcessState::kRunning) return false;
  const wire::Type type = packet.header().type;
  const bool looks = type == wire::Type::kMemInfo && session.state == ProcessState::kLocked;
  return !looks && type != wire::Type::kCheckpoint && type != wire::Type::kHostDone;
}

Status Node::on_checkpoint(Session& session, const wire::Packet& packet, Instant now) {
  const auto checkpoint = packet.as<wire::Checkpoint>();
  Session* target = session_of_process(checkpoint.pid);
  if (target == nullptr) return reply(session, packet.header(), wire::Code::kInvalid);
  const auto state = [&] { return static_cast<uint32_t>(target->state); };
  if (checkpoint.step == CheckpointStep::kGetState) {
    return reply(session, packet.header(), wire::Code::kOk, state());
  }
  if (target->mps != nullptr) {
    return reply(session, packet.header(), wire::Code::kNotSupported, state());
  }
  CheckpointCall call{.target_slot = target->slot,
                      .target_serial = target->serial,
                      .caller_slot = session.slot,
                      .caller_serial = session.serial,
                      .header = packet.header(),
                      .step = checkpoint.step,
                      .due = std::nullopt};
  if (checkpoint.step == CheckpointStep::kLock && checkpoint.timeout_ms != 0) {
    call.due = now + std::chrono::milliseconds(checkpoint.timeout_ms);
  }
  const wire::Code code = begin_step(*target, call, now);
  if (code != wire::Code::kOk) return reply(session, packet.header(), code, state());
  if (checkpoint.step == CheckpointStep::kUnlock) {
    CORUN_TRY(reply(session, packet.header(), code, state()));
    return unlock(*target, now);
  }
  target->stepping = true;
  steps_.push_back(call);
  work_on_steps(now);
  return {};
}

wire::Code Node::begin_step(Session& target, CheckpointCall& call, Instant now) {
  const auto takes = [&](double bytes_per_s) {
    return now + from_seconds(static_cast<double>(device_memory_of(target)) / bytes_per_s);
  };
  const auto is = [&](ProcessState state) { return !target.stepping && target.state == state; };
  switch (call.step) {
    case CheckpointStep::kGetState:
      return wire::Code::kOk;
    case CheckpointStep::kLock:
      if (!is(ProcessState::kRunning)) return wire::Code::kIllegalState;
      target.ring->set_hold(wire::Hold::kLocked);
      return wire::Code::kOk;
    case CheckpointStep::kCheckpoint:
      if (!is(ProcessState::kLocked)) return wire::Code::kIllegalState;
      call.due = takes(profile_.park_bytes_per_s);
      return wire::Code::kOk;
    case CheckpointStep::kRestore:
      if (!is(ProcessState::kCheckpointed)) return wire::Code::kIllegalState;
      if (target.lost) return wire::Code::kLost;
      for (size_t i = 0; i < devices_.size(); ++i) {
        if (!target.clients[i] || devices_[i].unpark(target.clients[i])) continue;
        for (size_t j = 0; j < i; ++j) {
          if (target.clients[j]) devices_[j].park(target.clients[j], profile_.park_left_bytes);
        }
        target.lost = true;
        return wire::Code::kOutOfMemory;
      }
      call.due = takes(profile_.restore_bytes_per_s);
      return wire::Code::kOk;
    case CheckpointStep::kUnlock:
      return is(ProcessState::kLocked) ? wire::Code::kOk : wire::Code::kIllegalState;
  }
  return wire::Code::kInvalid;
}

std::optional<wire::Code> Node::finish_step(Session& target, const CheckpointCall& call,
                                            Instant now) {
  if (call.step == CheckpointStep::kLock) {
    if (drained(target)) {
      target.state = ProcessState::kLocked;
      return wire::Code::kOk;
    }
    if (!call.due || now < *call.due) return std::nullopt;
    target.ring->set_hold(wire::Hold::kNone);
    return wire::Code::kNotReady;
  }
  if (now < *call.due) return std::nullopt;
  if (call.step == CheckpointStep::kCheckpoint) {
    for (size_t i = 0; i < devices_.size(); ++i) {
      if (target.clients[i]) devices_[i].park(target.clients[i], profile_.park_left_bytes);
    }
    target.state = ProcessState::kCheckpointed;
    target.ring->set_hold(wire::Hold::kParked);
  } else {
    target.state = ProcessState::kLocked;
    target.ring->set_hold(wire::Hold::kLocked);
  }
  return wire::Code::kOk;
}

/// Ends the steps that are done, also those whose process is gone.
void Node::work_on_steps(Instant now) {
  std::erase_if(steps_, [&](const CheckpointCall& call) {
    Session* target = find(call.target_slot, call.target_serial);
    const std::optional<wire::Code> code =
        target == nullptr ? wire::Code::kInvalid : finish_step(*target, call, now);
    if (!code) return false;
    if (target != nullptr) target->stepping = false;
    Session* caller = find(call.caller_slot, call.caller_serial);
    const uint32_t state = target == nullptr ? 0 : static_cast<uint32_t>(target->state);
    if (caller != nullptr && !reply(*caller, call.header, *code, state)) broken_.push_back(caller);
    return true;
  });
}

/// Lets the process go on, with what it had sent before it knew that it was locked.
Status Node::unlock(Session& target, Instant now) {
  target.state = ProcessState::kRunning;
  target.ring->set_hold(wire::Hold::kNone);
  for (const std::vector<std::byte>& bytes : std::exchange(target.held, {})) {
    const auto packet = wire::check_packet(bytes);
    if (!packet || !handle(target, *packet, now)) {
      broken_.push_back(&target);
      return {};
    }
  }
  return {};
}

}  // namespace corun::simgpu
