// The policies. Each fills the orders of every session from the same few parts: gates, slices by
// share, turns by the clock.
#include <algorithm>
#include <cmath>

#include "engine/policy/correction.h"
#include "engine/policy/plan.h"
#include "engine/policy/shares.h"
#include "engine/policy/turns.h"

namespace corun::policy {

namespace {

/// Of one of several channel groups that cannot take turns beside a latency-critical session: 18 %
/// are lost at this length, nearly everything at 50 us (measured, results/h200/first-readings).
constexpr uint32_t kShortSliceUs = 1000;
/// A copier's streams visit the GPU with each copy, for the words and events that they wait for.
/// Beside 800 copies a second two aggressors that take turns keep 42 % of their rates each with 4
/// us (43 % without a copier), and 20 % with 1 us, whatever the copier's own slice (1, 4, 1000 us;
/// measured, results/h200/turns).
constexpr uint32_t kCopierSliceUs = 1;
constexpr uint32_t kBesideCopierUs = 4;
/// Long for a burst, and a bound for what one latency-critical session can do to another.
constexpr uint32_t kCriticalSharedSliceUs = 50'000;
/// What letting the GPU go costs a latency-critical session and the others together, as it weighs
/// its gaps: two switches of 0.18 ms where a preempted kernel comes back, the first of which is
/// latency and counts threefold; where the gate alone holds, the kernel that begins meanwhile.
constexpr uint32_t kRegainSwitchUs = 720;
constexpr uint32_t kRegainGateUs = 400;
constexpr double kSameShare = 0.01;
constexpr Nanos kTurnRound = std::chrono::milliseconds(100);
constexpr Nanos kShortestTurn = std::chrono::milliseconds(20);
constexpr Nanos kShortestQuotaTurn = std::chrono::milliseconds(5);
/// A change of turns costs some 0.5 ms, by calculation: of what the former holder has begun, and
/// two switches.
constexpr Nanos kClaimedTurn = std::chrono::milliseconds(5);
/// An idle session loses the others half a percent at most.
constexpr Nanos kProbe = std::chrono::milliseconds(5);
constexpr Nanos kProbeAfter = std::chrono::seconds(1);
constexpr Nanos kRotationProbe = std::chrono::milliseconds(200);
constexpr Nanos kShortestRotation = std::chrono::seconds(1);

bool gates_in_use(const Settings& settings) {
  return settings.backend.gate && (!settings.backend.slices || settings.gate_with_slices);
}

/// Kernels so short that waiting for one to end costs a burst no more than preempting it: a switch
/// takes 0.18 ms (measured, results/h200/engine-probes).
bool short_kernels(const SessionState& session) {
  constexpr uint32_t kShortKernelUs = 300;
  return session.last.longest_kernel_us > 0 && session.last.longest_kernel_us <= kShortKernelUs;
}

bool capped(const WorkloadView& workload) { return workload.spec->max_share < 1; }

/// Shares of the workloads that `counts` says take part, 0 for the others.
template <typename Counts>
std::vector<double> shares_of(const View& view, bool minima, Counts counts) {
  std::vector<ShareBounds> demands;
  for (const WorkloadView& one : view.workloads) {
    if (!counts(one)) continue;
    demands.push_back({one.weight, minima ? one.spec->min_share : 0.0, one.spec->max_share});
  }
  const std::vector<double> filled = fill_shares(demands);
  std::vector<double> shares(view.workloads.size(), 0.0);
  size_t next = 0;
  for (size_t i = 0; i < shares.size(); ++i) {
    if (counts(view.workloads[i])) shares[i] = filled[next++];
  }
  return shares;
}

/// Turns for all sessions that are not latency-critical, by the plan's shares.
void plan_turns(const View& view, State& state, Instant now, const TurnRules& rules, bool caps,
                Plan& plan) {
  std::vector<TurnUnit> units(view.workloads.size());
  for (size_t i = 0; i < units.size(); ++i) {
    units[i].workload = view.workloads[i].key;
    units[i].share = plan.shares[i];
    units[i].cap = caps ? view.workloads[i].spec->max_share : 1;
    if (state.settings.kind != PolicyKind::kRotate) continue;
    units[i].ready = is_on_gpu(plan.memory.holdings[i]);
    units[i].possible = could_be_on_gpu(plan.memory, i, now);
  }
  for (const SessionView& session : view.sessions) {
    if (view.workloads[session.workload].critical || session.copies) continue;
    TurnUnit& unit = units[session.workload];
    (session.active ? unit.sessions : unit.idle).push_back(session.state);
    if (!session.active) session.state->wants = false;
  }
  std::erase_if(units,
                [](const TurnUnit& unit) { return unit.sessions.empty() && unit.idle.empty(); });
  take_turns(state, units, rules, now);
  plan.turn_shares = plan.shares;
  for (size_t i = 0; i < view.sessions.size(); ++i) {
    if (view.workloads[view.sessions[i].workload].critical || view.sessions[i].copies) continue;
    plan.wants[i].armed |= wire::kArmedTurn;
    plan.wants[i].turn_open = has_turn(state, *view.sessions[i].state);
  }
}

/// Each latency-critical session holds a gate, all others wait for all of them.
void plan_gates(const View& view, Plan& plan) {
  uint32_t taken = 0;
  for (size_t i = 0; i < view.sessions.size(); ++i) {
    const SessionView& session = view.sessions[i];
    if (!view.workloads[session.workload].critical || session.state->gate < 0) continue;
    plan.wants[i].gate = session.state->gate;
    taken |= 1U << session.state->gate;
  }
  for (size_t i = 0; i < view.sessions.size(); ++i) {
    if (!view.workloads[view.sessions[i].workload].critical || plan.wants[i].gate >= 0) continue;
    int free = 0;
    while (free < wire::kMaxGates && (taken >> free & 1U) != 0) ++free;
    plan.wants[i].gate_refused = free == wire::kMaxGates;
    if (plan.wants[i].gate_refused) continue;
    plan.wants[i].gate = free;
    taken |= 1U << free;
  }
  for (size_t i = 0; i < view.sessions.size(); ++i) {
    if (!view.workloads[view.sessions[i].workload].critical) plan.wants[i].armed |= taken;
  }
}

/// Slices in proportion to the plan's corrected shares; idle workloads get what they would have.
void plan_slices(const View& view, const Settings& settings, Plan& plan) {
  if (!settings.backend.slices || view.sessions.size() < 2) return;
  std::vector<SliceDemand> demands;
  double weights = 0;
  for (size_t i = 0; i < view.workloads.size(); ++i) {
    if (plan.shares[i] <= 0) continue;
    demands.push_back({plan.slice_shares[i], std::max(1U, view.workloads[i].active_groups)});
    weights += view.workloads[i].weight;
  }
  plan.round_us = round_work_us(demands, settings.quantum);
  const double most_us = 2 * to_micros(settings.quantum);
  for (size_t i = 0; i < view.sessions.size(); ++i) {
    const WorkloadView& workload = view.workloads[view.sessions[i].workload];
    const double share = plan.slice_shares[view.sessions[i].workload];
    const uint32_t groups = std::max(1U, workload.active_groups);
    Want& want = plan.wants[i];
    if (share > 0) {
      want.slice_us = slice_us({share, groups}, plan.round_us);
      want.slice_why = SliceWhy::kShare;
      continue;
    }
    const double idle_us = slice_us({workload.weight / weights, groups}, plan.round_us);
    want.slice_us = static_cast<uint32_t>(
        std::clamp(idle_us, double{kShortestTurnUs}, std::max(most_us, double{kShortestTurnUs})));
    want.slice_why = view.sessions[i].copies ? SliceWhy::kCopies : SliceWhy::kIdle;
  }
}

/// Whether what the hardware does by itself misses the shares.
bool needs_turns(const View& view, const Backend& backend, const Plan& plan) {
  double groups = 0;
  double workloads = 0;
  for (size_t i = 0; i < view.workloads.size(); ++i) {
    if (plan.shares[i] <= 0) continue;
    groups += view.workloads[i].active_groups;
    workloads += 1;
  }
  for (size_t i = 0; i < view.workloads.size(); ++i) {
    if (plan.shares[i] <= 0) continue;
    if (capped(view.workloads[i])) return true;
    if (backend.slices) continue;
    // Without slices the driver goes round the channel groups; under MPS kernels run together.
    const double by_itself = backend.mps ? 1 / workloads : view.workloads[i].active_groups / groups;
    if (std::abs(plan.shares[i] - by_itself) > kSameShare) return true;
  }
  return false;
}

TurnRules rules_of(const Settings& settings) {
  TurnRules rules{kShortestTurn, kTurnRound, settings.quota_window, false, kProbe, kProbeAfter};
  rules.empty = kEmptyTurn;
  rules.stay = kClaimedTurn;
  if (settings.kind == PolicyKind::kQuota) {
    rules.shortest = kShortestQuotaTurn;
    rules.round = settings.quota_window;
  }
  return rules;
}

/// Shares among the active workloads that heed no class, by slices or, where these cannot, turns.
void plan_by_share_of(const View& view, State& state, Instant now, bool minima, Plan& plan) {
  const bool any_active = view.active_others > 0;
  plan.shares = shares_of(view, minima, [any_active](const WorkloadView& one) {
    return any_active ? one.active_sessions > 0 : one.sessions > 0;
  });
  plan.slice_shares = correct_shares(view, plan.shares, state);
  plan_slices(view, state.settings, plan);
  const bool turns = state.slices_fail || needs_turns(view, state.settings.backend, plan);
  if (!any_active || !state.settings.backend.gate || !turns) {
    stop_turns(state);
    return;
  }
  plan_turns(view, state, now, rules_of(state.settings), true, plan);
}

/// How the latency-critical sessions keep the GPU after their bursts. `preempting`: some session is
/// preempted inside its kernels, and comes back by itself whatever the gate says.
void plan_keeping(const View& view, const Settings& settings, bool preempting, Plan& plan) {
  // One alone: a second one would wait for the first one's linger.
  bool hold = preempting && settings.hold && view.critical_sessions == 1;
  for (const SessionView& session : view.sessions) {
    const bool critical = view.workloads[session.workload].critical;
    hold = hold && !(critical && session.state->last.cannot_hold);
  }
  // A single other session cannot get onto a held GPU: waiting for gates would only cost it, 1 to 2
  // points of its throughput (measured, results/h100/sweep).
  const bool gates_idle = hold && view.others() == 1;
  for (size_t i = 0; i < view.sessions.size(); ++i) {
    Want& want = plan.wants[i];
    if (gates_idle && !view.sessions[i].copies) want.armed &= wire::kArmedTurn;
    if (!view.workloads[view.sessions[i].workload].critical) continue;
    want.hold = hold;
    if (!hold && (want.gate < 0 || preempting)) continue;  // nothing would keep it
    want.linger_us = settings.linger_us;
    if (settings.learn_linger) want.regain_us = preempting ? kRegainSwitchUs : kRegainGateUs;
  }
}

/// Slices beside latency-critical sessions: theirs long, the others' as short as is sensible. A
/// session whose turn is over gets a longer one than the next: of two with 1 us, what is left of a
/// kernel would take a switch for every us.
/// True if some session is preempted inside its kernels.
bool plan_critical_slices(const View& view, const State& state, bool turns, Plan& plan) {
  bool preempting = false;
  const size_t others = view.others();
  for (size_t i = 0; i < view.sessions.size(); ++i) {
    const SessionView& session = view.sessions[i];
    Want& want = plan.wants[i];
    if (view.workloads[session.workload].critical) {
      const bool shared = view.critical_sessions > 1;
      want.slice_us = shared ? kCriticalSharedSliceUs : kLongSliceUs;
      want.slice_why = shared ? SliceWhy::kCriticalShared : SliceWhy::kCritical;
    } else if (session.copies) {
      want.slice_us = kCopierSliceUs;
      want.slice_why = SliceWhy::kCopies;
    } else if (!session.active && others > 1) {
      want.slice_us = kShortSliceUs;
      want.slice_why = SliceWhy::kIdleBesideCritical;
    } else if (turns && !has_turn(state, *session.state)) {
      want.slice_us = kShortSliceUs;
      want.slice_why = SliceWhy::kHeldBack;
    } else if (session.groups > 1) {
      want.slice_us = kShortSliceUs;
      want.slice_why = SliceWhy::kPreemptedGroups;
    } else if (view.active_others > 1 && !turns) {
      const double share = plan.shares[session.workload];
      const SliceDemand demand{share, view.workloads[session.workload].active_groups};
      want.slice_us = slice_us(demand, double{kShortSliceUs} * view.active_others);
      want.slice_why = SliceWhy::kBesideCritical;
    } else if (gates_in_use(state.settings) && short_kernels(*session.state)) {
      want.slice_us = wire::kDefaultSliceUs;
      want.slice_why = SliceWhy::kGateHolds;
    } else {
      const uint32_t slice_us = state.settings.preempted_slice_us;
      want.slice_us = view.copying_sessions > 0 ? std::max(slice_us, kBesideCopierUs) : slice_us;
      want.slice_why = SliceWhy::kPreempted;
      preempting = true;
    }
  }
  return preempting;
}

/// Latency-critical sessions are there: they come first, the others share what they leave.
void plan_beside_critical(const View& view, State& state, Instant now, Plan& plan) {
  state.slices_fail = false;  // judged only where slices follow shares
  const Backend& backend = state.settings.backend;
  plan.shares = shares_of(view, false, [](const WorkloadView& one) {
    return !one.critical && one.active_sessions > 0;
  });
  // Slices of 1 us between two sessions would waste nearly everything (7.6 % are left at 50 us,
  // measured, results/h200/first-readings), so with slices it is one session at a time.
  const size_t others = view.others();
  const bool turns = backend.gate && view.active_others > 0 &&
                     ((backend.slices && others > 1) || needs_turns(view, backend, plan));
  if (turns) {
    TurnRules rules = rules_of(state.settings);
    rules.singly = backend.slices;
    plan_turns(view, state, now, rules, true, plan);
  } else {
    stop_turns(state);
  }
  bool preempting = false;
  if (backend.slices && view.sessions.size() > 1) {
    preempting = plan_critical_slices(view, state, turns, plan);
  }
  plan_keeping(view, state.settings, preempting, plan);
}

}  // namespace

void plan_by_class(const View& view, State& state, Instant now, Plan& plan) {
  if (view.critical_sessions == 0) {
    plan_by_share_of(view, state, now, false, plan);
    return;
  }
  if (gates_in_use(state.settings)) plan_gates(view, plan);
  plan_beside_critical(view, state, now, plan);
  for (size_t i = 0; i < view.sessions.size(); ++i) {
    const WorkloadView& workload = view.workloads[view.sessions[i].workload];
    const auto leak = state.leak.find(*workload.key);
    if (!workload.critical || leak == state.leak.end()) continue;
    plan.wants[i].close_permille =
        static_cast<uint32_t>(std::lround(1000 * (1 - std::clamp(leak->second, 0.0, 1.0))));
  }
}

void plan_by_share(const View& view, State& state, Instant now, Plan& plan) {
  plan_by_share_of(view, state, now, state.settings.kind == PolicyKind::kQuota, plan);
}

namespace {

/// How long a turn may be, so that nobody is away for longer than the settings say: while one is,
/// all others have their turns, and everybody is moved once. Nothing if no turn is short enough.
std::optional<Nanos> length_for_all(const Settings& settings, Nanos each, int64_t movers) {
  if (settings.longest_away == Nanos(0) || movers < 2) return std::nullopt;
  const Nanos working = settings.longest_away - movers * (each + kMoveDelay);
  const Nanos length = working / (movers - 1);
  return length >= kLeastStay ? std::optional(length) : std::nullopt;
}

/// Turns so long that moving memory between them is a small part, or that everybody has one in
/// time: each workload is moved out and back once a round.
void lengthen(const View& view, const State& state, const Plan& plan, TurnRules& rules) {
  Nanos moving{};
  int64_t movers = 0;
  for (size_t i = 0; i < view.workloads.size(); ++i) {
    if (view.workloads[i].active_sessions == 0) continue;
    moving += moving_time(state, plan.memory.holdings[i]);
    ++movers;
  }
  if (movers == 0) return;
  const Nanos each = moving / movers;
  Nanos length = from_seconds(to_seconds(each) / kMostLost);
  if (const auto for_all = length_for_all(state.settings, each, movers)) {
    length = std::min(length, *for_all);
  }
  rules.shortest = std::clamp<Nanos>(length, rules.shortest, kLongestQuantum);
  rules.round = static_cast<int64_t>(view.workloads.size()) * rules.shortest;
  rules.window = rules.round;
  rules.probe_after = 10 * rules.shortest;
  rules.idle = std::max(kIdleTurn, each);
  rules.empty = rules.idle;
}

}  // namespace

void plan_rotation(const View& view, State& state, Instant now, Plan& plan) {
  plan.shares = shares_of(view, false, [](const WorkloadView& one) { return one.sessions > 0; });
  if (view.workloads.size() < 2 || !state.settings.backend.gate) {
    stop_turns(state);
    return;
  }
  TurnRules rules;
  rules.shortest = std::max(kShortestRotation, state.settings.quantum);
  rules.round = static_cast<int64_t>(view.workloads.size()) * rules.shortest;
  rules.window = rules.round;
  rules.probe = kRotationProbe;
  rules.probe_after = 10 * rules.shortest;
  if (!plan.memory.all_fit) lengthen(view, state, plan, rules);
  plan_turns(view, state, now, rules, false, plan);
}

void plan_memory(const View& view, Plan& plan) {
  std::vector<uint64_t> held(view.workloads.size(), 0);
  for (const SessionView& session : view.sessions) {
    uint64_t& sum = held[session.workload];
    const uint64_t bytes = session.state->last.memory_bytes;
    sum = sum > UINT64_MAX - bytes ? UINT64_MAX : sum + bytes;
  }
  for (size_t i = 0; i < view.sessions.size(); ++i) {
    const SessionView& session = view.sessions[i];
    const auto& limit = view.workloads[session.workload].spec->memory_limit_bytes;
    if (!limit) continue;
    const uint64_t own = session.state->last.memory_bytes;
    Want& want = plan.wants[i];
    want.siblings_bytes = held[session.workload] - own;
    const uint64_t left = *limit > want.siblings_bytes ? *limit - want.siblings_bytes : 0;
    want.memory_limit_bytes = std::max({left, own, uint64_t{1}});  // 0 would be no limit
  }
}

}  // namespace corun::policy
