// Speed of the device engine: events (operations, cohorts of blocks, slice changes) per second.
//   build/tests/speed_simgpu_engine
#include <benchmark/benchmark.h>

#include <vector>

#include "simgpu/engine/device.h"

namespace corun::simgpu {
namespace {

/// N tenants, each keeping 64 kernels in its stream, in groups of their own or in one.
void saturating(benchmark::State& state, bool mps) {
  const auto profile = read_profile(CORUN_SOURCE_DIR "/simgpu/profiles/h100.json");
  CORUN_CHECK(profile.has_value(), profile.error().text());
  Device device(*profile, {});
  std::vector<StreamId> streams;
  const KernelWork kernel{.blocks = 1056, .blocks_per_sm = 8, .block_time = from_micros(20)};
  GroupId group = device.add_group({});
  for (int64_t i = 0; i < state.range(0); ++i) {
    const ClientId client = device.add_client({});
    if (!mps && i > 0) group = device.add_group({});
    const ContextId context = *device.add_context(client, group, {.mps = mps}, {});
    streams.push_back(device.add_stream(context, 0, {}));
    for (int k = 0; k < 64; ++k) device.submit(streams.back(), kernel, 0, {});
  }
  std::vector<Completion> done;
  uint64_t launches = 0;
  const uint64_t before = device.events();
  for (auto unused : state) {
    (void)unused;
    done.clear();
    const Instant now = *device.next_event();
    device.advance(now, done);
    for (const Completion& completion : done) {
      device.submit(completion.op.stream(), kernel, 0, now);
    }
    launches += done.size();
  }
  using benchmark::Counter;
  state.counters["events"] =
      Counter(static_cast<double>(device.events() - before), Counter::kIsRate);
  state.counters["launches"] = Counter(static_cast<double>(launches), Counter::kIsRate);
}

void time_slicing(benchmark::State& state) { saturating(state, false); }
void mps(benchmark::State& state) { saturating(state, true); }

BENCHMARK(time_slicing)->Arg(1)->Arg(2)->Arg(8)->Arg(32);
BENCHMARK(mps)->Arg(1)->Arg(2)->Arg(8)->Arg(32);

}  // namespace
}  // namespace corun::simgpu

BENCHMARK_MAIN();
