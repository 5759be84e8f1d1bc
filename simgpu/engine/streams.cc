// How operations move through the streams; the phases are in state.h.
#include <algorithm>

#include "core/check.h"
#include "simgpu/engine/state.h"

namespace corun::simgpu {

bool needs_sms(const GraphNode& node) {
  return std::holds_alternative<KernelWork>(node) || std::holds_alternative<DeviceMemoryWork>(node);
}

bool needs_sms(const Work& work) {
  if (const auto* graph = std::get_if<GraphWork>(&work)) {
    return graph->nodes != nullptr && !graph->nodes->empty() && needs_sms(graph->nodes->front());
  }
  return std::holds_alternative<KernelWork>(work) || std::holds_alternative<DeviceMemoryWork>(work);
}

namespace {

template <typename Any>
bool is_word(const Any& work) {
  return std::holds_alternative<WordWaitWork>(work) || std::holds_alternative<WordWriteWork>(work);
}

/// Whether the group counts as having work while it gets to this operation.
template <typename Any>
bool occupies(const Any& work) {
  return needs_sms(work) || is_word(work);
}

/// When `work`, visible from `visible` on, begins in a stream that is free from `t` on.
Instant begin_time(const Work& work, Instant visible, Instant t, const Profile& profile) {
  if (std::holds_alternative<CopyWork>(work)) return std::max(visible, t) + profile.copy_latency;
  if (std::holds_alternative<GraphWork>(work)) return std::max(visible, t) + profile.graph_latency;
  if (is_word(work)) return std::max(visible, t) + profile.word_latency;
  return std::max(visible, needs_sms(work) ? t + profile.kernel_gap : t);
}

}  // namespace

Instant begin_time(const GraphNode& node, Instant t, const Profile& profile) {
  if (std::holds_alternative<CopyWork>(node)) return t + profile.copy_latency;
  if (is_word(node)) return t + profile.word_latency;
  return needs_sms(node) ? t + profile.kernel_gap : t;
}

bool passes(uint64_t word, uint64_t value, WordTest test, bool wide) {
  switch (test) {
    case WordTest::kGreaterOrEqual:
      return wide ? static_cast<int64_t>(word - value) >= 0
                  : static_cast<int32_t>(static_cast<uint32_t>(word - value)) >= 0;
    case WordTest::kEqual:
      return word == value;
    case WordTest::kAnd:
      return (word & value) != 0;
    case WordTest::kNor:
      return wide ? ~(word | value) != 0 : static_cast<uint32_t>(~(word | value)) != 0;
  }
  return false;
}

Stream* Device::State::find(StreamId id) const {
  return id.value < streams.size() ? streams[id.value].get() : nullptr;
}

Stream& Device::State::stream(StreamId id) const {
  Stream* s = find(id);
  CORUN_CHECK(s != nullptr, "unknown stream");
  return *s;
}

bool Device::State::done(OpId op) const {
  const Stream* s = find(op.stream());
  return s == nullptr || op.place() <= s->done || op.place() > s->last;
}

void Device::State::arm(Stream& s, Instant at, bool hold) {
  s.phase = Stream::Phase::kArmed;
  s.armed_at = at;
  alarms.push({at, ++alarm_order, s.id});
  if (hold && !s.holding) {
    s.holding = true;
    compute.hold(*s.context->group);
  }
}

void Device::State::arm_front(Stream& s, Instant t) {
  const Op& op = s.queue.front();
  arm(s, begin_time(op.work, op.visible, t, profile), false);
}

void Device::State::stop_hold(Stream& s) {
  if (!s.holding) return;
  s.holding = false;
  compute.release(*s.context->group);
}

void Device::State::on_alarm(const Alarm& alarm) {
  Stream* s = find(alarm.stream);
  if (s == nullptr || s->phase != Stream::Phase::kArmed || s->armed_at != alarm.at) return;
  if (s->in_graph ? !run_graph(*s, alarm.at) : !begin(*s, alarm.at)) return;
  complete(*s, CompletionKind::kDone, alarm.at);
  next_op(*s, alarm.at);
}

void Device::State::next_op(Stream& s, Instant t) {
  while (!s.queue.empty()) {
    const Op& op = s.queue.front();
    const Instant at = begin_time(op.work, op.visible, t, profile);
    if (at > t) {
      arm(s, at, op.visible <= t && occupies(op.work));
      return;
    }
    if (!begin(s, t)) return;
    complete(s, CompletionKind::kDone, t);
  }
  s.phase = Stream::Phase::kEmpty;
  if (s.closing) drop_stream(s, t);
}

void Device::State::part_done(Stream& s, Instant t) {
  if (s.in_graph) {
    const auto& nodes = *std::get<GraphWork>(s.queue.front().work).nodes;
    if (++s.node < nodes.size()) {
      const Instant at = begin_time(nodes[s.node], t, profile);
      if (at > t) {
        arm(s, at, occupies(nodes[s.node]));
        return;
      }
      if (!run_graph(s, t)) return;
    }
  }
  complete(s, CompletionKind::kDone, t);
  next_op(s, t);
}

bool Device::State::begin(Stream& s, Instant t) {
  s.started = t;
  return std::visit([&](const auto& work) { return begin_part(s, work, t); }, s.queue.front().work);
}

/// Goes on with the graph from its present node, which begins now; true when the graph is done.
bool Device::State::run_graph(Stream& s, Instant t) {
  const auto& nodes = *std::get<GraphWork>(s.queue.front().work).nodes;
  for (;;) {
    const bool at_once =
        std::visit([&](const auto& work) { return begin_part(s, work, t); }, nodes[s.node]);
    if (!at_once) return false;
    if (++s.node == nodes.size()) return true;
    const Instant at = begin_time(nodes[s.node], t, profile);
    if (at > t) {
      arm(s, at, occupies(nodes[s.node]));
      return false;
    }
  }
}

/// How many of `work`'s blocks count as one. Grids of very many very short blocks are taken in
/// packs, so that no kernel makes more than about a million events a second.
uint64_t Device::State::blocks_in_pack(const KernelWork& work, int64_t per_sm) const {
  constexpr int64_t kShortNs = 1000;
  constexpr uint64_t kManyWaves = 64;
  const auto on_device = static_cast<uint64_t>(per_sm * profile.sm_count);
  const int64_t ns = std::max<int64_t>(work.block_time.count(), 1);
  if (ns >= kShortNs || work.blocks / on_device < kManyWaves) return 1;
  return static_cast<uint64_t>((kShortNs + ns - 1) / ns);
}

bool Device::State::begin_part(Stream& s, const KernelWork& work, Instant t) {
  const int64_t per_sm = std::clamp<int64_t>(work.blocks_per_sm, 1, profile.max_blocks_per_sm);
  const uint64_t pack = blocks_in_pack(work, per_sm);
  const uint64_t blocks = std::max<uint64_t>(work.blocks / pack + (work.blocks % pack != 0), 1);
  Kernel& kernel = s.kernel;
  kernel.tenant = &s.context->tenant;
  kernel.stream = s.id.value;
  kernel.order = {kernel.tenant->client_priority, s.priority, ++kernel_age};
  kernel.block_parts = kSmParts / per_sm;
  kernel.blocks_waiting = blocks;
  const int64_t most = std::min(compute.all_parts(), kernel.tenant->cap_parts);
  const auto at_a_time = static_cast<uint64_t>(most / kernel.block_parts);
  kernel.fills_once = blocks <= at_a_time && blocks > at_a_time / 2;
  kernel.cohorts = 0;
  kernel.block_ns = static_cast<double>(std::max<int64_t>(work.block_time.count(), 1)) *
                    static_cast<double>(pack);
  kernel.bytes_per_block = static_cast<double>(work.dram_bytes) / static_cast<double>(blocks);
  kernel.illegal_address = work.illegal_address;
  s.phase = Stream::Phase::kRunning;
  s.part_began = t;
  compute.launch(*s.context->group, kernel);
  stop_hold(s);
  return false;
}

/// One block an SM, each moving its even share at the full bandwidth of the device.
bool Device::State::begin_part(Stream& s, const DeviceMemoryWork& work, Instant t) {
  constexpr uint64_t kBlockBytes = uint64_t{256} * 1024;
  const auto sms = static_cast<uint64_t>(profile.sm_count);
  const uint64_t blocks =
      std::clamp<uint64_t>((work.dram_bytes + kBlockBytes - 1) / kBlockBytes, 1, sms);
  const double bytes_per_block = static_cast<double>(work.dram_bytes) / static_cast<double>(blocks);
  const double seconds = bytes_per_block / (profile.dram_bytes_per_s / static_cast<double>(sms));
  return begin_part(s,
                    KernelWork{.blocks = blocks,
                               .blocks_per_sm = 1,
                               .block_time = from_seconds(seconds),
                               .dram_bytes = work.dram_bytes},
                    t);
}

bool Device::State::begin_part(Stream& s, const CopyWork& work, Instant t) {
  s.phase = Stream::Phase::kRunning;
  s.part_began = t;
  CopyEngine& engine = work.direction == CopyDirection::kHostToDevice ? h2d : d2h;
  engine.add(s.context->id, s.id, work.bytes, t);
  return false;
}

bool Device::State::begin_part(Stream&, const MarkWork&, Instant) { return true; }

bool Device::State::begin_part(Stream& s, const HostWork&, Instant t) {
  s.phase = Stream::Phase::kReached;
  emit(s, CompletionKind::kReached, t);
  return false;
}

bool Device::State::begin_part(Stream& s, const WaitWork& work, Instant) {
  if (done(work.op)) return true;
  s.phase = Stream::Phase::kWaiting;
  stream(work.op.stream()).waiters.emplace_back(work.op.place(), s.id);
  return false;
}

bool Device::State::begin_part(Stream& s, const WordWaitWork& work, Instant t) {
  const std::optional<uint64_t> value = words->read(work.word);
  stop_hold(s);
  if (work.holds_for > Nanos(0)) {
    s.holding = true;
    compute.hold(*s.context->group);
    s.renewals = renewals(work).value_or(0);
  }
  if (value && passes(*value, work.value, work.test, work.word.wide)) {
    stop_hold(s);
    return true;
  }
  s.phase = Stream::Phase::kBlocked;
  s.blocked_at = t;
  (value ? blocked : faulty).push_back(s.id);
  return false;
}

bool Device::State::begin_part(Stream& s, const WordWriteWork& work, Instant) {
  stop_hold(s);
  word_written = true;
  if (words->write(work.word, work.value)) return true;
  s.phase = Stream::Phase::kBlocked;
  faulty.push_back(s.id);
  return false;
}

const WordWaitWork& Device::State::word_wait(const Stream& s) {
  const Work& work = s.queue.front().work;
  if (!s.in_graph) return std::get<WordWaitWork>(work);
  return std::get<WordWaitWork>((*std::get<GraphWork>(work).nodes)[s.node]);
}

bool Device::State::can_go_on(const Stream& s) {
  const WordWaitWork& wait = word_wait(s);
  const std::optional<uint64_t> value = words->read(wait.word);
  return !value || passes(*value, wait.value, wait.test, wait.word.wide);
}

void Device::State::unblock(Instant t) {
  word_written = false;
  std::vector<StreamId> waiting;
  waiting.swap(blocked);
  for (const StreamId id : waiting) {
    Stream* s = find(id);
    if (s != nullptr && s->phase == Stream::Phase::kBlocked) unblock_one(*s, t);
  }
}

void Device::State::unblock_one(Stream& s, Instant t) {
  const WordWaitWork& wait = word_wait(s);
  const std::optional<uint64_t> value = words->read(wait.word);
  if (!value) {
    faulty.push_back(s.id);
    return;
  }
  bool over = passes(*value, wait.value, wait.test, wait.word.wide);
  if (!over && wait.holds_for > Nanos(0) && t >= s.blocked_at + wait.holds_for) {
    const uint64_t renewed = renewals(wait).value_or(s.renewals);
    over = renewed == s.renewals;
    s.renewals = renewed;
    s.blocked_at = t;
  }
  if (over) {
    stop_hold(s);
    part_done(s, t);
  } else {
    blocked.push_back(s.id);
  }
}

std::optional<uint64_t> Device::State::renewals(const WordWaitWork& work) {
  return words->read({work.word.owner, work.word.address + sizeof(uint32_t), false});
}

Instant Device::State::hold_end() const {
  Instant end = kNever;
  for (const StreamId id : blocked) {
    const Stream* s = find(id);
    if (s == nullptr || s->phase != Stream::Phase::kBlocked) continue;
    const Nanos holds_for = word_wait(*s).holds_for;
    if (holds_for > Nanos(0)) end = std::min(end, s->blocked_at + holds_for);
  }
  return end;
}

bool Device::State::begin_part(Stream& s, const GraphWork& work, Instant t) {
  if (work.nodes == nullptr || work.nodes->empty()) return true;
  s.in_graph = true;
  s.node = 0;
  return run_graph(s, t);
}

void Device::State::emit(const Stream& s, CompletionKind kind, Instant t) {
  completions.push_back({.op = make_op_id(s.id, s.done + 1),
                         .tag = s.queue.front().tag,
                         .kind = kind,
                         .node = s.in_graph ? s.node : 0,
                         .context = s.context->id,
                         .started = s.started,
                         .at = t});
}

void Device::State::complete(Stream& s, CompletionKind kind, Instant t) {
  s.in_graph = false;
  s.node = 0;
  emit(s, kind, t);
  s.queue.pop_front();
  ++s.done;
  ++events;
  wake_waiters(s, t);
}

void Device::State::wake_waiters(Stream& s, Instant) {
  if (s.waiters.empty()) return;
  std::erase_if(s.waiters, [&](const auto& waiter) {
    if (waiter.first > s.done) return false;
    awake.push_back(waiter.second);
    return true;
  });
}

void Device::State::drop_stream(Stream& s, Instant t) {
  stop_hold(s);
  s.done = s.last;
  wake_waiters(s, t);
  std::erase(s.context->streams, s.id);
  streams[s.id.value].reset();
}

void Device::State::break_group(Group& group, Instant t) {
  for (auto& [id, context] : contexts) {
    if (context->group == &group && !context->broken) break_context(*context, t);
  }
}

void Device::State::break_context(Context& context, Instant t) {
  context.broken = true;
  compute.cancel_kernels(*context.group, context.tenant, t);
  h2d.cancel(context.id, t);
  d2h.cancel(context.id, t);
  const std::vector<StreamId> ids = context.streams;
  for (const StreamId id : ids) {
    Stream& s = stream(id);
    stop_hold(s);
    while (!s.queue.empty()) {
      s.started = s.phase == Stream::Phase::kRunning ? s.started : t;
      complete(s, CompletionKind::kFailed, t);
      s.phase = Stream::Phase::kEmpty;
    }
    s.phase = Stream::Phase::kEmpty;
    if (s.closing) drop_stream(s, t);
  }
}

void Device::State::drop_context(Context& context, Instant t) {
  h2d.cancel(context.id, t);
  d2h.cancel(context.id, t);
  compute.remove_tenant(*context.group, context.tenant, t);
  while (!context.streams.empty()) drop_stream(stream(context.streams.back()), t);
  Client& client = *context.client;
  client.gone_busy += context.tenant.busy_until(t);
  client.gone_sm_ns += context.tenant.sm_ns_until(t);
  return_memory(client, context.own_bytes);
  std::erase_if(allocations, [&](const auto& entry) {
    if (entry.second.context != &context) return false;
    return_memory(client, entry.second.bytes);
    return true;
  });
  contexts.erase(context.id);
}

}  // namespace corun::simgpu
