#include "engine/daemon/join.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstring>

#include "core/text.h"

namespace corun::daemon {

namespace {

constexpr uint32_t kMaxWeightMilli = 1'000'000;
constexpr uint64_t kMaxLatencyTargetUs = 3'600'000'000;

/// A zero-terminated text of a fixed field, or nothing when it has no end.
std::optional<std::string> text_of(const char (&field)[wire::kNameBytes]) {
  const char* end = std::find(std::begin(field), std::end(field), '\0');
  if (end == std::end(field)) return std::nullopt;
  return std::string(std::begin(field), end);
}

ParsedJoin refused(std::string why) { return {wire::JoinStatus::kRefused, std::move(why), {}}; }

std::optional<ServiceClass> class_of(wire::WorkloadClass value) {
  switch (value) {
    case wire::WorkloadClass::kNormal:
      return ServiceClass::kNormal;
    case wire::WorkloadClass::kLatencyCritical:
      return ServiceClass::kLatencyCritical;
    case wire::WorkloadClass::kBestEffort:
      return ServiceClass::kBestEffort;
  }
  return std::nullopt;
}

ParsedJoin check_fields(const wire::JoinRequest& request) {
  ParsedJoin parsed;
  const auto name = text_of(request.workload);
  const auto program = text_of(request.program);
  if (!name || !is_workload_name(*name)) return refused("it has no usable workload name");
  if (!program) return refused("its program name has no end");
  const auto service_class = class_of(request.workload_class);
  if (!service_class) return refused("it asks for a class that does not exist");
  if (request.weight_milli > kMaxWeightMilli) return refused("its weight is above 1000");
  if (request.latency_target_us > kMaxLatencyTargetUs) {
    return refused("its latency target is above an hour");
  }
  parsed.status = wire::JoinStatus::kWelcome;
  parsed.ask.program = one_line(*program);
  parsed.ask.read_only_gates = (request.flags & wire::kJoinReadOnlyGates) != 0;
  parsed.ask.parked = (request.flags & wire::kJoinParked) != 0;
  parsed.ask.process_start = request.process_start;
  policy::Workload& workload = parsed.ask.workload;
  workload.name = *name;
  workload.service_class = *service_class;
  if (request.weight_milli > 0) workload.weight = request.weight_milli * 1e-3;
  if (request.memory_limit_bytes > 0) workload.memory_limit_bytes = request.memory_limit_bytes;
  if (request.latency_target_us > 0) {
    workload.latency_target = std::chrono::microseconds(request.latency_target_us);
  }
  return parsed;
}

}  // namespace

bool is_workload_name(std::string_view name) {
  if (name.empty() || name.size() >= wire::kNameBytes) return false;
  return std::all_of(name.begin(), name.end(),
                     [](char c) { return c > ' ' && c <= '~' && c != '/' && c != '"'; });
}

bool is_notice(std::span<const std::byte> packet) {
  wire::Notice notice{};
  if (packet.size() != sizeof notice) return false;
  std::memcpy(&notice, packet.data(), sizeof notice);
  return notice.magic == wire::kNoticeMagic;
}

ParsedJoin parse_join(std::span<const std::byte> packet) {
  wire::JoinRequest request{};
  constexpr size_t kHead = offsetof(wire::JoinRequest, bytes);  // the same in every version
  if (packet.size() < kHead) return refused("it is too short");
  std::memcpy(&request, packet.data(), std::min(packet.size(), sizeof request));
  if (request.magic != wire::kJoinMagic) return refused("it is no request to join");
  if (request.version != wire::kWireVersion) {
    return {
        wire::JoinStatus::kVersion,
        fmt::format("it speaks version {}, this daemon {}", request.version, wire::kWireVersion),
        {}};
  }
  if (packet.size() != sizeof request || request.bytes != sizeof request) {
    return refused("its size is wrong");
  }
  return check_fields(request);
}

}  // namespace corun::daemon
