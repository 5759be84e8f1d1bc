// Statistics of a cell: a minute of requests must not keep anybody waiting.
#include <benchmark/benchmark.h>

#include <random>
#include <vector>

#include "core/stats/summary.h"

namespace corun::bench {
namespace {

void latency_summary(benchmark::State& state) {
  std::mt19937_64 generator(7);
  std::lognormal_distribution<double> draw(1.0, 0.5);
  std::vector<double> ms(static_cast<size_t>(state.range(0)));
  for (double& value : ms) value = draw(generator);
  for (auto unused : state) {
    (void)unused;
    benchmark::DoNotOptimize(stats::summarise_latency(ms, 300, 1));
  }
}
BENCHMARK(latency_summary)->Arg(1'000)->Arg(20'000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace corun::bench
