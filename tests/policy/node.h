// A state to decide on, driven by hand: sessions join, work and leave, time moves as told.
#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "engine/policy/policy.h"

namespace corun::policy {

inline constexpr Nanos kMs = std::chrono::milliseconds(1);

inline Workload workload(std::string name, ServiceClass service_class = ServiceClass::kNormal,
                         double weight = 1) {
  Workload one;
  one.name = std::move(name);
  one.service_class = service_class;
  one.weight = weight;
  return one;
}

class Node {
 public:
  Node() { state.settings = default_settings(); }

  std::vector<Action> event(const Event& event) {
    log = decide(state, event, now);
    return log;
  }
  std::vector<Action> join(SessionId id, const Workload& workload) {
    return event(Joined{id, workload});
  }
  std::vector<Action> leave(SessionId id) { return event(Left{id, "test"}); }
  std::vector<Action> use(PolicyKind kind) {
    Settings settings = state.settings;
    settings.kind = kind;
    return event(SettingsChanged{settings});
  }
  std::vector<Action> on(Backend backend) {
    Settings settings = state.settings;
    settings.backend = backend;
    return event(SettingsChanged{settings});
  }

  /// Time goes on by `step`; the sessions in `busy` launched something meanwhile.
  std::vector<Action> tick(Nanos step, const std::set<SessionId>& busy) {
    now = now + step;
    Tick tick;
    for (const auto& [id, session] : state.sessions) {
      SessionReading reading = session.last;
      if (busy.contains(id)) reading.launches += 10;
      tick.readings[id] = reading;
    }
    return event(tick);
  }

  const SessionState& operator[](SessionId id) const { return state.sessions.at(id); }

  State state;
  Instant now{1'000'000'000};
  std::vector<Action> log;  ///< of the last event
};

inline bool armed_turn(const SessionState& session) { return (session.armed >> 31) != 0; }

/// Actions of one kind.
template <typename T>
std::vector<std::pair<T, std::string>> of_kind(const std::vector<Action>& actions) {
  std::vector<std::pair<T, std::string>> found;
  for (const Action& action : actions) {
    if (const T* one = std::get_if<T>(&action.change)) found.emplace_back(*one, action.why);
  }
  return found;
}

}  // namespace corun::policy
