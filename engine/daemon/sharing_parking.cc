// What Sharing knows of parking: who is away, who cannot go, what moves have cost.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "engine/daemon/sharing.h"
#include "engine/policy/residency.h"

namespace corun::daemon {

namespace {

/// What a process that joined holds is in its page by then.
constexpr Nanos kAdoptedTell = std::chrono::milliseconds(500);

struct Obstacle {
  uint32_t flag;
  const char* text;
};
constexpr Obstacle kObstacles[] = {
    {wire::kFlagManyDevices, "uses several GPUs"},
    {wire::kFlagManagedMemory, "has managed memory, which was not tried"},
};

}  // namespace

ParkState Sharing::parking(const std::string& key) const {
  const auto found = records_.find(key);
  return found == records_.end() ? ParkState::kRunning : found->second.parking;
}

std::vector<std::string> Sharing::away() const {
  std::vector<std::string> keys;
  for (const auto& [key, kept] : records_) {
    if (kept.parking != ParkState::kRunning) keys.push_back(key);
  }
  return keys;
}

uint64_t Sharing::parked_bytes(const std::string& key) const {
  uint64_t bytes = 0;
  for (const ParkedProcess& one : parked_processes(key)) bytes += one.bytes;
  return bytes;
}

std::vector<ParkedProcess> Sharing::parked_processes(const std::string& key) const {
  std::vector<ParkedProcess> all;
  uint64_t told = 0;
  for (const Session* session : sessions_of(key)) {
    const CounterReader& counters = session->counters();
    const uint64_t bytes = counters.memory_bytes() + counters.contexts() * policy::kContextBytes;
    all.push_back({session->peer().pid, bytes});
    told += bytes;
  }
  const auto place = state_.residency.find(key);
  if (place == state_.residency.end() || place->second.parked_bytes <= told) return all;
  const uint64_t untold = place->second.parked_bytes - told;
  for (ParkedProcess& one : all) one.bytes += (untold + all.size() - 1) / all.size();
  return all;
}

std::vector<ParkOrder> Sharing::take_park_orders() { return std::exchange(park_orders_, {}); }

std::optional<std::string> Sharing::unparkable(const Session& session) const {
  const auto says = [&session](const std::string& what) {
    return fmt::format("its process {} {}", session.peer().pid, what);
  };
  if (session.peer().pid <= 0) return "it runs in a PID namespace that corund does not see";
  const uint32_t flags = session.counters().flags();
  for (const Obstacle& one : kObstacles) {
    if ((flags & one.flag) != 0) return says(one.text);
  }
  if ((flags & wire::kFlagSharesMemory) != 0 && !options_.parks_shared_memory) {
    return says("shares memory with others, which drivers before 610 cannot park");
  }
  return std::nullopt;
}

std::optional<std::string> Sharing::unparkable(const std::string& key) const {
  for (const Session* session : sessions_of(key)) {
    if (auto why = unparkable(*session)) return why;
  }
  return std::nullopt;
}

uint64_t Sharing::device_bytes(const Session& session) const {
  const auto told = memory_use_.by_pid.find(session.peer().pid);
  return told == memory_use_.by_pid.end() ? 0 : told->second;
}

/// A process that joins a workload that is away, or was parked by a daemon that is gone: its calls
/// wait too until all processes of the workload are back.
void Sharing::adopt(const std::string& key, Instant now) {
  if (parking(key) == ParkState::kRunning) {
    policy::ParkChanged event{.workload = key, .state = ParkState::kParked, .adopted = true};
    park_changed(event, "it was parked when the last daemon ended", now);
    adopted_[key] = now;
  }
  for (const auto& [id, session] : sessions_) {
    if (session->workload() != key) continue;
    session->hold_calls(true);
    book_turn(*session, now);
  }
}

/// Once they have told what they hold, which has to fit.
void Sharing::bring_adopted_back(Instant now) {
  for (auto at = adopted_.begin(); at != adopted_.end();) {
    const auto& [key, since] = *at;
    const std::vector<const Session*> sessions = sessions_of(key);
    const bool told = std::all_of(sessions.begin(), sessions.end(), [](const Session* session) {
      return session->counters().heartbeat() > Instant{};
    });
    if (!told || now - since < kAdoptedTell) {
      ++at;
      continue;
    }
    const std::string adopted = key;
    at = adopted_.erase(at);
    ask_back(adopted, now);
  }
}

void Sharing::ask_back(const std::string& key, Instant now) {
  if (!state_.workloads.contains(key)) return;
  run(policy::ResumeAsked{key}, now);
}

void Sharing::park_changed(const policy::ParkChanged& event, const std::string& why, Instant now) {
  const std::string& key = event.workload;
  if (sessions_of(key).empty()) return;  // it ended; the policy has heard of that
  WorkloadRecord& kept = record(key);
  const ParkState before = kept.parking;
  kept.parking = event.state;
  moved_ = now;
  ParkAccount& account = kept.account;
  if (event.state == ParkState::kParked && before != ParkState::kParked) {
    if (event.ok && before == ParkState::kParking) {
      ++account.parks;
      account.moved_bytes += event.bytes;
    }
    if (before != ParkState::kResuming) account.since = now;
  }
  if (event.state == ParkState::kRunning && account.since != Instant{}) {
    ++account.resumes;
    account.moved_bytes += event.bytes;
    account.parked += now - std::exchange(account.since, Instant{});
  }
  for (const auto& [id, session] : sessions_) {
    if (session->workload() != key) continue;
    session->hold_calls(event.state != ParkState::kRunning);
    book_turn(*session, now);
    // Its contexts have left the GPU, and no record may tell of it.
    if (event.state == ParkState::kParked && held_.holder() == session->peer().pid) {
      gpu_holder_gone(now);
    }
    const int gate = session->orders().gate;
    if (gate >= 0) gates_.assign(static_cast<size_t>(gate), id);  // open, and still its own
  }
  if (!why.empty()) {
    const bool away = event.state != ParkState::kRunning;
    explain(key, 0, away ? policy::Change(policy::Park{key}) : policy::Change(policy::Resume{key}),
            why, now);
  }
  run(event, now);
}

}  // namespace corun::daemon
