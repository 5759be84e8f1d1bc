// One sentence for each change of an order, with the figures that led to it.
#include <fmt/format.h>

#include <cmath>

#include "core/units.h"
#include "engine/policy/plan.h"
#include "engine/policy/turns.h"

namespace corun::policy {

namespace {

std::string sessions(uint32_t count, std::string_view what) {
  return fmt::format("{} {} session{}", count, what, count == 1 ? "" : "s");
}

std::string critical(const View& view) {
  return sessions(view.critical_sessions, "latency-critical");
}

std::string why_share(const View& view, const Plan& plan, size_t session) {
  const size_t workload = view.sessions[session].workload;
  std::string why = fmt::format(
      "weight {:g} is {:.1f} % of the work of a round of {:.1f} ms, over {} channel "
      "group{}",
      view.workloads[workload].weight, 100 * plan.shares[workload], plan.round_us / 1e3,
      view.workloads[workload].active_groups,
      view.workloads[workload].active_groups == 1 ? "" : "s");
  const double correction = plan.slice_shares[workload] / plan.shares[workload];
  if (std::abs(correction - 1) > 0.005) {
    why += fmt::format("; times {:.2f}, by the GPU times measured since the shares are these",
                       correction);
  }
  return why;
}

}  // namespace

std::string why_slice(const View& view, const Plan& plan, size_t session) {
  const Want& want = plan.wants[session];
  switch (want.slice_why) {
    case SliceWhy::kNeutral:
      return fmt::format(
          "slice {} us: what the driver does by itself, nothing has to be ordered "
          "among {}",
          want.slice_us, sessions(static_cast<uint32_t>(view.sessions.size()), "GPU"));
    case SliceWhy::kShare:
      return fmt::format("slice {} us: {}", want.slice_us, why_share(view, plan, session));
    case SliceWhy::kIdle:
      return fmt::format(
          "slice {} us: no work for {:.0f} s, weight {:g} counts again with the next "
          "launch",
          want.slice_us, to_seconds(kIdleAfter),
          view.workloads[view.sessions[session].workload].weight);
    case SliceWhy::kCritical:
      return fmt::format("slice {} us: latency-critical, keeps the GPU while it has work",
                         want.slice_us);
    case SliceWhy::kCriticalShared:
      return fmt::format(
          "slice {} us: latency-critical, long for a burst and short enough for {} "
          "to get by each other",
          want.slice_us, critical(view));
    case SliceWhy::kPreempted:
      return fmt::format("slice {} us: a burst of {} preempts it inside a kernel", want.slice_us,
                         critical(view));
    case SliceWhy::kGateHolds:
      return fmt::format("slice {} us: its kernels of at most {} us stop at the gate by themselves",
                         want.slice_us, view.sessions[session].state->last.longest_kernel_us);
    case SliceWhy::kPreemptedGroups:
      return fmt::format(
          "slice {} us: {} wait at most this long, and its {} contexts would waste "
          "shorter ones",
          want.slice_us, critical(view), view.sessions[session].groups);
    case SliceWhy::kHeldBack:
      return fmt::format("slice {} us: its turn is over, what it has begun ends in few slices",
                         want.slice_us);
    case SliceWhy::kBesideCritical:
      return fmt::format(
          "slice {} us: {} wait at most this long, and {} share the rest without "
          "turn words",
          want.slice_us, critical(view), sessions(view.active_others, "other"));
    case SliceWhy::kIdleBesideCritical:
      return fmt::format("slice {} us: no work for {:.0f} s; should it wake up, {} lose little",
                         want.slice_us, to_seconds(kIdleAfter),
                         sessions(view.active_others, "working"));
    case SliceWhy::kCopies:
      return fmt::format("slice {} us: it has only copied for {} or longer, which takes no share",
                         want.slice_us, format_duration(kCopiesOnly));
  }
  return {};
}

std::string why_armed(const State& state, const View& view, const Want& want) {
  if (want.armed == 0) {
    return fmt::format(
        "waits for nothing: {}, no turns{}", critical(view),
        want.slice_why == SliceWhy::kPreempted ? ", kept off a GPU that is held" : "");
  }
  const uint32_t gates = want.armed & ~wire::kArmedTurn;
  const bool turn = (want.armed & wire::kArmedTurn) != 0;
  std::string what;
  if (gates != 0) what = fmt::format("gates {:#x} of {}", gates, critical(view));
  if (turn) what += what.empty() ? "its turn" : " and its turn";
  return fmt::format("waits for {} every {} us of work", what, state.settings.wait_every_us);
}

namespace {

std::string why_keeps(const Want& want) {
  if (want.linger_us == 0) return "";
  return fmt::format("; it keeps the GPU {}{} us after each{}", want.regain_us == 0 ? "" : "up to ",
                     want.linger_us, want.hold ? ", busy with a thread of its own" : "");
}

}  // namespace

std::string why_gate(const View& view, const Want& want) {
  if (want.gate_refused) {
    return fmt::format("no gate: all {} are held, with {}; it has its slice alone", wire::kMaxGates,
                       critical(view));
  }
  if (want.gate < 0) {
    return "no gate: nothing waits for this session under the present orders" + why_keeps(want);
  }
  return fmt::format("gate {}: closed around its bursts, one of {}{}", want.gate, critical(view),
                     why_keeps(want));
}

std::string why_close(const State& state, const View& view, size_t session) {
  const WorkloadView& workload = view.workloads[view.sessions[session].workload];
  const auto leak = state.leak.find(*workload.key);
  if (leak == state.leak.end() || !workload.spec->latency_target) {
    return "every burst closes the gate: no latency target to judge a leak by";
  }
  return fmt::format("{:.1f} % of bursts leave the gate open: p99 is judged against {}",
                     100 * leak->second, format_duration(*workload.spec->latency_target));
}

std::string why_turn(const State& state, const View& view, const Plan& plan, size_t session) {
  const SessionView& one = view.sessions[session];
  if (!state.turns)
    return fmt::format("open: {} need no turns", sessions(view.active_others, "working"));
  if (one.copies) return "open: it only copies, which takes nobody's turn";
  if (!one.active) {
    return plan.wants[session].turn_open
               ? fmt::format("open for {} to see whether it has work after all",
                             format_duration(state.turn_until - state.turn_since))
               : fmt::format(
                     "held back while {} take turns: no work for {:.0f} s, its next launch "
                     "gets it a turn",
                     sessions(view.active_others, "working"), to_seconds(kIdleAfter));
  }
  const double share = 100 * plan.turn_shares[one.workload];
  if (plan.wants[session].turn_open) {
    return fmt::format("its turn for {}: {:.1f} % is its share among {}{}",
                       format_duration(state.turn_until - state.turn_since), share,
                       sessions(view.active_others, "working"),
                       state.slices_fail ? ", which no slices gave them" : "");
  }
  if (state.turn_of.empty()) {
    return fmt::format("held back for {}: it used up {:.1f} % of the window",
                       format_duration(state.turn_until - state.turn_since),
                       100 * view.workloads[one.workload].spec->max_share);
  }
  return fmt::format("held back for {}: the turn is {}'s, its own share is {:.1f} %",
                     format_duration(state.turn_until - state.turn_since), state.turn_of, share);
}

std::string why_memory(const View& view, const Plan& plan, size_t session) {
  const Want& want = plan.wants[session];
  const auto& limit = view.workloads[view.sessions[session].workload].spec->memory_limit_bytes;
  if (!limit) return "no memory limit";
  return fmt::format("{} of {}: its workload's other sessions hold {}, itself {}",
                     format_bytes(want.memory_limit_bytes), format_bytes(*limit),
                     format_bytes(want.siblings_bytes),
                     format_bytes(view.sessions[session].state->last.memory_bytes));
}

std::string why_room(const State& state, const Plan& plan, const Want& want) {
  if (want.memory_room_bytes == 0) return "as much as the GPU gives: nobody comes back to it now";
  const bool bounded = plan.memory.capacity < state.settings.memory_bytes;
  return fmt::format("{} at present: {} of {} are free{}", format_bytes(want.memory_room_bytes),
                     format_bytes(plan.memory.free()), format_bytes(plan.memory.capacity),
                     bounded ? "" : ", while a workload comes back to the GPU");
}

std::string why_wait(const State& state, const Want& want) {
  if (!want.memory_wait) return "until its turn: rotate makes room for whoever has it";
  if (*want.memory_wait == Nanos(0)) return "not at all: nobody can be parked to make room";
  return fmt::format("at most {}, if parking somebody who is idle for {} makes room",
                     format_duration(*want.memory_wait), format_duration(state.settings.park_idle));
}

}  // namespace corun::policy
