// The harness's end of the row protocol: what a line costs.
#include <benchmark/benchmark.h>

#include "core/row_message.h"

namespace corun::bench {
namespace {

void parse_line(benchmark::State& state, const Message& message) {
  const std::string line = to_line(message);
  for (auto unused : state) {
    (void)unused;
    benchmark::DoNotOptimize(parse_message(line));
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(line.size()));
}

/// What a workload writes ten times a second.
void parse_progress(benchmark::State& state) {
  parse_line(state, ProgressMessage{1, {100000, 200000}, {81, 163}});
}
BENCHMARK(parse_progress);

/// A second's worth of requests in one line.
void parse_requests(benchmark::State& state) {
  RequestsMessage message;
  message.window = 1;
  for (int64_t i = 0; i < state.range(0); ++i) {
    const double at = static_cast<double>(i) * 1000.25;
    message.scheduled_us.push_back(at);
    message.start_us.push_back(at + 3.5);
    message.end_us.push_back(at + 812.75);
  }
  parse_line(state, message);
}
BENCHMARK(parse_requests)->Arg(100)->Arg(1000);

}  // namespace
}  // namespace corun::bench
