// Turns by the clock, for what slices cannot do: one workload works while the turn words hold the
// others back. Whoever is owed most is next (deficits sum up over turns, so that shares hold
// although no turn is shorter than TurnRules::shortest); a hard cap is a budget per window.
//
// A turn whose holder shows no work for kIdleTurn passes on. A session that showed none in its last
// turn is not asked again before it launches something; what it might have queued is let go by
// being no participant any more after kIdleAfter.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "engine/policy/policy.h"

namespace corun::policy {

inline constexpr Nanos kIdleTurn = std::chrono::milliseconds(20);

struct TurnUnit {
  const std::string* workload = nullptr;
  double share = 0;    ///< relative to the other units'
  double cap = 1;      ///< of each window; 1: none
  bool probe = false;  ///< without known work: gets a short turn after TurnRules::probe_after
  std::vector<SessionState*> sessions;
};

struct TurnRules {
  Nanos shortest{};
  Nanos round{};        ///< all turns together, where none is lengthened to `shortest`
  Nanos window{};       ///< of the caps
  bool singly = false;  ///< the sessions of a workload take turns too
  Nanos probe_after{};  ///< see TurnUnit::probe
};

/// Ends the present turn if it is over and gives the next one. Units are by workload key.
void take_turns(State& state, std::span<const TurnUnit> units, const TurnRules& rules, Instant now);
/// Nobody is held back any more; what was owed is forgotten.
void stop_turns(State& state);
/// Whether the present turn is this session's.
bool has_turn(const State& state, const SessionState& session);

}  // namespace corun::policy
