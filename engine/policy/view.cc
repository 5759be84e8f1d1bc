#include "engine/policy/view.h"

#include <algorithm>
#include <cmath>

#include "core/wire/session_page.h"

namespace corun::policy {

namespace {

/// A normal workload beside a best-effort one of the same weight gets this many times its share.
constexpr double kNormalFactor = 4;
constexpr uint32_t kMostGroups = 64;  ///< of a session; what it claims beyond is not believed

double effective_weight(const Workload& workload, bool classes) {
  const double asked = std::isfinite(workload.weight) ? workload.weight : 1.0;
  const bool normal = workload.service_class == ServiceClass::kNormal;
  return std::clamp(asked, 0.001, 1000.0) * (classes && normal ? kNormalFactor : 1.0);
}

bool is_active(const SessionState& session, Instant now) {
  // Work that a turn word holds back shows in no counter.
  if (held_back(session) && session.wants) return true;
  return now - session.last_active < kIdleAfter;
}

}  // namespace

bool heeds_classes(PolicyKind kind) {
  return kind == PolicyKind::kPriority || kind == PolicyKind::kDeadline;
}

bool held_back(const SessionState& session) {
  return (session.armed & wire::kArmedTurn) != 0 && !session.turn_open;
}

bool tells_queue(const SessionState& session, const SessionReading& reading) {
  return (session.armed & wire::kArmedTurn) != 0 && reading.queued.has_value();
}

View make_view(State& state, Instant now) {
  View view;
  const bool classes = heeds_classes(state.settings.kind);
  view.workloads.reserve(state.workloads.size());
  for (const auto& [key, workload] : state.workloads) {
    WorkloadView& one = view.workloads.emplace_back();
    one.key = &key;
    one.spec = &workload;
    one.critical = classes && workload.service_class == ServiceClass::kLatencyCritical;
    one.weight = effective_weight(workload, classes);
  }
  view.sessions.reserve(state.sessions.size());
  for (auto& [id, session] : state.sessions) {
    const auto at = std::lower_bound(
        view.workloads.begin(), view.workloads.end(), session.workload,
        [](const WorkloadView& one, const std::string& key) { return *one.key < key; });
    SessionView& one = view.sessions.emplace_back();
    one.state = &session;
    one.workload = static_cast<size_t>(at - view.workloads.begin());
    one.copies = !at->critical && state.settings.kind != PolicyKind::kRotate &&
                 session.copying >= kCopiesOnly;
    one.active = !one.copies && is_active(session, now);
    one.groups = std::clamp(session.last.contexts, 1U, kMostGroups);
    ++at->sessions;
    if (one.active) {
      ++at->active_sessions;
      at->active_groups += one.groups;
    }
    if (at->critical) ++view.critical_sessions;
    if (one.copies) ++view.copying_sessions;
    if (one.active && !at->critical) ++view.active_others;
  }
  return view;
}

}  // namespace corun::policy
