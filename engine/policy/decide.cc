// decide(): the event goes into the state, the policy makes a plan from it, and what differs from
// the orders in force becomes actions.
#include <algorithm>
#include <array>

#include "core/check.h"
#include "engine/policy/deadline.h"
#include "engine/policy/plan.h"
#include "engine/policy/residency.h"
#include "engine/policy/turns.h"

namespace corun::policy {

namespace {

/// How often the state wants to be looked at while sessions share, and while one waits for a turn.
constexpr Nanos kTickEvery = std::chrono::milliseconds(100);
constexpr Nanos kTickInTurns = std::chrono::milliseconds(10);
/// While the holder of the turn is one whose queue was empty in the last kLightFor.
constexpr Nanos kTickInLightTurns = std::chrono::milliseconds(2);
constexpr Nanos kLightFor = std::chrono::milliseconds(200);

void remove(State& state, SessionId id, Instant now) {
  const auto at = state.sessions.find(id);
  if (at == state.sessions.end()) return;
  const std::string key = at->second.workload;
  state.sessions.erase(at);
  state.freed = now;
  const bool more = std::any_of(state.sessions.begin(), state.sessions.end(),
                                [&key](const auto& s) { return s.second.workload == key; });
  if (more) return;
  state.workloads.erase(key);
  state.leak.erase(key);
  state.latency.erase(key);
  state.residency.erase(key);
}

/// A process that joins a parked workload is not parked itself: the others come back to it.
void ask_back(State& state, const std::string& workload, Instant now) {
  const auto at = state.residency.find(workload);
  if (at == state.residency.end() || at->second.state != ParkState::kParked) return;
  if (!at->second.asks) at->second.asked = now;
  at->second.asks = true;
  at->second.until_resume = false;
}

void apply(State& state, const Joined& event, Instant now) {
  remove(state, event.session, now);
  SessionState session;
  session.id = event.session;
  session.workload = workload_key(event.workload);
  session.last_active = now;
  session.last_call = now;
  ask_back(state, session.workload, now);
  const bool fresh = state.workloads.try_emplace(session.workload, event.workload).second;
  if (fresh) state.residency[session.workload].since = now;
  state.sessions.emplace(event.session, std::move(session));
}

void apply(State& state, const Left& event, Instant now) { remove(state, event.session, now); }

/// What a reading says about memory and about calls that are no launches.
void take_in(State& state, SessionState& session, const SessionReading& reading, Instant now) {
  if (reading.wanted_bytes == 0 || reading.memory_ask != session.last.memory_ask) {
    session.promised_bytes = 0;
  }
  if (reading.calls > session.last.calls || reading.waiting) session.last_call = now;
  if (reading.wanted_bytes > 0 && reading.memory_ask != session.memory_answered) {
    if (reading.memory_ask != session.last.memory_ask) session.wanted_since = now;
    session.last_call = now;
    session.last_active = now;
    session.wants = true;
  }
  note_held_calls(state, session, reading, now);
}

/// The estimate of GPU time says nothing here: it may go on after the work, to catch up.
void count_look(SessionState& session, const SessionReading& reading) {
  const bool works = reading.launches > session.last.launches ||
                     reading.workload_time > session.last.workload_time || reading.waiting;
  ++session.looks;
  session.looks_working += works ? 1 : 0;
  session.looks_waiting += reading.waiting ? 1 : 0;
}

/// Whether it works, and wants a turn for it.
void note_work(SessionState& session, const SessionReading& reading, Instant now) {
  const bool tells = tells_queue(session, reading);
  const bool launched = reading.launches > session.last.launches;
  // The estimate of GPU time may go on after the work, to catch up.
  const bool worked =
      launched || (tells ? *reading.queued : reading.gpu_time > session.last.gpu_time);
  if (worked) session.last_active = now;
  if (launched || reading.gpu_time > session.last.gpu_time) session.last_call = now;
  if (tells && !*reading.queued) session.last_empty = now;
  // Whoever has the turn keeps it through an empty moment.
  const bool lately = !held_back(session) && now - session.last_active < kEmptyTurn;
  session.wants = tells ? *reading.queued || lately : worked || session.wants;
}

/// For how long it has worked with copies alone, while it might have done anything. Whoever was
/// seen to do so waits for no turns any more, and then its launches alone tell otherwise.
void note_copying(SessionState& session, const SessionReading& reading, Nanos since_last) {
  const bool launched = reading.launches > session.last.launches;
  const bool tells = tells_queue(session, reading);
  if (launched || (tells && reading.computes)) {
    session.copying = Nanos(0);
  } else if (tells && reading.calls > session.last.calls && !held_back(session)) {
    session.copying = std::min(session.copying + since_last, kCopiesOnly);
  }
}

void apply(State& state, const Tick& event, Instant now) {
  const Nanos since_last = std::min(now - state.last_tick, kTickEvery);
  state.last_tick = now;
  state.device_used_bytes = event.device_used_bytes;
  for (const auto& [id, reading] : event.readings) {
    const auto at = state.sessions.find(id);
    if (at == state.sessions.end()) continue;
    SessionState& session = at->second;
    note_work(session, reading, now);
    note_copying(session, reading, since_last);
    take_in(state, session, reading, now);
    count_look(session, reading);
    session.last = reading;
    session.last.new_bursts.clear();
  }
  if (state.settings.kind == PolicyKind::kDeadline) adjust_leaks(state, event, now);
}

void apply(State& state, const Changed& event, Instant) {
  const auto at = state.workloads.find(workload_key(event.workload));
  if (at != state.workloads.end()) at->second = event.workload;
}

void apply(State& state, const ParkChanged& event, Instant now) {
  apply_parking(state, event, now);
}

void apply(State& state, const ResumeAsked& event, Instant now) {
  ask_back(state, event.workload, now);
}

void apply(State& state, const SettingsChanged& event, Instant) {
  if (event.settings.kind != state.settings.kind) {
    stop_turns(state);
    state.leak.clear();
    state.latency.clear();
  }
  state.settings = event.settings;
  Settings& settings = state.settings;
  settings.quantum = std::clamp<Nanos>(settings.quantum, kShortestQuantum, kLongestQuantum);
  settings.quota_window = std::clamp<Nanos>(settings.quota_window, kShortestWindow, kLongestWindow);
}

Plan make_plan(const View& view, State& state, Instant now) {
  Plan plan;
  plan.wants.resize(view.sessions.size());
  plan_memory(view, plan);
  look_at_memory(view, state, now, plan);
  switch (state.settings.kind) {
    case PolicyKind::kPriority:
    case PolicyKind::kDeadline:
      plan_by_class(view, state, now, plan);
      break;
    case PolicyKind::kFair:
    case PolicyKind::kQuota:
      plan_by_share(view, state, now, plan);
      break;
    case PolicyKind::kRotate:
      plan_rotation(view, state, now, plan);
      break;
    case PolicyKind::kNone:
      break;
  }
  plan_residency(view, state, now, plan);
  return plan;
}

/// Compares the plan with the orders in force. The order of actions keeps the invariants between
/// any two of them: a turn is taken before the next is given, a gate has its holder before anybody
/// waits for it, memory is taken before it is given.
class Difference {
 public:
  Difference(State& state, const View& view, const Plan& plan, Instant now)
      : state_(state), view_(view), plan_(plan), now_(now) {}

  std::vector<Action> actions() {
    for_each(&Difference::close_turn);
    for_each(&Difference::withdraw_gate);
    for_each(&Difference::gate);
    for_each(&Difference::close_permille);
    for_each(&Difference::slice);
    for_each(&Difference::armed);
    for_each(&Difference::open_turn);
    for_each(&Difference::less_memory);
    for_each(&Difference::more_memory);
    for_each(&Difference::less_room);
    for_each(&Difference::more_room);
    for_each(&Difference::memory_wait);
    park();
    resume();
    answer();
    return std::move(actions_);
  }

 private:
  using Step = void (Difference::*)(SessionState&, const Want&, size_t);

  void for_each(Step step) {
    for (size_t i = 0; i < view_.sessions.size(); ++i) {
      (this->*step)(*view_.sessions[i].state, plan_.wants[i], i);
    }
  }

  void close_turn(SessionState& in_force, const Want& want, size_t i) {
    if (want.turn_open || !in_force.turn_open) return;
    in_force.turn_open = false;
    in_force.turn_ended = now_;
    actions_.push_back({SetTurn{in_force.id, false}, why_turn(state_, view_, plan_, i)});
  }

  void open_turn(SessionState& in_force, const Want& want, size_t i) {
    if (!want.turn_open || in_force.turn_open) return;
    in_force.turn_open = true;
    // While it was held back it could show no work; its time to do so begins here.
    if (in_force.wants) in_force.last_active = std::max(in_force.last_active, now_);
    actions_.push_back({SetTurn{in_force.id, true}, why_turn(state_, view_, plan_, i)});
  }

  void withdraw_gate(SessionState& in_force, const Want& want, size_t) {
    const bool told = want.gate_refused && !in_force.gate_refused;
    in_force.gate_refused = want.gate_refused;
    if (want.gate >= 0 || (in_force.gate < 0 && !told)) return;
    keep(in_force, want);
  }

  void gate(SessionState& in_force, const Want& want, size_t) {
    const bool same = want.gate == in_force.gate && want.linger_us == in_force.linger_us &&
                      want.regain_us == in_force.regain_us && want.hold == in_force.hold;
    if (!same) keep(in_force, want);
  }

  void keep(SessionState& in_force, const Want& want) {
    in_force.gate = want.gate;
    in_force.linger_us = want.linger_us;
    in_force.regain_us = want.regain_us;
    in_force.hold = want.hold;
    actions_.push_back(
        {AssignGate{in_force.id, want.gate, want.linger_us, want.regain_us, want.hold},
         why_gate(view_, want)});
  }

  void close_permille(SessionState& in_force, const Want& want, size_t i) {
    if (in_force.close_permille == want.close_permille) return;
    in_force.close_permille = want.close_permille;
    actions_.push_back(
        {SetClosePermille{in_force.id, want.close_permille}, why_close(state_, view_, i)});
  }

  void slice(SessionState& in_force, const Want& want, size_t i) {
    const bool ordered = in_force.slice_us != 0 && in_force.slice_us != wire::kDefaultSliceUs;
    if (!state_.settings.backend.slices && !ordered) return;
    if (in_force.slice_us == want.slice_us) return;
    in_force.slice_us = want.slice_us;
    actions_.push_back({SetSlice{in_force.id, want.slice_us}, why_slice(view_, plan_, i)});
  }

  void armed(SessionState& in_force, const Want& want, size_t) {
    const uint32_t every_us = want.armed == 0 ? 0 : state_.settings.wait_every_us;
    if (in_force.armed == want.armed && in_force.wait_every_us == every_us) return;
    in_force.armed = want.armed;
    in_force.wait_every_us = every_us;
    actions_.push_back(
        {SetArmed{in_force.id, want.armed, every_us}, why_armed(state_, view_, want)});
  }

  void less_memory(SessionState& in_force, const Want& want, size_t i) {
    const bool less =
        in_force.memory_limit_bytes == 0 || want.memory_limit_bytes < in_force.memory_limit_bytes;
    if (less && want.memory_limit_bytes != 0) memory(in_force, want, i);
  }

  void more_memory(SessionState& in_force, const Want& want, size_t i) {
    memory(in_force, want, i);
  }

  void memory(SessionState& in_force, const Want& want, size_t i) {
    if (in_force.memory_limit_bytes == want.memory_limit_bytes) return;
    in_force.memory_limit_bytes = want.memory_limit_bytes;
    actions_.push_back(
        {SetMemoryLimit{in_force.id, want.memory_limit_bytes}, why_memory(view_, plan_, i)});
  }

  void less_room(SessionState& in_force, const Want& want, size_t i) {
    const bool less =
        in_force.memory_room_bytes == 0 || want.memory_room_bytes < in_force.memory_room_bytes;
    if (less && want.memory_room_bytes != 0) more_room(in_force, want, i);
  }

  void more_room(SessionState& in_force, const Want& want, size_t) {
    if (in_force.memory_room_bytes == want.memory_room_bytes) return;
    in_force.memory_room_bytes = want.memory_room_bytes;
    actions_.push_back(
        {SetMemoryRoom{in_force.id, want.memory_room_bytes}, why_room(state_, plan_, want)});
  }

  void memory_wait(SessionState& in_force, const Want& want, size_t) {
    if (in_force.memory_wait == want.memory_wait) return;
    in_force.memory_wait = want.memory_wait;
    actions_.push_back({SetMemoryWait{in_force.id, want.memory_wait}, why_wait(state_, want)});
  }

  void park() {
    for (const ParkPlan& one : plan_.parks) {
      const std::string& key = *view_.workloads[one.workload].key;
      begin_parking(state_, key, now_);
      state_.residency[key].until_resume = false;
      actions_.push_back({Park{key, one.only_if_idle}, one.why});
    }
  }

  void resume() {
    for (const ResumePlan& one : plan_.resumes) {
      const std::string& key = *view_.workloads[one.workload].key;
      Residency& place = state_.residency[key];
      place.state = ParkState::kResuming;
      place.since = now_;
      actions_.push_back({Resume{key}, one.why});
    }
  }

  void answer() {
    for (const AnswerPlan& one : plan_.answers) {
      SessionState& session = *view_.sessions[one.session].state;
      session.memory_answered = session.last.memory_ask;
      if (one.try_again) session.promised_bytes = one.bytes;
      actions_.push_back(
          {AnswerMemory{session.id, session.memory_answered, one.try_again}, one.why});
    }
  }

  State& state_;
  const View& view_;
  const Plan& plan_;
  Instant now_;
  std::vector<Action> actions_;
};

/// The turn is one of a session whose queue runs empty: its turn may have to pass on soon.
bool light_turn(const State& state) {
  return std::any_of(state.sessions.begin(), state.sessions.end(), [&state](const auto& entry) {
    const SessionState& session = entry.second;
    return has_turn(state, session) && tells_queue(session) && session.last_empty != Instant{} &&
           state.last_tick - session.last_empty < kLightFor;
  });
}

}  // namespace

std::vector<Action> decide(State& state, const Event& event, Instant now) {
  std::visit([&state, now](const auto& one) { apply(state, one, now); }, event);
  const View view = make_view(state, now);
  const Plan plan = make_plan(view, state, now);
  return Difference(state, view, plan, now).actions();
}

std::optional<Instant> next_turn(const State& state) {
  if (state.sessions.empty() || (state.sessions.size() == 1 && !state.turns)) return std::nullopt;
  Instant next = state.last_tick + kTickEvery;
  if (state.turns) next = std::min(next, state.turn_until);
  if (state.turns && state.settings.kind != PolicyKind::kRotate) {
    next = std::min(next, state.last_tick + (light_turn(state) ? kTickInLightTurns : kTickInTurns));
  }
  return next;
}

}  // namespace corun::policy
