// The managed modes' levers against what was measured on an H200, driver 580.159.04
// (results/h200/first-readings/latency.txt): a latency-critical graph of 20 kernels of 30 us at
// 300/s beside a best-effort tenant with kernels of 200 us, over 2 s; the same arrivals.
#include "tests/simgpu/engine_bench.h"

namespace corun::simgpu {
namespace {

class OneWord final : public Words {
 public:
  uint64_t word = 0;
  std::optional<uint64_t> read(const Word&) override { return word; }
  bool write(const Word&, uint64_t value) override {
    word = value;
    return true;
  }
};

struct Levers {
  double lc_slice_us = 0;  // 0: the default
  double be_slice_us = 0;
  bool gate = false;
  bool preempt = false;  // of the best-effort group, at each arrival
};

struct Result {
  double p50_us;
  double p99_us;
  double best_effort;  // of solo, as the probe counts
};

Result run(const Levers& levers, double seconds) {
  // From the end of a request to the next one's launch: the program wakes up and submits.
  constexpr Nanos kHostGap{20'000};
  Device device(h100(), {});
  OneWord gate;
  device.use_words(gate);
  const Lane lc = add_lane(device);
  const Lane be = add_lane(device);
  if (levers.lc_slice_us > 0) device.set_timeslice(lc.group, from_micros(levers.lc_slice_us), {});
  if (levers.be_slice_us > 0) device.set_timeslice(be.group, from_micros(levers.be_slice_us), {});
  const KernelWork step{.blocks = 132, .blocks_per_sm = 8, .block_time = from_micros(29.6)};
  const auto nodes = std::make_shared<std::vector<GraphNode>>(20, GraphNode(step));
  Requests requests{lc.stream, GraphWork{nodes}, poisson(300, at_s(0.3), seconds, 7)};
  requests.host_gap = kHostGap;
  std::vector<Saturating> tenants = {{be.stream, full_kernel(200), 256}};
  if (levers.gate) {
    tenants[0].gate = WordWaitWork{{}, 0, WordTest::kEqual};
    requests.behind = WordWriteWork{{}, 0};
    requests.before = [&](Instant now) {
      gate.word = 1;
      if (levers.preempt) device.preempt(be.group, now);
    };
  }
  drive(device, tenants, &requests, at_s(seconds + 0.3));
  return {quantile(requests.latency_us, 0.5), quantile(requests.latency_us, 0.99),
          static_cast<double>(tenants[0].done) / (seconds + 0.3) / 5004};
}

struct Row {
  const char* name;
  Levers levers;
  double p50_us;
  double p99_us;
  double best_effort;
};

void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

class GateTable : public testing::TestWithParam<Row> {};

TEST_P(GateTable, IsAsMeasuredWithinAQuarter) {
  const Row& row = GetParam();
  for (const double seconds : {2.0, 20.0}) {
    const Result got = run(row.levers, seconds);
    EXPECT_NEAR(got.p50_us, row.p50_us, row.p50_us * 0.25) << seconds;
    EXPECT_NEAR(got.p99_us, row.p99_us, row.p99_us * 0.25) << seconds;
    EXPECT_NEAR(got.best_effort, row.best_effort, row.best_effort * 0.25) << seconds;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Measured, GateTable,
    testing::Values(
        Row{"default", {}, 10884, 61563, 0.758},
        Row{"slices 1 s and 1 us", {.lc_slice_us = 1e6, .be_slice_us = 1}, 791, 2747, 0.761},
        Row{"slices 10 ms and 100 us", {.lc_slice_us = 1e4, .be_slice_us = 100}, 862, 3085, 0.759},
        Row{"gate", {.gate = true}, 883, 3429, 0.767},
        Row{"gate and preemption", {.gate = true, .preempt = true}, 876, 3021, 0.763},
        Row{"gate, preemption, 10 ms",
            {.lc_slice_us = 1e4, .gate = true, .preempt = true},
            888,
            2996,
            0.762}));

}  // namespace
}  // namespace corun::simgpu
