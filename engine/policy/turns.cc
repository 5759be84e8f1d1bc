#include "engine/policy/turns.h"

#include <algorithm>
#include <optional>

#include "core/check.h"
#include "engine/policy/view.h"

namespace corun::policy {

namespace {

constexpr double kLeastBudgetMs = 1;
constexpr double kLeastClaimMs = 0.5;

bool wants(const TurnUnit& unit) {
  return std::any_of(unit.sessions.begin(), unit.sessions.end(),
                     [](const SessionState* session) { return session->wants; });
}

bool capped(const TurnUnit& unit) { return unit.cap < 1; }

void start(State& state, const TurnRules& rules, Instant now) {
  state.turns = true;
  state.turn_of.clear();
  state.turn_session = 0;
  state.turn_since = now;
  state.turn_until = now;
  state.turn_charged = now;
  state.window_until = now + rules.window;
}

void forget_absent(State& state, std::span<const TurnUnit> units) {
  const auto absent = [&units](const auto& entry) {
    const auto at = std::lower_bound(
        units.begin(), units.end(), entry.first,
        [](const TurnUnit& unit, const std::string& key) { return *unit.workload < key; });
    return at == units.end() || *at->workload != entry.first;
  };
  std::erase_if(state.deficit_ms, absent);
  std::erase_if(state.turn_accounts, absent);
}

/// Time since the last charge: owed to all who want it, paid by the holder.
void charge(State& state, std::span<const TurnUnit> units, const TurnRules& rules, Instant now) {
  const double elapsed_ms = to_millis(now - state.turn_charged);
  state.turn_charged = now;
  double shares = 0;
  for (const TurnUnit& unit : units) {
    if (wants(unit)) shares += unit.share;
  }
  const double most = 2 * std::max(to_millis(rules.round), to_millis(rules.shortest));
  for (const TurnUnit& unit : units) {
    double& deficit = state.deficit_ms[*unit.workload];
    const bool holder = *unit.workload == state.turn_of;
    if (wants(unit) && !state.turn_of.empty()) deficit += elapsed_ms * unit.share / shares;
    if (holder) deficit -= elapsed_ms;
    deficit = std::clamp(deficit, -most, most);
    if (holder && capped(unit)) state.turn_accounts[*unit.workload].budget_ms -= elapsed_ms;
  }
}

/// New budgets when a window is over. What a turn ran over is taken from the next window.
void refill(State& state, std::span<const TurnUnit> units, const TurnRules& rules, Instant now) {
  double windows = 0;
  if (now >= state.window_until) {
    const int64_t passed = (now - state.window_until) / rules.window + 1;
    windows = static_cast<double>(passed);
    state.window_until = state.window_until + passed * rules.window;
  }
  for (const TurnUnit& unit : units) {
    const double full = unit.cap * to_millis(rules.window);
    const auto [at, fresh] = state.turn_accounts.try_emplace(*unit.workload);
    TurnAccount& account = at->second;
    if (fresh) account.budget_ms = full;
    account.budget_ms =
        std::min(std::max(full, kLeastBudgetMs), account.budget_ms + windows * full);
  }
}

bool in_budget(const State& state, const TurnUnit& unit) {
  return !capped(unit) || state.turn_accounts.at(*unit.workload).budget_ms >= kLeastBudgetMs;
}

bool is_holder(const State& state, const SessionState& session) {
  return session.workload == state.turn_of &&
         (state.turn_session == 0 || state.turn_session == session.id);
}

/// What the holder of the present turn has shown.
struct Holder {
  std::optional<Instant> worked;  ///< last; nothing: it is gone
  bool tells = true;              ///< whether there is more in its queues
};

Holder look_at_holder(const State& state, const TurnUnit& unit) {
  Holder holder;
  for (const auto* sessions : {&unit.sessions, &unit.idle}) {
    for (const SessionState* session : *sessions) {
      if (!is_holder(state, *session)) continue;
      holder.worked = std::max(holder.worked.value_or(state.turn_since), session->last_active);
      holder.tells = holder.tells && tells_queue(*session);
    }
  }
  return holder;
}

/// The present turn goes on: its holder is there, has time left, and works.
bool goes_on(const State& state, std::span<const TurnUnit> units, const TurnRules& rules,
             Instant now) {
  if (now >= state.turn_until || state.turn_of.empty()) return false;
  for (const TurnUnit& unit : units) {
    if (*unit.workload != state.turn_of) continue;
    if (!unit.possible) return false;
    if (capped(unit) && state.turn_accounts.at(*unit.workload).budget_ms <= 0) return false;
    const Holder holder = look_at_holder(state, unit);
    const Nanos patience = holder.tells ? rules.empty : rules.idle;
    return holder.worked && (!state.contested || state.last_tick - *holder.worked < patience);
  }
  return false;
}

/// Somebody whose last turn passed on has work again, and is owed more than the holder.
bool is_claimed(const State& state, std::span<const TurnUnit> units, const TurnRules& rules,
                Instant now) {
  if (rules.stay == Nanos(0) || now - state.turn_since < rules.stay || state.turn_of.empty()) {
    return false;
  }
  const auto holder = state.deficit_ms.find(state.turn_of);
  if (holder == state.deficit_ms.end()) return false;
  return std::any_of(units.begin(), units.end(), [&](const TurnUnit& unit) {
    const bool back =
        std::any_of(unit.sessions.begin(), unit.sessions.end(),
                    [](const SessionState* session) { return session->yielded && session->wants; });
    return back && *unit.workload != state.turn_of && unit.possible && in_budget(state, unit) &&
           state.deficit_ms.at(*unit.workload) > holder->second + kLeastClaimMs;
  });
}

/// It leaves the rest of its turn to others: what it has to do is done.
bool yields(const State& state, const SessionState& session, const TurnRules& rules, Instant now) {
  return now < state.turn_until && tells_queue(session) && !session.wants &&
         state.last_tick - session.last_active >= rules.empty;
}

void end_turn(State& state, std::span<const TurnUnit> units, const TurnRules& rules, Instant now) {
  for (const TurnUnit& unit : units) {
    if (*unit.workload != state.turn_of) continue;
    for (SessionState* session : unit.sessions) {
      if (!is_holder(state, *session)) continue;
      session->turn_ended = now;
      session->yielded = yields(state, *session, rules, now);
      // A turn shorter than a kernel may end without a sign of work.
      const bool judged = now - state.turn_since >= kIdleTurn && !tells_queue(*session);
      if (judged) session->wants = session->last_active > state.turn_since;
    }
    for (SessionState* session : unit.idle) {
      if (!is_holder(state, *session)) continue;
      session->turn_ended = now;
      session->yielded = tells_queue(*session);
    }
    TurnAccount& account = state.turn_accounts[*unit.workload];
    account.last_session = state.turn_session;
  }
}

/// The holder is being brought to the GPU: its turn has not begun.
bool is_coming(const State& state, std::span<const TurnUnit> units) {
  return std::any_of(units.begin(), units.end(), [&state](const TurnUnit& unit) {
    return *unit.workload == state.turn_of && !unit.ready && unit.possible;
  });
}

void put_off(State& state, Instant now) {
  const Nanos passed = now - state.turn_charged;
  state.turn_since = state.turn_since + passed;
  state.turn_until = state.turn_until + passed;
  state.turn_charged = now;
}

/// Since when an idle session waits for its probe. One that tells its queue is seen when it has
/// work: it gets one rarely, for what is queued where libcorun.so does not follow it.
Instant waits_since(const SessionState& session, const TurnRules& rules) {
  constexpr int kRarely = 5;
  const Nanos later = tells_queue(session) ? (kRarely - 1) * rules.probe_after : Nanos(0);
  return session.turn_ended + later;
}

/// The idle session that waits longest for its probe, if that is due.
SessionState* due_probe(std::span<const TurnUnit> units, const TurnRules& rules, Instant now) {
  SessionState* oldest = nullptr;
  int64_t count = 0;
  for (const TurnUnit& unit : units) {
    if (!unit.ready) continue;  // what is not on the GPU asks for itself
    for (SessionState* session : unit.idle) {
      ++count;
      if (oldest == nullptr || waits_since(*session, rules) < waits_since(*oldest, rules)) {
        oldest = session;
      }
    }
  }
  const bool due =
      oldest != nullptr && now - waits_since(*oldest, rules) >= count * rules.probe_after;
  return due ? oldest : nullptr;
}

/// Whoever is owed most; among equals the one after the present holder.
const TurnUnit* next_unit(const State& state, std::span<const TurnUnit> units) {
  const bool any_wants = std::any_of(units.begin(), units.end(), [&state](const TurnUnit& unit) {
    return wants(unit) && unit.possible && in_budget(state, unit);
  });
  const TurnUnit* best = nullptr;
  double most = 0;
  bool best_later = false;
  for (const TurnUnit& unit : units) {
    if (unit.sessions.empty() || !unit.possible) continue;
    if (!in_budget(state, unit) || (any_wants && !wants(unit))) continue;
    const double owed = state.deficit_ms.at(*unit.workload);
    const bool later = *unit.workload > state.turn_of;
    if (best == nullptr || owed > most + 1e-9 || (owed > most - 1e-9 && later && !best_later)) {
      best = &unit;
      most = owed;
      best_later = later;
    }
  }
  return best;
}

/// The session of `unit` after the one that had its last turn.
SessionId next_session(const State& state, const TurnUnit& unit) {
  CORUN_CHECK(!unit.sessions.empty(), "a turn has a session");
  const SessionId last = state.turn_accounts.at(*unit.workload).last_session;
  SessionId first = 0;
  const bool any_wants = wants(unit);
  for (const SessionState* session : unit.sessions) {
    if (any_wants && !session->wants) continue;
    if (session->id > last) return session->id;
    if (first == 0) first = session->id;
  }
  return first;
}

/// The part of a round that is the unit's among those that want one.
Nanos length_of(std::span<const TurnUnit> units, const TurnUnit& unit, const TurnRules& rules) {
  double shares = 0;
  for (const TurnUnit& one : units) {
    if (wants(one)) shares += one.share;
  }
  const double part = shares > 0 ? std::min(1.0, unit.share / shares) : 0.0;
  return std::max(rules.shortest, from_seconds(to_seconds(rules.round) * part));
}

/// A turn is as long as those who want one make it, also those who began to after it did.
void shorten(State& state, std::span<const TurnUnit> units, const TurnRules& rules) {
  for (const TurnUnit& unit : units) {
    if (*unit.workload != state.turn_of) continue;
    state.turn_until = std::min(state.turn_until, state.turn_since + length_of(units, unit, rules));
  }
}

void begin_turn(State& state, std::span<const TurnUnit> units, const TurnUnit* unit,
                const TurnRules& rules, Instant now) {
  state.turn_since = now;
  if (unit == nullptr) {
    state.turn_of.clear();
    state.turn_session = 0;
    state.turn_until = state.window_until;
    return;
  }
  double length_ms = to_millis(length_of(units, *unit, rules));
  if (capped(*unit)) {
    length_ms = std::min(length_ms, state.turn_accounts.at(*unit->workload).budget_ms);
  }
  state.turn_of = *unit->workload;
  state.turn_session = rules.singly ? next_session(state, *unit) : 0;
  state.turn_until = now + from_seconds(length_ms / 1e3);
}

}  // namespace

void take_turns(State& state, std::span<const TurnUnit> units, const TurnRules& rules,
                Instant now) {
  if (!state.turns) start(state, rules, now);
  forget_absent(state, units);
  if (is_coming(state, units)) return put_off(state, now);
  charge(state, units, rules, now);
  refill(state, units, rules, now);
  size_t rivals = 0;
  for (const TurnUnit& unit : units) {
    for (const SessionState* session : unit.sessions) {
      if (session->wants && !is_holder(state, *session)) ++rivals;
    }
  }
  state.contested = rivals > 0;
  if (state.contested) shorten(state, units, rules);
  if (goes_on(state, units, rules, now) && !is_claimed(state, units, rules, now)) return;
  end_turn(state, units, rules, now);
  if (const SessionState* idle = due_probe(units, rules, now)) {
    state.turn_of = idle->workload;
    state.turn_session = rules.singly ? idle->id : 0;
    state.turn_since = now;
    state.turn_until = now + rules.probe;
    return;
  }
  begin_turn(state, units, next_unit(state, units), rules, now);
}

void stop_turns(State& state) {
  state.turns = false;
  state.contested = false;
  state.turn_of.clear();
  state.turn_session = 0;
  state.deficit_ms.clear();
  state.turn_accounts.clear();
}

bool has_turn(const State& state, const SessionState& session) { return is_holder(state, session); }

}  // namespace corun::policy
