// What holds after every event of any sequence, whatever the policy, the backend and the workloads.
#include <gtest/gtest.h>

#include <bit>
#include <random>

#include "tests/policy/node.h"

namespace corun::policy {
namespace {

constexpr uint32_t kTurnBit = 1U << 31;
constexpr uint64_t kGiB = 1ULL << 30;

/// A node to which things happen by chance.
class Chance {
 public:
  explicit Chance(uint64_t seed) : random_(seed) { settings(); }

  int below(int bound) { return std::uniform_int_distribution<int>(0, bound - 1)(random_); }
  bool one_in(int n) { return below(n) == 0; }
  double real() { return std::uniform_real_distribution<double>(0, 1)(random_); }

  Event event() {
    if (one_in(4)) return joined();
    if (one_in(5) && !node.state.sessions.empty()) return Left{any_session(), "chance"};
    if (one_in(8)) return Changed{any_workload()};
    if (one_in(6) && !node.state.residency.empty()) return move();
    if (one_in(25)) return SettingsChanged{some_settings()};
    return tick();
  }

  Workload any_workload() {
    constexpr ServiceClass kClasses[] = {ServiceClass::kLatencyCritical, ServiceClass::kNormal,
                                         ServiceClass::kBestEffort};
    Workload one = workload("w" + std::to_string(below(12)), kClasses[below(3)]);
    one.user = static_cast<uint32_t>(below(2));
    if (one_in(2)) one.weight = 0.5 + 4 * real();
    if (one_in(4)) one.max_share = 0.05 + 0.9 * real();
    if (one_in(4)) one.min_share = one.max_share * real() / 6;
    if (one_in(3)) one.memory_limit_bytes = static_cast<uint64_t>(1 + below(8)) * kGiB;
    if (one_in(3)) one.latency_target = (1 + below(20)) * kMs;
    return one;
  }

  Node node;
  uint64_t orders = 0;

 private:
  void settings() { node.state.settings = some_settings(); }

  Settings some_settings() {
    Settings settings = default_settings();
    settings.kind = static_cast<PolicyKind>(below(5));
    settings.backend.mps = one_in(3);
    settings.backend.slices = !settings.backend.mps && !one_in(3);
    settings.backend.gate = !one_in(5);
    settings.gate_with_slices = !one_in(4);
    settings.linger_us = static_cast<uint32_t>(below(3)) * 25;
    settings.learn_linger = below(2) == 0;
    settings.hold = below(2) == 0;
    settings.backend.parking = one_in(2);
    settings.memory_bytes = one_in(4) ? 0 : static_cast<uint64_t>(2 + below(20)) * kGiB;
    settings.memory_capacity_bytes = one_in(3) ? static_cast<uint64_t>(1 + below(9)) * kGiB : 0;
    settings.park_idle = below(3) * std::chrono::seconds(1);
    settings.memory_wait = below(3) * std::chrono::seconds(1);
    return settings;
  }

  /// What the daemon tells of a move that is under way, or an operator wants.
  Event move() {
    auto at = node.state.residency.begin();
    std::advance(at, below(static_cast<int>(node.state.residency.size())));
    const auto& [key, place] = *at;
    switch (place.state) {
      case ParkState::kRunning:
        return ParkChanged{
            .workload = key, .state = ParkState::kParking, .until_resume = one_in(2)};
      case ParkState::kParking:
        return ParkChanged{.workload = key,
                           .state = one_in(3) ? ParkState::kRunning : ParkState::kParked,
                           .ok = place.state != ParkState::kRunning,
                           .bytes = kGiB,
                           .took = below(3000) * kMs};
      case ParkState::kParked:
        return ResumeAsked{key};
      case ParkState::kResuming:
        break;
    }
    return ParkChanged{.workload = key,
                       .state = one_in(3) ? ParkState::kParked : ParkState::kRunning,
                       .ok = !one_in(3),
                       .bytes = kGiB,
                       .took = below(3000) * kMs};
  }

  Joined joined() { return Joined{++last_id_, any_workload()}; }

  SessionId any_session() {
    auto at = node.state.sessions.begin();
    std::advance(at, below(static_cast<int>(node.state.sessions.size())));
    return at->first;
  }

  Tick tick() {
    Tick tick;
    for (const auto& [id, session] : node.state.sessions) {
      if (one_in(10)) continue;
      SessionReading reading = session.last;
      if (!one_in(3)) reading.launches += static_cast<uint64_t>(below(100));
      if (one_in(4)) reading.memory_bytes = static_cast<uint64_t>(below(4)) * kGiB / 2;
      if (one_in(6)) reading.contexts = static_cast<uint32_t>(below(4));
      if (one_in(2)) reading.calls += static_cast<uint64_t>(below(50));
      if (one_in(4)) reading.held_calls += static_cast<uint64_t>(below(3));
      if (one_in(5)) {
        reading.wanted_bytes = static_cast<uint64_t>(below(6)) * kGiB;
        reading.memory_ask += 1;
      }
      reading.parkable = !one_in(9);
      for (int i = below(60); i > 0; --i) reading.new_bursts.emplace_back(below(30) * kMs);
      if (one_in(40)) reading = garbage();
      tick.readings[id] = reading;
    }
    return tick;
  }

  SessionReading garbage() {
    SessionReading reading;
    reading.launches = random_();
    reading.gpu_time = Nanos(static_cast<int64_t>(random_()));
    reading.memory_bytes = random_();
    reading.contexts = static_cast<uint32_t>(random_());
    reading.held_calls = random_();
    reading.wanted_bytes = random_();
    reading.memory_ask = static_cast<uint32_t>(random_());
    reading.device_bytes = random_();
    reading.new_bursts.assign(10, Nanos(static_cast<int64_t>(random_())));
    return reading;
  }

  std::mt19937_64 random_;
  SessionId last_id_ = 0;
};

bool heeds_classes(const State& state) {
  return state.settings.kind == PolicyKind::kPriority ||
         state.settings.kind == PolicyKind::kDeadline;
}

bool is_critical(const State& state, const SessionState& session) {
  return heeds_classes(state) &&
         state.workloads.at(session.workload).service_class == ServiceClass::kLatencyCritical;
}

/// Of the sessions that turn words hold, those of one workload at most may work.
void turns_hold(const State& state) {
  std::set<std::string> open;
  for (const auto& [id, session] : state.sessions) {
    if ((session.armed & kTurnBit) != 0 && session.turn_open) open.insert(session.workload);
    if ((session.armed & kTurnBit) == 0) {
      EXPECT_TRUE(session.turn_open) << "session " << id;
    }
  }
  EXPECT_LE(open.size(), 1U);
}

void gates_hold(const State& state) {
  uint32_t held = 0;
  for (const auto& [id, session] : state.sessions) {
    if (session.gate < 0) continue;
    EXPECT_TRUE(is_critical(state, session)) << "session " << id;
    EXPECT_LT(session.gate, 8);
    EXPECT_EQ(held & 1U << session.gate, 0U) << "two sessions hold gate " << session.gate;
    held |= 1U << session.gate;
  }
  for (const auto& [id, session] : state.sessions) {
    const uint32_t gates = session.armed & ~kTurnBit;
    EXPECT_EQ(gates & ~held, 0U) << "session " << id << " waits for a gate that nobody holds";
    if (session.gate >= 0) {
      EXPECT_EQ(session.armed & 1U << session.gate, 0U);
    }
    if (is_critical(state, session)) {
      EXPECT_EQ(session.armed, 0U) << "session " << id;
    }
  }
}

void memory_holds(const State& state) {
  for (const auto& [id, session] : state.sessions) {
    if (state.workloads.at(session.workload).memory_limit_bytes) {
      EXPECT_GE(session.memory_limit_bytes, session.last.memory_bytes);
      EXPECT_GT(session.memory_limit_bytes, 0U);
    } else {
      EXPECT_EQ(session.memory_limit_bytes, 0U);
    }
  }
}

void books_hold(const State& state) {
  std::set<std::string> used;
  for (const auto& [id, session] : state.sessions) used.insert(session.workload);
  EXPECT_EQ(used.size(), state.workloads.size());
  for (const auto& [key, workload] : state.workloads) EXPECT_TRUE(used.contains(key));
  for (const auto& [key, leak] : state.leak) {
    EXPECT_GE(leak, 0);
    EXPECT_LE(leak, 1);
    EXPECT_TRUE(state.workloads.contains(key));
  }
  for (const auto& [key, account] : state.turn_accounts) EXPECT_TRUE(used.contains(key));
  for (const auto& [key, place] : state.residency) EXPECT_TRUE(used.contains(key));
}

/// Nobody is ordered to come back where he does not fit, or to leave who must not.
void moves_hold(const State& state, const std::vector<Action>& actions) {
  for (const Action& action : actions) {
    if (const auto* park = std::get_if<Park>(&action.change)) {
      EXPECT_NE(state.workloads.at(park->workload).service_class, ServiceClass::kLatencyCritical);
      for (const auto& [id, session] : state.sessions) {
        EXPECT_TRUE(session.workload != park->workload || session.last.parkable);
      }
    }
  }
}

/// The orders of all sessions, as the actions so far leave them: carried out by hand.
class Orders {
 public:
  /// False if the action changes nothing (a refused gate is told once, which changes no order).
  bool carry_out(const Action& action) {
    const auto before = orders_;
    const auto parks_before = parks_;
    std::visit([this](const auto& change) { carry_out(change); }, action.change);
    const auto* gate = std::get_if<AssignGate>(&action.change);
    if (gate != nullptr && gate->gate < 0) return true;
    return before != orders_ || parks_before != parks_;
  }
  void forget(SessionId id) { orders_.erase(id); }
  /// What the daemon told of a workload's place.
  void follow(const Event& event) {
    if (const auto* changed = std::get_if<ParkChanged>(&event)) {
      parks_[changed->workload] = changed->state;
    }
  }
  void forget_workloads(const State& state) {
    std::erase_if(parks_,
                  [&state](const auto& one) { return !state.workloads.contains(one.first); });
  }

  void compare(const State& state) {
    for (const auto& [id, session] : state.sessions) {
      const One& one = orders_[id];
      EXPECT_EQ(one.slice_us, session.slice_us);
      EXPECT_EQ(one.armed, session.armed);
      EXPECT_EQ(one.gate, session.gate);
      EXPECT_EQ(one.permille, session.close_permille);
      EXPECT_EQ(one.open, session.turn_open);
      EXPECT_EQ(one.memory, session.memory_limit_bytes);
      EXPECT_EQ(one.room, session.memory_room_bytes);
      EXPECT_EQ(one.wait, session.memory_wait);
    }
    for (const auto& [key, place] : parks_) EXPECT_EQ(place, state.residency.at(key).state) << key;
  }

 private:
  struct One {
    uint32_t slice_us = 0, armed = 0, every_us = 0, linger_us = 0, regain_us = 0, permille = 1000;
    int gate = -1;
    bool hold = false;
    bool open = true;
    uint64_t memory = 0, room = 0;
    std::optional<Nanos> wait = Nanos(0);
    uint32_t answered = 0;
    bool operator==(const One&) const = default;
  };
  void carry_out(const SetSlice& change) { orders_[change.session].slice_us = change.slice_us; }
  void carry_out(const SetArmed& change) {
    orders_[change.session].armed = change.armed;
    orders_[change.session].every_us = change.wait_every_us;
  }
  void carry_out(const AssignGate& change) {
    orders_[change.session].gate = change.gate;
    orders_[change.session].linger_us = change.linger_us;
    orders_[change.session].regain_us = change.regain_us;
    orders_[change.session].hold = change.hold;
  }
  void carry_out(const SetClosePermille& change) {
    orders_[change.session].permille = change.permille;
  }
  void carry_out(const SetTurn& change) { orders_[change.session].open = change.open; }
  void carry_out(const SetMemoryLimit& change) { orders_[change.session].memory = change.bytes; }
  void carry_out(const SetMemoryRoom& change) { orders_[change.session].room = change.bytes; }
  void carry_out(const SetMemoryWait& change) { orders_[change.session].wait = change.most; }
  void carry_out(const AnswerMemory& change) { orders_[change.session].answered = change.ask; }
  void carry_out(const Park& change) { parks_[change.workload] = ParkState::kParking; }
  void carry_out(const Resume& change) { parks_[change.workload] = ParkState::kResuming; }

  std::map<SessionId, One> orders_;
  std::map<std::string, ParkState> parks_;
};

class Sequences : public testing::TestWithParam<int> {
 protected:
  static constexpr int kSeeds = 25;
  static constexpr int kEvents = 120;

  /// Runs the sequences of this shard, calling `check(chance, actions)` after every event.
  template <typename Check>
  void run(Check check) {
    for (int i = 0; i < kSeeds; ++i) {
      const auto seed = static_cast<uint64_t>(GetParam()) * kSeeds + static_cast<uint64_t>(i);
      SCOPED_TRACE("seed " + std::to_string(seed));
      Chance chance(seed);
      check.start();
      for (int event = 0; event < kEvents && !HasFailure(); ++event) {
        chance.node.now = chance.node.now + chance.below(200) * kMs;
        const Event next = chance.event();
        const auto* left = std::get_if<Left>(&next);
        const SessionId gone = left != nullptr ? left->session : 0;
        check.before(next);
        check(chance, chance.node.event(next), gone);
      }
    }
  }
};

struct Invariants {
  void start() {}
  void before(const Event&) {}
  void operator()(Chance& chance, const std::vector<Action>& actions, SessionId) {
    turns_hold(chance.node.state);
    gates_hold(chance.node.state);
    memory_holds(chance.node.state);
    books_hold(chance.node.state);
    moves_hold(chance.node.state, actions);
  }
};

TEST_P(Sequences, KeepTheInvariants) { run(Invariants{}); }

struct NothingIsRepeated {
  Orders orders;
  void start() { orders = {}; }
  void before(const Event& event) { orders.follow(event); }
  void operator()(Chance& chance, const std::vector<Action>& actions, SessionId gone) {
    if (gone != 0) orders.forget(gone);
    for (const Action& action : actions) {
      EXPECT_TRUE(orders.carry_out(action)) << action.why;
      EXPECT_FALSE(action.why.empty());
      EXPECT_EQ(action.why.find('\n'), std::string::npos);
    }
    orders.forget_workloads(chance.node.state);
    orders.compare(chance.node.state);
    // The same situation once more needs nothing, apart from turns that are due.
    if (chance.node.state.turns) return;
    State again = chance.node.state;
    for (const Action& action : decide(again, Tick{}, chance.node.now)) {
      ADD_FAILURE() << "once more: " << action.why;
    }
  }
};

TEST_P(Sequences, RepeatNoOrderThatIsInForce) { run(NothingIsRepeated{}); }

struct Neutral {
  void start() {}
  void before(const Event&) {}
  void operator()(Chance& chance, const std::vector<Action>&, SessionId) {
    if (chance.node.state.sessions.empty() || !chance.one_in(10)) return;
    State rest = chance.node.state;
    while (rest.sessions.size() > 1) {
      decide(rest, Left{rest.sessions.begin()->first, "end"}, chance.node.now);
    }
    const SessionState& last = rest.sessions.begin()->second;
    const bool capped = rest.workloads.begin()->second.max_share < 1;
    if (last.slice_us != 0) {
      EXPECT_EQ(last.slice_us, 2000U);
    }
    EXPECT_EQ(last.armed & ~kTurnBit, 0U);
    if (capped) return;
    EXPECT_EQ(last.armed, 0U);
    EXPECT_TRUE(last.turn_open);
  }
};

TEST_P(Sequences, EndNeutralWhenEverybodyButOneLeaves) { run(Neutral{}); }

std::string record_of(uint64_t seed) {
  Chance chance(seed);
  std::string record;
  for (int event = 0; event < 100; ++event) {
    chance.node.now = chance.node.now + chance.below(200) * kMs;
    for (const Action& action : chance.node.event(chance.event())) record += action.why + "\n";
  }
  return record;
}

TEST_P(Sequences, DecideTheSameWhenTheyAreRunAgain) {
  const auto seed = static_cast<uint64_t>(GetParam());
  const std::string first = record_of(seed);
  EXPECT_FALSE(first.empty());
  EXPECT_EQ(first, record_of(seed));
}

INSTANTIATE_TEST_SUITE_P(Shards, Sequences, testing::Range(0, 8));

/// Saturating tenants under slices in the arithmetic of shares.h: work done per round.
TEST(Weights, AreMetWithinAPointByWhateverSlicesAreOrdered) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Chance chance(seed);
    Node node;
    node.use(PolicyKind::kFair);
    std::map<std::string, double> weights;
    const int count = 2 + chance.below(5);
    SessionId id = 0;
    for (int i = 0; i < count; ++i) {
      const double weight = 0.5 + 4 * chance.real();
      const Workload one = workload("w" + std::to_string(i), ServiceClass::kNormal, weight);
      weights[workload_key(one)] = weight;
      for (int session = chance.below(3); session >= 0; --session) node.join(++id, one);
    }
    double sum = 0;
    std::map<std::string, double> work;
    double all = 0;
    for (const auto& [key, weight] : weights) sum += weight;
    for (const auto& [session, state] : node.state.sessions) {
      work[state.workload] += state.slice_us - 33.0;
      all += state.slice_us - 33.0;
    }
    for (const auto& [key, weight] : weights) EXPECT_NEAR(work[key] / all, weight / sum, 0.01);
  }
}

}  // namespace
}  // namespace corun::policy
