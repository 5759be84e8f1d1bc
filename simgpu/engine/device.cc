#include "simgpu/engine/device.h"

#include <algorithm>
#include <utility>

#include "core/check.h"
#include "simgpu/engine/state.h"

namespace corun::simgpu {

Device::State::State(const Profile& the_profile, Instant the_start)
    : profile(the_profile),
      start(the_start),
      latest(the_start),
      compute(profile, the_start),
      h2d(profile.h2d_bytes_per_s),
      d2h(profile.d2h_bytes_per_s),
      meter(profile, the_start),
      streams(1) {}

Instant Device::State::next() const {
  Instant next = std::min({compute.next(), h2d.next(), d2h.next()});
  if (!alarms.empty()) next = std::min(next, alarms.top().at);
  if (!preemptions.empty()) next = std::min(next, preemptions.front().first);
  return std::min(next, hold_end());
}

Instant Device::State::run_until(Instant now) {
  for (Instant t = next(); t <= now; t = next()) {
    begin_changes(t);
    end_changes(t);
  }
  latest = std::max(latest, now);
  return latest;
}

void Device::State::begin_changes(Instant t) {
  end_periods(t);
  meter.run(t, load);
  compute.account(t);
}

void Device::State::end_changes(Instant t) {
  for (;;) {
    while (!alarms.empty() && alarms.top().at <= t) {
      const Alarm alarm = alarms.top();
      alarms.pop();
      ++events;
      on_alarm(alarm);
    }
    for (; !preemptions.empty() && preemptions.front().first <= t; preemptions.pop_front()) {
      const auto group = groups.find(preemptions.front().second);
      if (group != groups.end()) compute.preempt(*group->second, t);
    }
    done_kernels.clear();
    compute.step(t, done_kernels);
    for (Kernel* kernel : done_kernels) {
      Stream* s = find({kernel->stream});
      if (s == nullptr || s->phase != Stream::Phase::kRunning) continue;  // broken by another one
      if (kernel->illegal_address) {
        break_group(*s->context->group, t);
      } else {
        part_done(*s, t);
      }
    }
    done_copies.clear();
    h2d.step(t, done_copies);
    d2h.step(t, done_copies);
    for (const StreamId id : done_copies) part_done(stream(id), t);
    if (word_written || hold_end() <= t) unblock(t);
    for (size_t i = 0; i < awake.size(); ++i) {
      Stream* s = find(awake[i]);
      if (s != nullptr && s->phase == Stream::Phase::kWaiting) part_done(*s, t);
    }
    awake.clear();
    for (const StreamId id : std::exchange(faulty, {})) {
      Stream* s = find(id);
      if (s != nullptr && s->phase == Stream::Phase::kBlocked) break_group(*s->context->group, t);
    }
    if (word_written) continue;
    if (next() > t) compute.settle(t);
    if (next() > t) break;  // blocks that take no time may be done already
  }
  load = {.busy = compute.busy(),
          .contexts = !contexts.empty(),
          .sm_share = compute.sm_share(),
          .dram_bytes_per_ns = compute.dram_bytes_per_ns()};
}

void Device::State::end_periods(Instant t) {
  while (meter.period_end() <= t) {
    const Instant end = meter.period_end();
    meter.run(end, load);
    meter.end_period();
    for (auto& [id, context] : contexts) {
      Tenant& tenant = context->tenant;
      const Nanos busy = tenant.busy_until(end);
      tenant.busy_in_period = busy - tenant.busy_at_period;
      tenant.busy_at_period = busy;
    }
  }
}

Device::Device(const Profile& profile, Instant start)
    : state_(std::make_unique<State>(profile, start)) {}
Device::Device(Device&&) noexcept = default;
Device& Device::operator=(Device&&) noexcept = default;
Device::~Device() = default;

const Profile& Device::profile() const { return state_->profile; }

ClientId Device::add_client(Instant now) {
  state_->run_until(now);
  const ClientId id{++state_->last_client};
  state_->clients[id].id = id;
  return id;
}

void Device::remove_client(ClientId client, Instant now) {
  const Instant t = state_->run_until(now);
  state_->begin_changes(t);
  std::vector<Context*> own;
  for (auto& [id, context] : state_->contexts) {
    if (context->client->id == client) own.push_back(context.get());
  }
  Client& owner = state_->clients.at(client);
  owner.memory_bytes += owner.parked_bytes;  // dropping the contexts returns all of it
  state_->memory_used += owner.parked_bytes;
  for (Context* context : own) state_->drop_context(*context, t);
  CORUN_CHECK(state_->clients.erase(client) == 1, "unknown client");
  state_->end_changes(t);
}

GroupId Device::add_group(Instant now) {
  state_->run_until(now);
  const GroupId id{++state_->last_group};
  state_->groups[id] = &state_->compute.add_group(id, state_->profile.timeslice);
  return id;
}

void Device::remove_group(GroupId group, Instant now) {
  const Instant t = state_->run_until(now);
  state_->begin_changes(t);
  state_->compute.remove_group(*state_->groups.at(group));
  state_->groups.erase(group);
  state_->end_changes(t);
}

void Device::set_timeslice(GroupId group, Nanos slice, Instant now) {
  state_->run_until(now);
  CORUN_CHECK(slice > Nanos(0), "a slice takes time");
  state_->groups.at(group)->slice = slice;
}

void Device::preempt(GroupId group, Instant now) {
  const Instant t = state_->run_until(now);
  CORUN_CHECK(state_->groups.contains(group), "unknown group");
  state_->preemptions.emplace_back(t + state_->profile.preempt_latency, group);
}

void Device::note_switches(bool wanted) { state_->compute.note_switches(wanted); }

void Device::take_switches(Instant now, std::vector<GroupSwitch>& out) {
  state_->compute.take_switches(state_->run_until(now), out);
}

void Device::use_words(Words& words) { state_->words = &words; }

void Device::poll_words(Instant now) {
  State& s = *state_;
  if (s.blocked.empty()) return;
  const Instant t = s.run_until(now);
  const bool any = std::any_of(s.blocked.begin(), s.blocked.end(), [&](StreamId id) {
    const Stream* stream = s.find(id);
    return stream == nullptr || stream->phase != Stream::Phase::kBlocked || s.can_go_on(*stream);
  });
  if (!any) return;
  s.begin_changes(t);
  s.word_written = true;
  s.end_changes(t);
}

std::optional<Instant> Device::word_wait_since() const {
  if (state_->blocked.empty()) return std::nullopt;
  const Stream* latest = state_->find(state_->blocked.back());
  return latest == nullptr ? state_->latest : latest->blocked_at;
}

Nanos Device::timeslice(GroupId group) const { return state_->groups.at(group)->slice; }

Result<ContextId> Device::add_context(ClientId client, GroupId group, const ContextOptions& options,
                                      Instant now) {
  const Instant t = state_->run_until(now);
  CORUN_CHECK(options.thread_percentage >= 1 && options.thread_percentage <= 100,
              "a thread percentage is 1..100");
  const Profile& profile = state_->profile;
  Client& owner = state_->clients.at(client);
  const uint64_t bytes =
      state_->whole_granules(options.mps ? profile.mps_context_bytes : profile.context_bytes);
  CORUN_TRY(state_->take_memory(owner, bytes));
  state_->begin_changes(t);
  auto context = std::make_unique<Context>();
  context->id = {++state_->last_context};
  context->client = &owner;
  context->group = state_->groups.at(group);
  context->own_bytes = bytes;
  const int sms = (options.thread_percentage * profile.sm_count + 99) / 100;
  context->tenant.cap_parts = sms * kSmParts;
  context->tenant.client_priority = options.client_priority;
  state_->compute.add_tenant(*context->group, context->tenant, t);
  const ContextId id = context->id;
  state_->contexts[id] = std::move(context);
  state_->end_changes(t);
  return id;
}

void Device::remove_context(ContextId context, Instant now) {
  const Instant t = state_->run_until(now);
  state_->begin_changes(t);
  state_->drop_context(*state_->contexts.at(context), t);
  state_->end_changes(t);
}

bool Device::broken(ContextId context) const { return state_->contexts.at(context)->broken; }

StreamId Device::add_stream(ContextId context, int priority, Instant now) {
  state_->run_until(now);
  auto s = std::make_unique<Stream>();
  const StreamId id{static_cast<uint32_t>(state_->streams.size())};
  CORUN_CHECK(id.value < (1U << 24), "more streams than an OpId can name");
  s->id = id;
  s->context = state_->contexts.at(context).get();
  s->priority = priority;
  s->context->streams.push_back(id);
  state_->streams.push_back(std::move(s));
  return id;
}

void Device::remove_stream(StreamId stream, Instant now) {
  const Instant t = state_->run_until(now);
  Stream& s = state_->stream(stream);
  CORUN_CHECK(!s.closing, "the stream is removed already");
  s.closing = true;
  if (s.queue.empty()) state_->drop_stream(s, t);
}

OpId Device::submit(StreamId stream, Work work, uint64_t tag, Instant now) {
  const Instant t = state_->run_until(now);
  Stream& s = state_->stream(stream);
  CORUN_CHECK(!s.closing, "work for a removed stream");
  const bool idle = s.queue.empty();
  s.queue.push_back({std::move(work), tag, t + state_->profile.submit_latency});
  ++s.last;
  const OpId id = make_op_id(s.id, s.last);
  if (s.context->broken) {
    s.started = t;
    state_->complete(s, CompletionKind::kFailed, t);
  } else if (idle) {
    state_->arm_front(s, t);
  }
  return id;
}

void Device::resume(OpId op, Instant now) {
  const Instant t = state_->run_until(now);
  Stream* s = state_->find(op.stream());
  if (s == nullptr || s->phase != Stream::Phase::kReached || s->done + 1 != op.place()) return;
  state_->begin_changes(t);
  state_->part_done(*s, t);
  state_->end_changes(t);
}

OpId Device::last_op(StreamId stream) const {
  const Stream& s = state_->stream(stream);
  return s.last == 0 ? OpId{} : make_op_id(s.id, s.last);
}

bool Device::done(OpId op) const { return state_->done(op); }

void Device::advance(Instant now, std::vector<Completion>& out) {
  state_->run_until(now);
  out.insert(out.end(), state_->completions.begin(), state_->completions.end());
  state_->completions.clear();
}

std::optional<Instant> Device::next_event() const {
  if (!state_->completions.empty()) return state_->latest;
  const Instant next = state_->next();
  if (next == kNever) return std::nullopt;
  return next;
}

std::optional<Instant> Device::next_result() const {
  if (!state_->completions.empty()) return state_->latest;
  const Instant next = state_->next_result();
  if (next == kNever) return std::nullopt;
  return next;
}

Telemetry Device::telemetry(Instant now) {
  State& s = *state_;
  const Instant t = s.run_until(now);
  s.end_periods(t);
  Meter meter = s.meter;
  meter.run(t, s.load);
  const bool up = !s.contexts.empty();
  return {.at = t,
          .utilization = meter.utilization(),
          .memory_utilization = meter.memory_utilization(),
          .memory = memory(),
          .power_w = meter.power_w(),
          .temperature_c = meter.temperature_c(),
          .sm_clock_mhz = up ? s.profile.max_sm_clock_mhz : s.profile.idle_sm_clock_mhz,
          .memory_clock_mhz = s.profile.memory_clock_mhz,
          .busy = meter.busy(),
          .sm_seconds = meter.sm_ns() * 1e-9,
          .dram_bytes = meter.dram_bytes(),
          .h2d_bytes = s.h2d.moved(t),
          .d2h_bytes = s.d2h.moved(t),
          .energy_j = meter.energy_j()};
}

ClientTelemetry Device::telemetry(ClientId client, Instant now) {
  State& s = *state_;
  const Instant t = s.run_until(now);
  s.end_periods(t);
  const Client& owner = s.clients.at(client);
  ClientTelemetry sum{.memory_bytes = owner.memory_bytes, .busy = owner.gone_busy};
  double sm_ns = owner.gone_sm_ns;
  Nanos in_period{0};
  for (const auto& [id, context] : s.contexts) {
    if (context->client != &owner) continue;
    sum.busy += context->tenant.busy_until(t);
    in_period += context->tenant.busy_in_period;
    sm_ns += context->tenant.sm_ns_until(t);
  }
  sum.utilization = std::min(1.0, to_seconds(in_period) / to_seconds(s.profile.utilization_period));
  sum.sm_seconds = sm_ns * 1e-9 / s.profile.sm_count;
  return sum;
}

EngineTime Device::engine_time(Instant now) {
  const Instant t = state_->run_until(now);
  return state_->compute.time_until(t);
}

Nanos Device::group_time(GroupId group, Instant now) {
  const Instant t = state_->run_until(now);
  return state_->compute.group_time_until(*state_->groups.at(group), t);
}

uint64_t Device::events() const { return state_->events + state_->compute.events(); }

}  // namespace corun::simgpu
