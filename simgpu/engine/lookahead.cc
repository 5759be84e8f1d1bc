// When the next result can come at the earliest. Between results a device has many events that
// nobody outside sees (nodes of a graph, waves of blocks, slices); its owner need not be awake for
// them, as they are worked on at their own times whenever the owner comes back.
#include <algorithm>
#include <chrono>

#include "simgpu/engine/state.h"

namespace corun::simgpu {
namespace {

/// How far a graph is looked through; those behind cannot make its end come sooner.
constexpr uint32_t kNodesAhead = 64;
/// Events pile up while the owner sleeps. Past the next one it does not sleep longer than this: at
/// a million events a second, the most that kernels make, that is some 0.1 ms of work.
constexpr Nanos kMostAhead = std::chrono::milliseconds(1);
/// Several waves of blocks: a block that joins others of its kernel lasts this part of its time at
/// least (see Compute), and as much less as those of its wave end early.
constexpr double kJoined = 15.0 / 16;

/// What a part of an operation means for the time of the next result.
struct Part {
  Nanos least{0};       ///< it takes no less
  bool result = false;  ///< then its owner may have to do something, although the graph goes on
};

Part part_of(const KernelWork& work, const Profile& profile) {
  const int64_t per_sm = std::clamp<int64_t>(work.blocks_per_sm, 1, profile.max_blocks_per_sm);
  const double waves = static_cast<double>(work.blocks) / static_cast<double>(per_sm) /
                       static_cast<double>(profile.sm_count);
  const double block_ns = static_cast<double>(std::max<int64_t>(work.block_time.count(), 1));
  const double bytes_ns = static_cast<double>(work.dram_bytes) / profile.dram_bytes_per_s * 1e9;
  const double shortened = kJoined * (1 - profile.block_spread);
  const double least = std::max(block_ns, shortened * std::max(block_ns * waves, bytes_ns));
  return {Nanos(static_cast<int64_t>(least)), work.illegal_address};
}

Part part_of(const DeviceMemoryWork& work, const Profile& profile) {
  return part_of(KernelWork{.blocks = 1, .block_time = {}, .dram_bytes = work.dram_bytes}, profile);
}

Part part_of(const CopyWork& work, const Profile& profile) {
  const bool up = work.direction == CopyDirection::kHostToDevice;
  const double bytes_per_s = up ? profile.h2d_bytes_per_s : profile.d2h_bytes_per_s;
  const auto ns = static_cast<int64_t>(static_cast<double>(work.bytes) / bytes_per_s * 1e9);
  return {.least = Nanos(std::max<int64_t>(ns - 1, 0))};
}

Part part_of(const MarkWork&, const Profile&) { return {}; }

/// Host functions, words, and waits that may be over as they begin: told or done at once.
template <typename Any>
Part part_of(const Any&, const Profile&) {
  return {.least = {}, .result = true};
}

template <typename Any>
Part part_of_any(const Any& work, const Profile& profile) {
  return std::visit([&](const auto& one) { return part_of(one, profile); }, work);
}

}  // namespace

Instant Device::State::earliest_end(const std::vector<GraphNode>& nodes, uint32_t node,
                                    Instant begin) const {
  const auto end = static_cast<uint32_t>(std::min<size_t>(nodes.size(), node + kNodesAhead));
  Instant at = begin;
  for (uint32_t i = node; i < end; ++i) {
    if (i != node) at = begin_time(nodes[i], at, profile);
    const Part part = part_of_any(nodes[i], profile);
    at = at + part.least;
    if (part.result) break;
  }
  return at;
}

Instant Device::State::earliest_result(const Stream& s, Instant next_event) const {
  Instant begin;
  switch (s.phase) {
    case Stream::Phase::kEmpty:
    case Stream::Phase::kWaiting:  // until another stream has a result
    case Stream::Phase::kReached:  // until resume()
      return kNever;
    case Stream::Phase::kBlocked:
      return next_event;
    case Stream::Phase::kArmed:
      begin = s.armed_at;
      break;
    case Stream::Phase::kRunning:
      begin = s.part_began;
      break;
  }
  const Work& work = s.queue.front().work;
  const auto* graph = std::get_if<GraphWork>(&work);
  if (graph != nullptr && (graph->nodes == nullptr || graph->nodes->empty())) return begin;
  const bool on_sms = graph != nullptr ? needs_sms((*graph->nodes)[s.node]) : needs_sms(work);
  const Instant runs =
      on_sms ? compute.earliest_run(*s.context->group, begin, next_event) : Instant{INT64_MIN};
  if (s.phase == Stream::Phase::kArmed) begin = std::max(begin, runs);
  const Instant end = graph != nullptr ? earliest_end(*graph->nodes, s.node, begin)
                                       : begin + part_of_any(work, profile).least;
  return std::max(end, runs);
}

Instant Device::State::next_result() const {
  const Instant next_event = next();
  if (next_event == kNever) return kNever;
  Instant earliest = next_event + kMostAhead;
  for (const auto& [id, context] : contexts) {
    for (const StreamId stream_id : context->streams) {
      earliest = std::min(earliest, earliest_result(stream(stream_id), next_event));
      if (earliest <= next_event) return next_event;
    }
  }
  return earliest;
}

}  // namespace corun::simgpu
