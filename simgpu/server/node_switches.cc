// What the driver records of context switches: entries of all groups of a device, for whoever
// reads.
#include <algorithm>

#include "simgpu/server/node.h"

namespace corun::simgpu {

namespace {

/// The GPU's clock counts from the epoch of wall time, or nearly: it differs from CLOCK_MONOTONIC
/// by a constant that readers do not know.
constexpr Nanos kGpuClock{1'700'000'000'000'000'000};
constexpr size_t kMostEntries = 1U << 16;

}  // namespace

void Node::begin_switches() {
  for (Device& device : devices_) device.note_switches(true);
}

void Node::end_switches(const Session& session) {
  if (!session.reads_switches) return;
  const bool others = std::any_of(sessions_.begin(), sessions_.end(), [&](const auto& other) {
    return other && other.get() != &session && other->reads_switches;
  });
  if (others) return;
  for (Device& device : devices_) device.note_switches(false);
  for (SwitchLog& log : switches_) log.entries.clear();
}

void Node::collect_switches(uint32_t device, Instant now) {
  SwitchLog& log = switches_[device];
  std::vector<GroupSwitch> fresh;
  devices_[device].take_switches(now, fresh);
  for (const GroupSwitch& one : fresh) {
    const auto owner = log.owners.find(one.group);
    if (owner == log.owners.end()) continue;  // it ended in the moment of its switch
    if (log.entries.size() == kMostEntries) log.entries.pop_front();
    log.entries.push_back({{.at_ns = (one.at + kGpuClock).ns,
                            .pid = owner->second.pid,
                            .context = one.group.value,
                            .begins = one.begins ? 1U : 0U,
                            .reserved = 0},
                           owner->second.user});
    ++log.next;
  }
}

void Node::remove_group(uint32_t device, GroupId group, Instant now) {
  collect_switches(device, now);
  devices_[device].remove_group(group, now);
  switches_[device].owners.erase(group);
}

Status Node::on_switches(Session& session, const wire::Packet& packet, Instant now) {
  const auto call = packet.as<wire::Switches>();
  if (call.device >= devices_.size()) {
    return reply(session, packet.header(), wire::Code::kInvalid);
  }
  if (!session.reads_switches) {
    begin_switches();
    session.reads_switches = true;
  }
  collect_switches(call.device, now);
  const SwitchLog& log = switches_[call.device];
  const uint64_t first = log.next - log.entries.size();
  const uint64_t since = call.since == 0 ? log.next : std::clamp(call.since, first, log.next);
  const uint64_t count = std::min<uint64_t>(log.next - since, wire::kMaxSwitches);
  const wire::SwitchesState state{
      .next = since + count, .lost = call.since == 0 ? 0 : since - std::min(call.since, since)};
  std::vector<std::byte> body(sizeof state + count * sizeof(wire::SwitchEntry));
  std::memcpy(body.data(), &state, sizeof state);
  for (uint64_t i = 0; i < count; ++i) {
    const SwitchLog::Entry& entry = log.entries[static_cast<size_t>(since - first + i)];
    wire::SwitchEntry told = entry.told;
    if (session.user != 0 && session.user != entry.user) {
      told.pid = 0;
      told.context = 0;
    }
    std::memcpy(body.data() + sizeof state + i * sizeof told, &told, sizeof told);
  }
  return reply(session, packet.header(), wire::Code::kOk, static_cast<uint32_t>(count), body);
}

}  // namespace corun::simgpu
