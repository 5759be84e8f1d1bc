// What holds for the orders in force after every decision.
#pragma once

#include <string>

#include "engine/policy/policy.h"

namespace corun::policy {

/// The first invariant that `state` breaks, with the session, or nothing:
/// - of the sessions that turn words hold, those of one workload at most may work, and a session
///   that none holds may work;
/// - a gate has one holder, which is latency-critical, and nobody waits for a gate without holder;
/// - a latency-critical session waits for nothing where classes count.
inline std::string broken_invariant(const State& state) {
  constexpr uint32_t kTurnBit = 1U << 31;
  const bool classes =
      state.settings.kind == PolicyKind::kPriority || state.settings.kind == PolicyKind::kDeadline;
  uint32_t held = 0;
  const std::string* open = nullptr;
  for (const auto& [id, session] : state.sessions) {
    const std::string who = "session " + std::to_string(id);
    const bool critical = classes && state.workloads.at(session.workload).service_class ==
                                         ServiceClass::kLatencyCritical;
    const bool in_turns = (session.armed & kTurnBit) != 0;
    if (!in_turns && !session.turn_open) return who + " is closed but not armed";
    if (in_turns && session.turn_open) {
      if (open != nullptr && *open != session.workload) return who + " has a second turn";
      open = &session.workload;
    }
    if (critical && session.armed != 0) return who + " is latency-critical and waits";
    if (session.gate < 0) continue;
    if (!critical) return who + " holds a gate and is not latency-critical";
    if (session.gate >= 8) return who + " holds a gate that does not exist";
    if ((held >> session.gate & 1U) != 0) return who + " holds a gate of another one";
    held |= 1U << session.gate;
  }
  for (const auto& [id, session] : state.sessions) {
    if ((session.armed & ~kTurnBit & ~held) != 0) {
      return "session " + std::to_string(id) + " waits for a gate that nobody holds";
    }
  }
  return {};
}

}  // namespace corun::policy
