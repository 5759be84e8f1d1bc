// What the policies look at: the sessions of the state with their workloads resolved and counted.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/policy/policy.h"

namespace corun::policy {

/// A session without launches and GPU time for this long does not count into shares.
inline constexpr Nanos kIdleAfter = std::chrono::seconds(1);
/// Who has worked for so long, held back by nobody, with copies between host and device alone: that
/// is the work of engines of their own, and nobody who computes has to wait for it.
inline constexpr Nanos kCopiesOnly = std::chrono::milliseconds(200);

struct WorkloadView {
  const std::string* key = nullptr;
  const Workload* spec = nullptr;
  bool critical = false;  ///< latency-critical, and the policy heeds classes
  double weight = 1.0;    ///< bounded, with the factor of its class
  uint32_t sessions = 0;
  uint32_t active_sessions = 0;
  uint32_t active_groups = 0;  ///< compute channel groups of active sessions
};

struct SessionView {
  SessionState* state = nullptr;
  size_t workload = 0;  ///< index into View::workloads
  bool active = false;
  bool copies = false;  ///< all it does is copying: it is not active
  uint32_t groups = 1;
};

struct View {
  std::vector<WorkloadView> workloads;  ///< by key
  std::vector<SessionView> sessions;    ///< by id
  uint32_t critical_sessions = 0;
  uint32_t copying_sessions = 0;  ///< that are not latency-critical
  uint32_t active_others = 0;     ///< active sessions that are not latency-critical

  /// Sessions that are neither latency-critical nor copiers: those that order each other.
  size_t others() const { return sessions.size() - critical_sessions - copying_sessions; }
};

/// Whether the policy treats classes differently.
bool heeds_classes(PolicyKind kind);
/// A turn word holds the session back at the moment.
bool held_back(const SessionState& session);
/// It waits for turns, and says whether it has work.
bool tells_queue(const SessionState& session, const SessionReading& reading);
inline bool tells_queue(const SessionState& session) { return tells_queue(session, session.last); }
View make_view(State& state, Instant now);

}  // namespace corun::policy
