#include "engine/policy/residency.h"

#include <algorithm>
#include <utility>

#include "engine/policy/plan.h"

namespace corun::policy {

namespace {

constexpr uint64_t kGranule = 2ULL << 20;  ///< of the driver's
constexpr Nanos kFirstRetry = std::chrono::seconds(10);
constexpr Nanos kLastRetry = std::chrono::minutes(10);
constexpr Nanos kFirstResumeRetry = std::chrono::seconds(1);
constexpr Nanos kLastResumeRetry = std::chrono::seconds(60);
/// A move of less says nothing about the speed of larger ones.
constexpr uint64_t kLeastMeasured = 256ULL << 20;

/// On the GPU, or what comes back to it.
uint64_t bytes_of(const SessionState& session) {
  const SessionReading& last = session.last;
  const uint64_t counted =
      std::min(last.memory_bytes, kMostBytes) + std::min(last.contexts, 64U) * kContextBytes;
  return std::max(counted, std::min(last.device_bytes, kMostBytes)) + session.promised_bytes;
}

double positive_or(double value, double otherwise) { return value > 0 ? value : otherwise; }

Nanos after_failures(int failures, Nanos first, Nanos last) {
  const int doublings = std::clamp(failures - 1, 0, 10);
  return std::min(last, first * (int64_t{1} << doublings));
}

void learn(double& own, double& node, uint64_t bytes, Nanos took) {
  if (bytes < kLeastMeasured || took <= kMoveFixed) return;
  own = static_cast<double>(bytes) / to_seconds(took - kMoveFixed);
  node = own;
}

void back_at_work(State& state, const std::string& workload, Instant now) {
  for (auto& [id, session] : state.sessions) {
    if (session.workload != workload) continue;
    session.last_call = now;
    session.last_active = now;
  }
}

/// What of the GPU's memory no session accounts for; not while something moves, since the readings
/// of the driver and of sessions are of different moments.
void look_at_foreign(State& state, const Memory& memory) {
  const uint64_t used = std::min(std::exchange(state.device_used_bytes, 0), kMostBytes);
  const bool still =
      std::all_of(memory.holdings.begin(), memory.holdings.end(), [](const Holding& one) {
        return one.place->state == ParkState::kRunning || one.place->state == ParkState::kParked;
      });
  if (used == 0 || !still) return;
  uint64_t known = memory.held;
  for (const Holding& one : memory.holdings) {
    if (one.place->adopted && one.place->state == ParkState::kParked) known += one.bytes;
  }
  const uint64_t foreign = used > known ? used - known : 0;
  state.foreign_bytes = std::min(foreign, state.foreign_seen);
  state.foreign_seen = foreign;
}

}  // namespace

void look_at_memory(const View& view, State& state, Instant now, Plan& plan) {
  Memory& memory = plan.memory;
  const Settings& settings = state.settings;
  memory.capacity = settings.memory_bytes;
  if (settings.memory_capacity_bytes > 0) {
    memory.capacity = std::min(memory.capacity, settings.memory_capacity_bytes);
  }
  memory.known = settings.backend.parking && memory.capacity > 0;
  memory.holdings.resize(view.workloads.size());
  for (size_t i = 0; i < view.workloads.size(); ++i) {
    Holding& one = memory.holdings[i];
    one.place = &state.residency[*view.workloads[i].key];
    one.critical = view.workloads[i].spec->service_class == ServiceClass::kLatencyCritical;
    one.parkable = view.workloads[i].sessions > 0;
    one.idle = Nanos::max();
  }
  for (const SessionView& session : view.sessions) {
    Holding& one = memory.holdings[session.workload];
    one.bytes += bytes_of(*session.state);
    one.wanted = std::max(one.wanted, wanted_by(*session.state));
    one.parkable = one.parkable && session.state->last.parkable;
    one.idle = std::min(one.idle, now - session.state->last_call);
  }
  uint64_t everything = 0;
  for (Holding& one : memory.holdings) {
    // The driver counts nothing for what is parked (parked_bytes is 0 for what is not).
    one.bytes = std::max(one.bytes, one.place->parked_bytes);
    if (one.place->state != ParkState::kParked) memory.held += one.bytes;
    if (one.place->state == ParkState::kParking) memory.leaving += one.bytes;
    everything += one.bytes + one.wanted;
  }
  look_at_foreign(state, memory);
  memory.held += state.foreign_bytes;
  memory.all_fit = !memory.known || everything + state.foreign_bytes <= memory.capacity;
}

bool is_on_gpu(const Holding& holding) {
  return holding.place->state == ParkState::kRunning && holding.wanted == 0;
}

bool movable(const Holding& holding, Instant now) {
  return holding.place->state == ParkState::kRunning && holding.parkable && !holding.critical &&
         holding.bytes >= kLeastParked && now >= holding.place->retry;
}

bool wants_memory(const SessionState& session) {
  return session.last.wanted_bytes > 0 && session.last.memory_ask != session.memory_answered;
}

uint64_t wanted_by(const SessionState& session) {
  return wants_memory(session) ? std::min(session.last.wanted_bytes, kMostBytes) + kGranule : 0;
}

namespace {

/// What it needs of free memory to be on the GPU with all it wants.
uint64_t need_of(const Holding& holding) {
  const bool away = holding.place->state == ParkState::kParked;
  return holding.wanted + (away ? holding.bytes : 0);
}

}  // namespace

bool could_be_on_gpu(const Memory& memory, size_t workload, Instant now) {
  const Holding& one = memory.holdings[workload];
  if (is_on_gpu(one)) return true;
  const bool away = one.place->state == ParkState::kParked;
  if (away && (one.place->until_resume || now < one.place->retry)) return false;
  uint64_t reachable = memory.free() + memory.leaving;
  for (const Holding& other : memory.holdings) {
    if (&other != &one && movable(other, now)) reachable += other.bytes;
  }
  return need_of(one) <= reachable;
}

Nanos moving_time(const State& state, const Holding& holding) {
  const MoveSpeed& own = holding.place->speed;
  const auto bytes = static_cast<double>(holding.bytes + holding.wanted);
  const double out = positive_or(own.park, positive_or(state.speed.park, kUsualSpeed.park));
  const double back = positive_or(own.resume, positive_or(state.speed.resume, kUsualSpeed.resume));
  return 2 * kMoveFixed + from_seconds(bytes / out + bytes / back);
}

// --- what happens to the state ------------------------------------------------------------------

void begin_parking(State& state, const std::string& workload, Instant now) {
  Residency& place = state.residency[workload];
  place.state = ParkState::kParking;
  place.since = now;
  place.asks = false;
  place.parked_bytes = 0;
  for (auto& [id, session] : state.sessions) {
    if (session.workload != workload) continue;
    session.held_when_parked = session.last.held_calls;
    place.parked_bytes += bytes_of(session);
  }
}

void note_held_calls(State& state, SessionState& session, const SessionReading& reading,
                     Instant now) {
  Residency& place = state.residency[session.workload];
  const bool away = place.state == ParkState::kParking || place.state == ParkState::kParked;
  if (!away || reading.held_calls <= session.held_when_parked) return;
  session.wants = true;
  session.last_active = now;
  if (place.until_resume || place.asks) return;
  place.asks = true;
  place.asked = now;
}

void apply_parking(State& state, const ParkChanged& event, Instant now) {
  if (!state.workloads.contains(event.workload)) return;
  Residency& place = state.residency[event.workload];
  const ParkState before = place.state;
  if (event.state == ParkState::kParking) {
    if (before != ParkState::kParking) begin_parking(state, event.workload, now);
    place.until_resume = event.until_resume;
    return;
  }
  place.state = event.state;
  if (before != event.state) place.since = now;
  if (event.state == ParkState::kResuming) return;
  place.adopted = event.state == ParkState::kParked && (place.adopted || event.adopted);
  if (event.ok) {
    place.failures = 0;
    place.retry = now;
    const bool parked = event.state == ParkState::kParked;
    if (parked) learn(place.speed.park, state.speed.park, event.bytes, event.took);
    if (!parked) learn(place.speed.resume, state.speed.resume, event.bytes, event.took);
    if (parked) state.freed = now;
  } else if (!event.busy) {
    ++place.failures;
    const bool parked = event.state == ParkState::kParked;
    place.retry = now + after_failures(place.failures, parked ? kFirstResumeRetry : kFirstRetry,
                                       parked ? kLastResumeRetry : kLastRetry);
  }
  if (event.state != ParkState::kRunning) return;
  place.asks = false;
  place.until_resume = false;
  place.parked_bytes = 0;
  back_at_work(state, event.workload, now);
}

}  // namespace corun::policy
