// A GPU whose memory is too small: moves take as long as their bytes, at given speeds, and are told
// to the policy as the daemon does.
#pragma once

#include <algorithm>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "engine/policy/residency.h"
#include "tests/policy/node.h"

namespace corun::policy {

inline constexpr uint64_t kGiB = 1ULL << 30;
inline constexpr Nanos kSecond = std::chrono::seconds(1);

class MemoryNode : public Node {
 public:
  explicit MemoryNode(uint64_t memory_bytes) {
    Settings settings = state.settings;
    settings.backend.parking = true;
    settings.memory_bytes = memory_bytes;
    event(SettingsChanged{settings});
  }

  void change(const std::function<void(Settings&)>& how) {
    Settings settings = state.settings;
    how(settings);
    happen(SettingsChanged{settings});
  }
  /// A session of a workload that holds so much.
  void start(SessionId id, const Workload& workload, uint64_t bytes) {
    held[id] = bytes;
    happen(Joined{id, workload});
    pass(Nanos(0), {});
  }
  void stop(SessionId id) {
    held.erase(id);
    happen(Left{id, "test"});
  }

  /// An allocation that found no memory.
  void want(SessionId id, uint64_t bytes) {
    wanted[id] = bytes;
    ++asks[id];
    pass(Nanos(0), {});
  }
  /// A call of a parked workload.
  void call(SessionId id) {
    ++calls_held[id];
    pass(Nanos(0), {});
  }

  /// Time passes in one step; `busy` sessions work where they can, moves that are due end.
  void pass(Nanos step, const std::set<SessionId>& busy) {
    now = now + step;
    end_moves();
    Tick tick;
    for (const auto& [id, session] : state.sessions) {
      SessionReading reading = session.last;
      const Residency& place = state.residency[session.workload];
      const bool works = place.state == ParkState::kRunning && session.turn_open;
      if (busy.contains(id) && !works) calls_held[id] += place.state != ParkState::kRunning;
      if (busy.contains(id) && works) reading.launches += 10;
      if (busy.contains(id) && works) work[id] += step;
      reading.calls = reading.launches;
      reading.memory_bytes = held[id];
      reading.held_calls = calls_held[id];
      reading.wanted_bytes = wanted.contains(id) ? wanted[id] : 0;
      reading.memory_ask = asks[id];
      reading.parkable = !fixed.contains(id);
      tick.readings[id] = reading;
    }
    happen(tick);
  }
  void run(Nanos time, const std::set<SessionId>& busy, Nanos step = 100 * kMs) {
    for (Nanos passed{}; passed < time; passed += step) pass(step, busy);
  }

  ParkState place(SessionId id) const {
    return state.residency.at(state.sessions.at(id).workload).state;
  }
  uint64_t on_gpu() const {
    uint64_t sum = 0;
    for (const auto& [id, session] : state.sessions) {
      if (place(id) != ParkState::kParked) sum += held.at(id);
    }
    return sum;
  }
  /// All that was decided with this kind of order.
  template <typename T>
  std::vector<std::pair<T, std::string>> orders() const {
    return of_kind<T>(all);
  }

  void happen(const Event& what) {
    for (const Action& action : event(what)) {
      all.push_back(action);
      carry_out(action);
    }
    most_on_gpu = std::max(most_on_gpu, on_gpu());
  }

  MoveSpeed speed{1.5e9, 4.7e9};
  bool parking_fails = false;
  std::map<SessionId, uint64_t> held, wanted, calls_held;
  std::map<SessionId, uint32_t> asks;
  std::map<SessionId, Nanos> work;
  std::set<SessionId> fixed;  ///< cannot be parked
  std::vector<Action> all;
  uint64_t most_on_gpu = 0;

 private:
  struct Move {
    ParkChanged end;
    Instant due;
  };

  void carry_out(const Action& action) {
    if (const auto* park = std::get_if<Park>(&action.change)) move(park->workload, true);
    if (const auto* resume = std::get_if<Resume>(&action.change)) move(resume->workload, false);
    if (const auto* answer = std::get_if<AnswerMemory>(&action.change)) {
      if (answer->try_again) held[answer->session] += wanted[answer->session];
      wanted.erase(answer->session);
    }
  }

  void move(const std::string& workload, bool park) {
    uint64_t bytes = 0;
    for (const auto& [id, session] : state.sessions) {
      if (session.workload == workload) bytes += held[id];
    }
    const Nanos took =
        kMoveFixed + from_seconds(static_cast<double>(bytes) / (park ? speed.park : speed.resume));
    const bool fails = park && parking_fails;
    moves_.push_back({{.workload = workload,
                       .state = park && !fails ? ParkState::kParked : ParkState::kRunning,
                       .ok = !fails,
                       .bytes = bytes,
                       .took = took},
                      now + took});
  }

  void end_moves() {
    for (bool again = true; again;) {
      again = false;
      for (auto at = moves_.begin(); at != moves_.end(); ++at) {
        if (now < at->due) continue;
        const ParkChanged end = at->end;
        moves_.erase(at);
        happen(end);
        again = true;
        break;
      }
    }
  }

  std::deque<Move> moves_;
};

}  // namespace corun::policy
