// The node's calls: hello, what the GPUs are, contexts, streams, memory, kernels.
#include <fmt/format.h>

#include <algorithm>

#include "core/abi/cuda.h"
#include "core/log.h"
#include "simgpu/server/node.h"

namespace corun::simgpu {

namespace {

constexpr uint64_t kMostTimesliceUs = 100'000'000;
constexpr size_t kMaxContexts = 64;           // of one process
constexpr size_t kMaxStreams = 16384;         // of one process
constexpr size_t kMaxAllocations = 1u << 18;  // of one process
// The branch that brought the newest functions of the drop-ins, those of checkpoints.
constexpr char kDriverVersion[] = "570.86.10";

template <typename T>
std::span<const std::byte> bytes_of(const T& value) {
  return std::as_bytes(std::span(&value, 1));
}

template <typename T>
std::span<const std::byte> bytes_of(const std::vector<T>& values) {
  return std::as_bytes(std::span(values));
}

void copy_text(const std::string& text, std::span<char> target) {
  const size_t size = std::min(text.size(), target.size() - 1);
  std::copy_n(text.begin(), size, target.begin());
}

}  // namespace

Status Node::on_hello(Session& session, const wire::Packet& packet, Instant) {
  session.hello = packet.as<wire::Hello>();
  session.welcomed = true;
  wire::Welcome welcome;
  welcome.gpus = static_cast<uint32_t>(devices_.size());
  copy_text(profile_.name, welcome.profile);
  welcome.flush_ns = profile_.flush_time.count();
  if (session.hello.role != wire::Role::kCuda) {
    return reply(session, packet.header(), wire::Code::kOk, 0, bytes_of(welcome));
  }
  CORUN_ASSIGN(session.ring, RingWriter::create());
  join_mps(session);
  welcome.mps_client = session.mps != nullptr ? 1 : 0;
  welcome.thread_percentage = effective_thread_percentage(session);
  CORUN_TRY(reply(session, packet.header(), wire::Code::kOk, 0, bytes_of(welcome),
                  session.ring->memory_fd()));
  session.ring->release_memory_fd();
  return {};
}

wire::DeviceInfo Node::describe(uint32_t device) const {
  wire::DeviceInfo info;
  copy_text(profile_.product_name, info.name);
  copy_text(fmt::format("GPU-51a00000-0000-4000-8000-{:012x}", device), info.uuid);
  info.pci_bus = device + 1;
  copy_text(fmt::format("00000000:{:02X}:00.0", info.pci_bus), info.pci_bus_id);
  copy_text(kDriverVersion, info.driver);
  info.memory_bytes = profile_.memory_bytes;
  info.l2_bytes = profile_.l2_bytes;
  info.dram_bytes_per_s = profile_.dram_bytes_per_s;
  info.compute_major = static_cast<uint32_t>(profile_.compute_major);
  info.compute_minor = static_cast<uint32_t>(profile_.compute_minor);
  info.sm_count = static_cast<uint32_t>(profile_.sm_count);
  info.threads_per_sm = static_cast<uint32_t>(profile_.max_threads_per_sm);
  info.blocks_per_sm = static_cast<uint32_t>(profile_.max_blocks_per_sm);
  info.sm_clock_mhz = static_cast<uint32_t>(profile_.max_sm_clock_mhz);
  info.memory_clock_mhz = static_cast<uint32_t>(profile_.memory_clock_mhz);
  info.power_limit_mw = static_cast<uint32_t>(profile_.power_limit_w * 1e3);
  return info;
}

Status Node::on_device_info(Session& session, const wire::Packet& packet, Instant) {
  const uint32_t device = packet.as<wire::DeviceCall>().device;
  if (device >= devices_.size()) return reply(session, packet.header(), wire::Code::kInvalid);
  const wire::DeviceInfo info = describe(device);
  return reply(session, packet.header(), wire::Code::kOk, 0, bytes_of(info));
}

Status Node::on_telemetry(Session& session, const wire::Packet& packet, Instant now) {
  const uint32_t device = packet.as<wire::DeviceCall>().device;
  if (device >= devices_.size()) return reply(session, packet.header(), wire::Code::kInvalid);
  const Telemetry reading = devices_[device].telemetry(now);
  wire::Telemetry answer;
  answer.at_ns = reading.at.ns;
  answer.memory_used_bytes = reading.memory.used_bytes;
  answer.utilization = reading.utilization;
  answer.memory_utilization = reading.memory_utilization;
  answer.busy_s = to_seconds(reading.busy);
  answer.sm_s = reading.sm_seconds;
  answer.dram_bytes = reading.dram_bytes;
  answer.h2d_bytes = reading.h2d_bytes;
  answer.d2h_bytes = reading.d2h_bytes;
  answer.energy_j = reading.energy_j;
  answer.power_w = reading.power_w;
  answer.temperature_c = reading.temperature_c;
  answer.sm_clock_mhz = static_cast<uint32_t>(reading.sm_clock_mhz);
  answer.memory_clock_mhz = static_cast<uint32_t>(reading.memory_clock_mhz);
  return reply(session, packet.header(), wire::Code::kOk, 0, bytes_of(answer));
}

Status Node::on_processes(Session& session, const wire::Packet& packet, Instant now) {
  const uint32_t device = packet.as<wire::DeviceCall>().device;
  if (device >= devices_.size()) return reply(session, packet.header(), wire::Code::kInvalid);
  std::vector<wire::ProcessEntry> entries;
  for (const auto& other : sessions_) {
    if (!other || entries.size() >= wire::kMaxProcesses) continue;
    const bool here =
        std::any_of(other->contexts.begin(), other->contexts.end(),
                    [&](const auto& c) { return c.second.device == device && !c.second.dead; });
    if (!here) continue;
    const ClientTelemetry reading = devices_[device].telemetry(other->clients[device], now);
    entries.push_back(
        {other->pid, other->mps != nullptr ? 1u : 0u, reading.memory_bytes, reading.utilization});
  }
  return reply(session, packet.header(), wire::Code::kOk, static_cast<uint32_t>(entries.size()),
               bytes_of(entries));
}

Status Node::on_context_create(Session& session, const wire::Packet& packet, Instant now) {
  const uint32_t index = packet.as<wire::IdCall>().id;
  if (session.hello.role != wire::Role::kCuda) return failed("not a CUDA client");
  if (index >= devices_.size()) return reply(session, packet.header(), wire::Code::kInvalid);
  if (session.contexts.size() >= kMaxContexts) {
    return reply(session, packet.header(), wire::Code::kLimit);
  }
  if (session.mps != nullptr && !mps_has_room(session)) {
    return reply(session, packet.header(), wire::Code::kMpsRefused);
  }
  Device& device = devices_[index];
  if (!session.clients[index]) session.clients[index] = device.add_client(now);
  const uint64_t limit = effective_memory_limit(session, index);
  if (limit != 0) device.set_memory_limit(session.clients[index], limit);
  const bool mps = session.mps != nullptr;
  const GroupId group = mps ? mps_group(*session.mps, index, now) : device.add_group(now);
  ContextOptions options;
  options.thread_percentage = static_cast<int>(effective_thread_percentage(session));
  options.client_priority = static_cast<int>(session.hello.mps_priority);
  options.mps = mps;
  const auto context = device.add_context(session.clients[index], group, options, now);
  if (!context) {
    if (!mps) device.remove_group(group, now);
    return reply(session, packet.header(), wire::Code::kOutOfMemory);
  }
  if (!mps) switches_[index].owners[group] = {session.pid, session.user};
  const uint32_t id = session.next_id++;
  session.contexts[id] = {.device = index,
                          .context = *context,
                          .own_group = mps ? GroupId{} : group,
                          .scheduled = now,
                          .timeslice_told = profile_.timeslice_told};
  return reply(session, packet.header(), wire::Code::kOk, id);
}

Status Node::on_context_destroy(Session& session, const wire::Packet& packet, Instant now) {
  const uint32_t id = packet.as<wire::IdCall>().id;
  const auto found = session.contexts.find(id);
  if (found == session.contexts.end()) return failed("unknown context id");
  Device& device = devices_[found->second.device];
  if (!found->second.dead) device.remove_context(found->second.context, now);
  if (found->second.own_group) remove_group(found->second.device, found->second.own_group, now);
  std::erase_if(session.streams, [&](const auto& s) { return s.second.context == id; });
  std::erase_if(session.allocations, [&](const auto& a) { return a.second.context == id; });
  for (SessionOp& op : session.ops) {
    if (op.op_id != 0 && op.context == id) op = {};
  }
  session.contexts.erase(found);
  return reply(session, packet.header(), wire::Code::kOk);
}

Status Node::on_group_control(Session& session, const wire::Packet& packet, Instant now) {
  const auto control = packet.as<wire::GroupControl>();
  const auto found = session.contexts.find(control.context);
  if (found == session.contexts.end()) return failed("unknown context id");
  SessionContext& context = found->second;
  if (!context.own_group) return reply(session, packet.header(), wire::Code::kNotSupported);
  wire::GroupState state;
  switch (control.action) {
    case wire::GroupAction::kGetTimeslice:
      break;
    case wire::GroupAction::kSetTimeslice:
      if (control.timeslice_us == 0 || control.timeslice_us > kMostTimesliceUs) {
        return reply(session, packet.header(), wire::Code::kInvalid);
      }
      context.timeslice_told = std::chrono::microseconds(control.timeslice_us);
      if (now - context.scheduled >= profile_.timeslice_settle) {
        devices_[context.device].set_timeslice(context.own_group, context.timeslice_told, now);
      }
      break;
    case wire::GroupAction::kPreempt:
      devices_[context.device].preempt(context.own_group, now);
      break;
  }
  const auto us = [](Nanos time) {
    return static_cast<uint64_t>(time / std::chrono::microseconds(1));
  };
  state.timeslice_us = us(context.timeslice_told);
  state.unset_timeslice_us = us(profile_.timeslice_told);
  state.control_ns = profile_.control_time.count();
  return reply(session, packet.header(), wire::Code::kOk, 0, bytes_of(state));
}

Status Node::on_stream_create(Session& session, const wire::Packet& packet, Instant now) {
  const auto create = packet.as<wire::StreamCreate>();
  const auto context = session.contexts.find(create.context);
  if (context == session.contexts.end()) return failed("unknown context id");
  if (context->second.dead) return reply(session, packet.header(), wire::Code::kContextDead);
  if (session.streams.size() >= kMaxStreams) {
    return reply(session, packet.header(), wire::Code::kLimit);
  }
  const int priority = std::clamp(create.priority, -5, 0);
  const StreamId stream =
      devices_[context->second.device].add_stream(context->second.context, priority, now);
  const uint32_t id = session.next_id++;
  session.streams[id] = {create.context, stream};
  return reply(session, packet.header(), wire::Code::kOk, id);
}

Status Node::on_stream_destroy(Session& session, const wire::Packet& packet, Instant now) {
  const auto stream = session.streams.find(packet.as<wire::IdCall>().id);
  if (stream == session.streams.end()) return failed("unknown stream id");
  const SessionContext& context = session.contexts.at(stream->second.context);
  if (!context.dead) devices_[context.device].remove_stream(stream->second.stream, now);
  session.streams.erase(stream);
  return reply(session, packet.header(), wire::Code::kOk);
}

Status Node::on_alloc(Session& session, const wire::Packet& packet, Instant) {
  const auto alloc = packet.as<wire::Alloc>();
  const auto context = session.contexts.find(alloc.context);
  if (context == session.contexts.end()) return failed("unknown context id");
  if (context->second.dead) return reply(session, packet.header(), wire::Code::kContextDead);
  if (session.allocations.size() >= kMaxAllocations) {
    return reply(session, packet.header(), wire::Code::kLimit);
  }
  const auto allocation =
      devices_[context->second.device].allocate(context->second.context, alloc.bytes);
  if (!allocation) return reply(session, packet.header(), wire::Code::kOutOfMemory);
  const uint32_t id = session.next_id++;
  session.allocations[id] = {alloc.context, *allocation};
  return reply(session, packet.header(), wire::Code::kOk, id);
}

Status Node::on_free(Session& session, const wire::Packet& packet, Instant) {
  const auto allocation = session.allocations.find(packet.as<wire::IdCall>().id);
  if (allocation == session.allocations.end()) return failed("unknown allocation id");
  const SessionContext& context = session.contexts.at(allocation->second.context);
  if (!context.dead) devices_[context.device].free(allocation->second.allocation);
  session.allocations.erase(allocation);
  return reply(session, packet.header(), wire::Code::kOk);
}

Status Node::on_mem_info(Session& session, const wire::Packet& packet, Instant) {
  const auto context = session.contexts.find(packet.as<wire::IdCall>().id);
  if (context == session.contexts.end()) return failed("unknown context id");
  const uint32_t device = context->second.device;
  const MemoryInfo memory = devices_[device].memory();
  wire::MemInfo answer{memory.total_bytes - memory.used_bytes, memory.total_bytes};
  const uint64_t limit = effective_memory_limit(session, device);
  if (limit != 0 && limit < memory.total_bytes) {
    const uint64_t own = devices_[device].memory_of(session.clients[device]);
    answer.total_bytes = limit;
    answer.free_bytes = std::min(answer.free_bytes, limit > own ? limit - own : 0);
  }
  return reply(session, packet.header(), wire::Code::kOk, 0, bytes_of(answer));
}

Status Node::on_kernel_lookup(Session& session, const wire::Packet& packet, Instant) {
  const auto tail = packet.tail<wire::KernelLookup>();
  const std::string name(reinterpret_cast<const char*>(tail.data()), tail.size());
  const KernelCost* cost = costs_.find(name);
  if (cost == nullptr || cost->parameters.size() > wire::kMaxParamCount) {
    return reply(session, packet.header(), wire::Code::kNotFound);
  }
  uint32_t& id = kernel_ids_[cost];
  if (id == 0) {
    kernels_.push_back(cost);
    id = static_cast<uint32_t>(kernels_.size());
  }
  wire::KernelInfo info;
  info.kernel = id;
  if (cost->effect) {
    const bool polls = cost->effect->name == kPollEffect;
    if (!polls && cost->effect->name != kLcgStepEffect) {
      return reply(session, packet.header(), wire::Code::kNotSupported);
    }
    const auto argument = [&](const char* role) {
      const auto found = cost->effect->arguments.find(role);
      return static_cast<uint32_t>(found == cost->effect->arguments.end() ? wire::kMaxParamCount
                                                                          : found->second);
    };
    info.effect = polls ? wire::EffectKind::kPoll : wire::EffectKind::kLcgStep;
    info.state = argument(polls ? "words" : "state");
    info.words = argument(polls ? "ticket" : "words");
    info.addend = argument(polls ? "limit_ns" : "addend");
    const auto count = static_cast<uint32_t>(cost->parameters.size());
    if (std::max({info.state, info.words, info.addend}) >= count) {
      return reply(session, packet.header(), wire::Code::kNotSupported);
    }
  }
  std::vector<std::byte> body(sizeof info);
  std::memcpy(body.data(), &info, sizeof info);
  for (const KernelParameter& parameter : cost->parameters) {
    const wire::ParamLayout layout{parameter.offset, parameter.size};
    const auto bytes = bytes_of(layout);
    body.insert(body.end(), bytes.begin(), bytes.end());
  }
  return reply(session, packet.header(), wire::Code::kOk,
               static_cast<uint32_t>(cost->parameters.size()), body);
}

}  // namespace corun::simgpu
