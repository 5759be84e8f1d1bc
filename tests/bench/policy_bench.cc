// What a decision costs the daemon: a tick over 64 workloads, which must stay far below its period.
#include <benchmark/benchmark.h>

#include <string>

#include "engine/policy/policy.h"

namespace corun::bench {
namespace {

constexpr int kWorkloads = 64;

/// 64 workloads of one session each, every eighth latency-critical where `critical`.
policy::State node_of(policy::PolicyKind kind, bool critical) {
  policy::State state;
  state.settings = policy::default_settings();
  state.settings.kind = kind;
  for (int i = 0; i < kWorkloads; ++i) {
    policy::Workload workload;
    workload.name = "workload-" + std::to_string(i);
    workload.weight = 1 + i % 4;
    workload.memory_limit_bytes = uint64_t{1} << 30;
    const bool first = critical && i % 8 == 0;
    workload.service_class = first ? ServiceClass::kLatencyCritical : ServiceClass::kBestEffort;
    policy::decide(state, policy::Joined{static_cast<policy::SessionId>(i + 1), workload}, {});
  }
  return state;
}

void policy_tick(benchmark::State& run, policy::PolicyKind kind, bool critical) {
  policy::State state = node_of(kind, critical);
  policy::Event event = policy::Tick{};
  auto& readings = std::get<policy::Tick>(event).readings;
  for (policy::SessionId id = 1; id <= kWorkloads; ++id) readings[id].contexts = 1;
  Instant now{};
  for (auto unused : run) {
    (void)unused;
    now = now + std::chrono::milliseconds(10);
    for (auto& [id, reading] : readings) reading.launches += 100;
    benchmark::DoNotOptimize(policy::decide(state, event, now));
  }
}
BENCHMARK_CAPTURE(policy_tick, fair_64, policy::PolicyKind::kFair, false)
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(policy_tick, priority_64_with_turns, policy::PolicyKind::kPriority, true)
    ->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace corun::bench
