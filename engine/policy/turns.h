// Turns by the clock, for what slices cannot do: one workload works while the turn words hold the
// others back. Whoever is owed most is next (deficits sum up over turns, so that shares hold
// although no turn is shorter than TurnRules::shortest); a hard cap is a budget per window.
//
// A turn whose holder shows no work for TurnRules::idle (TurnRules::empty, if it tells its queue)
// passes on. Whoever begins to have work while another has the turn, and is owed more, gets it
// after TurnRules::stay: who works a part of the time loses little, and the others have the rest.
// A turn whose holder has to be brought to the GPU begins when it is there. A session that shows no
// work is idle: held back until it launches something. What it might have queued where no counter
// shows it gets its chance in a short probe now and then, so nobody is held for ever, and a session
// that lies about its work holds up only itself.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "engine/policy/policy.h"

namespace corun::policy {

inline constexpr Nanos kIdleTurn = std::chrono::milliseconds(20);
/// Longer than what a step of a training needs from the last kernel to the next one's launch.
inline constexpr Nanos kEmptyTurn = std::chrono::milliseconds(2);

struct TurnUnit {
  const std::string* workload = nullptr;
  double share = 0;                     ///< relative to the other units'
  double cap = 1;                       ///< of each window; 1: none
  std::vector<SessionState*> sessions;  ///< with work; may be empty
  std::vector<SessionState*> idle;
  bool ready = true;     ///< on the GPU, with all it wants
  bool possible = true;  ///< it can be, should the turn be its
};

struct TurnRules {
  Nanos shortest{};
  Nanos round{};            ///< all turns together, where none is lengthened to `shortest`
  Nanos window{};           ///< of the caps
  bool singly = false;      ///< the sessions of a workload take turns too
  Nanos probe{};            ///< turn of an idle session
  Nanos probe_after{};      ///< so long after its last turn, times the number of idle sessions
  Nanos idle = kIdleTurn;   ///< a turn without work for so long passes on
  Nanos empty = kIdleTurn;  ///< the same, where its holder tells that its queue is empty
  Nanos stay{};  ///< a turn that somebody else has a claim to ends after it; 0: at its end only
};

/// Ends the present turn if it is over and gives the next one. Units are by workload key.
void take_turns(State& state, std::span<const TurnUnit> units, const TurnRules& rules, Instant now);
/// Nobody is held back any more; what was owed is forgotten.
void stop_turns(State& state);
/// Whether the present turn is this session's.
bool has_turn(const State& state, const SessionState& session);

}  // namespace corun::policy
