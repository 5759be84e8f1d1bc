// What a policy wants of every session, and why. decide() compares it with what is in force, and
// only what differs becomes an action with its sentence.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/wire/session_page.h"
#include "engine/policy/residency.h"
#include "engine/policy/view.h"

namespace corun::policy {

enum class SliceWhy {
  kNeutral,          ///< nobody to share with, or slices play no part
  kShare,            ///< weights
  kIdle,             ///< would get this share if it had work
  kCritical,         ///< long: it keeps the GPU while it has work
  kCriticalShared,   ///< the same among several latency-critical sessions
  kPreempted,        ///< as short as can be
  kGateHolds,        ///< kernels so short that the gate alone stops it soon enough
  kPreemptedGroups,  ///< short, but several channel groups would waste shorter ones
  kHeldBack,         ///< its turn is over; what it has begun has to end
  kBesideCritical,   ///< short, since nothing else can hold sessions back
  kIdleBesideCritical,
  kCopies,  ///< nothing of it is to run on the GPU itself
};

/// The orders for one session, beside View::sessions.
struct Want {
  uint32_t slice_us = wire::kDefaultSliceUs;
  SliceWhy slice_why = SliceWhy::kNeutral;
  uint32_t armed = 0;
  int gate = -1;
  bool gate_refused = false;
  uint32_t linger_us = 0;  ///< of latency-critical sessions: wire::HotOrders
  uint32_t regain_us = 0;
  bool hold = false;
  uint32_t close_permille = 1000;
  bool turn_open = true;
  uint64_t memory_limit_bytes = 0;
  uint64_t siblings_bytes = 0;  ///< of its workload's limit, held by the other sessions
  uint64_t memory_room_bytes = 0;
  std::optional<Nanos> memory_wait = Nanos(0);
};

struct ParkPlan {
  size_t workload = 0;  ///< index into View::workloads
  bool only_if_idle = false;
  std::string why;
};
struct ResumePlan {
  size_t workload = 0;
  std::string why;
};
struct AnswerPlan {
  size_t session = 0;  ///< index into View::sessions
  bool try_again = false;
  uint64_t bytes = 0;
  std::string why;
};

struct Plan {
  std::vector<Want> wants;
  double round_us = 0;               ///< work of all slices of a round
  std::vector<double> shares;        ///< beside View::workloads; of participants with work
  std::vector<double> slice_shares;  ///< beside View::workloads; slices are in proportion to these
  std::vector<double> turn_shares;   ///< beside View::workloads, while turns are on
  Memory memory;
  std::vector<ParkPlan> parks;
  std::vector<ResumePlan> resumes;
  std::vector<AnswerPlan> answers;
};

/// The policies: fill the plan, and take turns in the state.
void plan_by_class(const View& view, State& state, Instant now, Plan& plan);  // priority, deadline
void plan_by_share(const View& view, State& state, Instant now, Plan& plan);  // fair, quota
void plan_rotation(const View& view, State& state, Instant now, Plan& plan);
/// Each session's part of its workload's memory limit.
void plan_memory(const View& view, Plan& plan);

/// Why an order changes, in one sentence.
std::string why_slice(const View& view, const Plan& plan, size_t session);
std::string why_armed(const State& state, const View& view, const Want& want);
std::string why_gate(const View& view, const Want& want);
std::string why_close(const State& state, const View& view, size_t session);
std::string why_turn(const State& state, const View& view, const Plan& plan, size_t session);
std::string why_memory(const View& view, const Plan& plan, size_t session);
std::string why_room(const State& state, const Plan& plan, const Want& want);
std::string why_wait(const State& state, const Want& want);

}  // namespace corun::policy
