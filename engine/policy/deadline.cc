#include "engine/policy/deadline.h"

#include <algorithm>
#include <cmath>

namespace corun::policy {

namespace {

constexpr size_t kMostBursts = 4096;  ///< of a window; more would tell nothing new
constexpr double kLeastLeak = 0.01;   ///< below it is none

/// Nearest-rank p99; `bursts` is not empty.
Nanos p99(std::vector<Nanos>& bursts) {
  const auto rank = static_cast<size_t>(std::ceil(0.99 * static_cast<double>(bursts.size())));
  const auto at = bursts.begin() + static_cast<std::ptrdiff_t>(std::max<size_t>(rank, 1) - 1);
  std::nth_element(bursts.begin(), at, bursts.end());
  return *at;
}

void judge(LatencyWindow& window, double& leak, Nanos target, Instant now) {
  const bool enough = window.bursts.size() >= kBurstsJudged || now - window.since >= kJudgedAfter;
  if (!enough || window.bursts.empty()) return;
  const Nanos reached = p99(window.bursts);
  const bool resting = window.missed && now - window.last_miss < kRestAfterMiss;
  if (reached > target) {
    leak = leak / 2 < kLeastLeak ? 0 : leak / 2;
    window.missed = true;
    window.last_miss = now;
  } else if (to_micros(reached) < kCalmBelow * to_micros(target) && !resting) {
    leak = std::min(1.0, leak + kLeakStep);
  }
  window.bursts.clear();
  window.since = now;
}

}  // namespace

void adjust_leaks(State& state, const Tick& tick, Instant now) {
  for (const auto& [key, workload] : state.workloads) {
    const bool critical = workload.service_class == ServiceClass::kLatencyCritical;
    if (critical && workload.latency_target) {
      const auto [at, fresh] = state.latency.try_emplace(key);
      if (fresh) at->second.since = now;
      continue;
    }
    state.latency.erase(key);
    state.leak.erase(key);
  }
  for (const auto& [id, reading] : tick.readings) {
    const auto session = state.sessions.find(id);
    if (session == state.sessions.end()) continue;
    const auto at = state.latency.find(session->second.workload);
    if (at == state.latency.end()) continue;
    std::vector<Nanos>& bursts = at->second.bursts;
    const size_t room = kMostBursts - std::min(kMostBursts, bursts.size());
    const size_t more = std::min(room, reading.new_bursts.size());
    bursts.insert(bursts.end(), reading.new_bursts.end() - static_cast<std::ptrdiff_t>(more),
                  reading.new_bursts.end());
  }
  for (auto& [key, window] : state.latency) {
    judge(window, state.leak[key], *state.workloads.at(key).latency_target, now);
  }
}

}  // namespace corun::policy
