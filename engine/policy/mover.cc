// plan_residency(): who is parked and who comes back, for those who need memory and in their order.
#include <fmt/format.h>

#include <algorithm>

#include "core/units.h"
#include "engine/policy/plan.h"
#include "engine/policy/residency.h"

namespace corun::policy {

namespace {

/// Somebody needs memory: to come back to the GPU, or for an allocation.
struct Demand {
  size_t workload = 0;
  std::optional<size_t> session;  ///< whose allocation it is; nothing: it wants to come back
  uint64_t need = 0;
  Instant since{};
  bool holder = false;  ///< it has the turn
};

class Mover {
 public:
  Mover(const View& view, State& state, Instant now, Plan& plan)
      : view_(view), state_(state), now_(now), plan_(plan), memory_(plan.memory) {
    free_ = memory_.free();
    leaving_ = memory_.leaving;
    rotates_ = state.turns && state.settings.kind == PolicyKind::kRotate;
    watches_ = state.settings.kind == PolicyKind::kNone;
  }

  void move() {
    for (const Demand& demand : demands()) serve(demand);
    if (!short_ && !watches_) relieve();
  }

  /// What sessions may hold now: within a capacity that is less than the GPU's, and not what a
  /// workload that is coming back needs. Several that grow at the same time can pass it together.
  void bound_rooms() {
    const Settings& settings = state_.settings;
    const bool bounded = settings.memory_capacity_bytes > 0 &&
                         settings.memory_capacity_bytes < settings.memory_bytes;
    const bool resuming =
        !plan_.resumes.empty() ||
        std::any_of(memory_.holdings.begin(), memory_.holdings.end(),
                    [](const Holding& one) { return one.place->state == ParkState::kResuming; });
    if (!bounded && !resuming) return;
    const uint64_t free = memory_.free() - std::min(memory_.free(), given_);
    for (size_t i = 0; i < view_.sessions.size(); ++i) {
      const SessionState& session = *view_.sessions[i].state;
      const uint64_t own = std::min(session.last.memory_bytes, kMostBytes) +
                           session.promised_bytes + promised_now(i);
      const uint64_t more = resuming ? free / view_.sessions.size() : free;
      plan_.wants[i].memory_room_bytes = std::max<uint64_t>(own + more, 1);
    }
  }

 private:
  bool has_turn(size_t workload) const {
    return rotates_ && *view_.workloads[workload].key == state_.turn_of;
  }

  /// Whose turn it is first, then in the order in which they began to wait.
  std::vector<Demand> demands() const {
    std::vector<Demand> all;
    for (size_t i = 0; i < memory_.holdings.size(); ++i) {
      const Holding& one = memory_.holdings[i];
      const Residency& place = *one.place;
      if (place.state != ParkState::kParked || place.until_resume || now_ < place.retry) continue;
      if (!place.asks && !has_turn(i)) continue;
      all.push_back({i, std::nullopt, one.bytes, place.asks ? place.asked : now_, has_turn(i)});
    }
    for (size_t i = 0; i < view_.sessions.size(); ++i) {
      const SessionState& session = *view_.sessions[i].state;
      const size_t workload = view_.sessions[i].workload;
      if (!wants_memory(session)) continue;
      if (memory_.holdings[workload].place->state != ParkState::kRunning) continue;
      all.push_back({workload, i, wanted_by(session), session.wanted_since, has_turn(workload)});
    }
    std::stable_sort(all.begin(), all.end(), [](const Demand& a, const Demand& b) {
      return a.holder != b.holder ? a.holder : a.since < b.since;
    });
    return all;
  }

  void serve(const Demand& demand) {
    const bool allocation = demand.session.has_value();
    const bool late = allocation && !rotates_ && now_ - demand.since > state_.settings.memory_wait;
    if (late) return answer(demand, false, "nothing came free in time");
    if (demand.need <= free_ && !refused_since(demand)) return grant(demand);
    // The policy moves nobody for others; but who is parked comes back, whoever parked it.
    if (allocation && watches_) return answer(demand, false, "nobody is parked for it");
    const uint64_t coming = free_ + leaving_;
    if (leaving_ == 0 || demand.need > coming) {
      const uint64_t missing = demand.need > coming ? demand.need - coming : 1;
      const std::vector<size_t> victims = choose(demand, missing);
      if (victims.empty()) return nobody_to_move(demand);
      for (const size_t victim : victims) park(victim, demand);
    }
    // What comes free is this one's; later ones do not overtake it.
    short_ = true;
    leaving_ = free_ + leaving_ > demand.need ? free_ + leaving_ - demand.need : 0;
    free_ = 0;
  }

  /// The driver refused it although the estimates have room: they count again once something was
  /// freed.
  bool refused_since(const Demand& demand) const {
    if (!demand.session) return false;
    const SessionState& session = *view_.sessions[*demand.session].state;
    const uint64_t room = session.memory_room_bytes;
    const bool by_room = room != 0 && session.last.memory_bytes + session.last.wanted_bytes > room;
    return !by_room && state_.freed <= demand.since;
  }

  void grant(const Demand& demand) {
    free_ -= demand.need;
    given_ += demand.need;
    if (demand.session) {
      return answer(demand, true, fmt::format("{} are free", format_bytes(free_ + demand.need)));
    }
    const bool turn = demand.holder && !memory_.holdings[demand.workload].place->asks;
    plan_.resumes.push_back(
        {demand.workload,
         fmt::format(
             "{}, and its {} fit: {} are free",
             turn ? "its turn comes"
                  : fmt::format("a call of it waited {}", format_duration(now_ - demand.since)),
             format_bytes(demand.need), format_bytes(free_ + demand.need))});
  }

  void nobody_to_move(const Demand& demand) {
    if (!demand.session) return;                 // it waits
    if (rotates_ && fits_alone(demand)) return;  // until its turn, or until they can be moved
    answer(demand, false,
           fmt::format("{} are free, and nobody who could make room is idle for {}",
                       format_bytes(free_), format_duration(state_.settings.park_idle)));
  }

  /// Whether it fits once everybody else is gone who ever can be moved.
  bool fits_alone(const Demand& demand) const {
    uint64_t left = memory_.free();
    for (size_t i = 0; i < memory_.holdings.size(); ++i) {
      const Holding& other = memory_.holdings[i];
      const bool there = other.place->state != ParkState::kParked;
      if (i != demand.workload && there && other.parkable && !other.critical) left += other.bytes;
    }
    return demand.need <= left;
  }

  void answer(const Demand& demand, bool try_again, std::string why) {
    plan_.answers.push_back({*demand.session, try_again, demand.need, std::move(why)});
  }

  bool idle(const Holding& one) const {
    return state_.settings.park_idle > Nanos(0) && one.idle >= state_.settings.park_idle;
  }

  /// It was on the GPU for long enough that moving it, and another one in its place, is a small
  /// part of that.
  bool stayed(const Holding& one, const Holding& other) const {
    const Nanos moving = (moving_time(state_, one) + moving_time(state_, other)) / 2;
    const Nanos stay = std::max(kLeastStay, from_seconds(to_seconds(moving) / kMostLost));
    return now_ - one.place->since >= stay;
  }

  bool may_be_moved(size_t candidate, const Demand& demand) const {
    const Holding& one = memory_.holdings[candidate];
    if (candidate == demand.workload || is_chosen(candidate) || !movable(one, now_)) return false;
    if (has_turn(candidate)) return false;  // it would come back at once: its turn passes on first
    if (idle(one)) return true;
    if (rotates_) return demand.holder;
    return !demand.session && stayed(one, memory_.holdings[demand.workload]);
  }

  bool is_chosen(size_t workload) const {
    return std::any_of(plan_.parks.begin(), plan_.parks.end(),
                       [workload](const auto& park) { return park.workload == workload; });
  }

  /// Sorted: who is moved first. Idle ones by their idleness; of the others best-effort before
  /// normal, under rotate whoever is owed least, then who was there longest.
  bool before(size_t a, size_t b) const {
    const Holding& left = memory_.holdings[a];
    const Holding& right = memory_.holdings[b];
    if (idle(left) != idle(right)) return idle(left);
    if (idle(left)) return left.idle > right.idle;
    if (rotates_) return owed(a) < owed(b);
    const auto best_effort = [this](size_t i) {
      return view_.workloads[i].spec->service_class == ServiceClass::kBestEffort;
    };
    if (best_effort(a) != best_effort(b)) return best_effort(a);
    return left.place->since < right.place->since;
  }

  double owed(size_t workload) const {
    const auto at = state_.deficit_ms.find(*view_.workloads[workload].key);
    return at == state_.deficit_ms.end() ? 0 : at->second;
  }

  /// Workloads whose memory makes up for `missing`, or none where all together do not.
  std::vector<size_t> choose(const Demand& demand, uint64_t missing) const {
    std::vector<size_t> candidates;
    for (size_t i = 0; i < memory_.holdings.size(); ++i) {
      if (may_be_moved(i, demand)) candidates.push_back(i);
    }
    std::stable_sort(candidates.begin(), candidates.end(),
                     [this](size_t a, size_t b) { return before(a, b); });
    uint64_t sum = 0;
    std::vector<size_t> chosen;
    for (const size_t one : candidates) {
      if (sum >= missing) break;
      chosen.push_back(one);
      sum += memory_.holdings[one].bytes;
    }
    if (sum < missing) return {};
    std::erase_if(chosen, [&](size_t one) {
      const bool spare = sum - memory_.holdings[one].bytes >= missing;
      if (spare) sum -= memory_.holdings[one].bytes;
      return spare;
    });
    return chosen;
  }

  void park(size_t victim, const Demand& demand) {
    const std::string& by = *view_.workloads[demand.workload].key;
    const std::string what = fmt::format(
        "{} {}", by,
        demand.session  ? fmt::format("waits for {}", format_bytes(demand.need))
        : demand.holder ? fmt::format("has the turn and needs {}", format_bytes(demand.need))
                        : fmt::format("waits to come back with {}", format_bytes(demand.need)));
    park(victim, what);
  }

  void park(size_t victim, const std::string& what) {
    const Holding& one = memory_.holdings[victim];
    const std::string self =
        idle(one) ? fmt::format("no call for {}", format_duration(one.idle))
                  : fmt::format("on the GPU for {}", format_duration(now_ - one.place->since));
    plan_.parks.push_back(
        {victim, idle(one),
         fmt::format("{}, and {}: {} are free", self, what, format_bytes(memory_.free()))});
    leaving_ += one.bytes;
  }

  /// Nobody waits, but little is free: idle workloads make room, as far as there are any. Under
  /// rotate also those without the turn, should all together hold more than there is.
  void relieve() {
    const uint64_t reserve = state_.settings.memory_reserve_bytes;
    const bool over = memory_.held > memory_.capacity + memory_.leaving;
    std::vector<size_t> candidates;
    for (size_t i = 0; i < memory_.holdings.size(); ++i) {
      const Holding& one = memory_.holdings[i];
      if (!movable(one, now_) || is_chosen(i) || has_turn(i)) continue;
      if (idle(one) || (rotates_ && over)) candidates.push_back(i);
    }
    std::stable_sort(candidates.begin(), candidates.end(),
                     [this](size_t a, size_t b) { return before(a, b); });
    uint64_t missing = over ? memory_.held - memory_.capacity - memory_.leaving : 0;
    missing += reserve > free_ + leaving_ ? reserve - free_ - leaving_ : 0;
    for (const size_t one : candidates) {
      if (missing == 0) return;
      park(one, over ? "all together hold more than there is"
                     : fmt::format("less than the reserve of {} is left", format_bytes(reserve)));
      missing -= std::min(missing, memory_.holdings[one].bytes);
    }
  }

  uint64_t promised_now(size_t session) const {
    for (const AnswerPlan& one : plan_.answers) {
      if (one.session == session && one.try_again) return one.bytes;
    }
    return 0;
  }

  const View& view_;
  State& state_;
  Instant now_;
  Plan& plan_;
  Memory& memory_;
  uint64_t free_ = 0;
  uint64_t leaving_ = 0;
  bool rotates_ = false;
  bool watches_ = false;  ///< the policy is `none`
  uint64_t given_ = 0;    ///< to demands, now
  bool short_ = false;    ///< somebody waits for memory to come free
};

}  // namespace

void plan_residency(const View& view, State& state, Instant now, Plan& plan) {
  Mover mover(view, state, now, plan);
  if (plan.memory.known) {
    const PolicyKind kind = state.settings.kind;
    for (Want& want : plan.wants) {
      want.memory_wait = kind == PolicyKind::kNone ? Nanos(0) : state.settings.memory_wait;
      if (kind == PolicyKind::kRotate) want.memory_wait.reset();
    }
    mover.move();
  }
  mover.bound_rooms();
}

}  // namespace corun::policy
