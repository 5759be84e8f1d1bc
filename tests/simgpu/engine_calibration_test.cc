// The H100 profile against what was measured on an H100 80GB HBM3, driver 580.159.04
// (docs/simulated-gpu.md, calibration): saturating tenants of 200 us kernels, solo 4990/s.
#include "tests/simgpu/engine_bench.h"

namespace corun::simgpu {
namespace {

constexpr double kSolo = 4990;
constexpr double kSeconds = 3;  // the probe's window

/// Kernels/s of saturating tenants with these slices (0: the default).
std::vector<double> rates(const std::vector<double>& slices_us, double seconds = kSeconds) {
  Device device(h100(), {});
  std::vector<Saturating> tenants;
  for (const double slice : slices_us) {
    const Lane lane = add_lane(device);
    if (slice > 0) device.set_timeslice(lane.group, from_micros(slice), {});
    tenants.push_back({lane.stream, full_kernel(200)});
  }
  drive(device, tenants, nullptr, at_s(seconds));
  std::vector<double> per_s;
  for (const Saturating& tenant : tenants) {
    per_s.push_back(static_cast<double>(tenant.done) / seconds);
  }
  return per_s;
}

struct SliceRow {
  std::vector<double> slices_us;
  std::vector<double> measured;  // kernels/s of each tenant
  double tolerance;              // share of solo
};

void PrintTo(const SliceRow& row, std::ostream* out) {
  for (const double slice : row.slices_us) *out << slice << " us ";
}

class SliceTable : public testing::TestWithParam<SliceRow> {};

TEST_P(SliceTable, EachTenantGetsWhatWasMeasured) {
  const SliceRow& row = GetParam();
  // Whole rounds only: the longest slices need more than the probe's 3 s.
  const std::vector<double> got = rates(row.slices_us, 12);
  double sum = 0;
  double measured_sum = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    EXPECT_NEAR(got[i] / kSolo, row.measured[i] / kSolo, row.tolerance) << "tenant " << i;
    sum += got[i];
    measured_sum += row.measured[i];
  }
  EXPECT_NEAR(sum / kSolo, measured_sum / kSolo, row.tolerance);
}

INSTANTIATE_TEST_SUITE_P(
    Measured, SliceTable,
    testing::Values(
        SliceRow{{0}, {4990}, 0.01}, SliceRow{{0, 0}, {2258, 2256}, 0.01},
        SliceRow{{50, 50}, {186, 193}, 0.02}, SliceRow{{200, 200}, {1108, 1101}, 0.02},
        SliceRow{{500, 500}, {1700, 1707}, 0.02}, SliceRow{{1000, 1000}, {2055, 2055}, 0.02},
        SliceRow{{2000, 2000}, {2242, 2241}, 0.02}, SliceRow{{5000, 5000}, {2393, 2393}, 0.02},
        SliceRow{{20000, 20000}, {2468, 2476}, 0.02},
        SliceRow{{100000, 100000}, {2476, 2547}, 0.02}, SliceRow{{6000, 2000}, {3560, 1211}, 0.02},
        SliceRow{{30000, 10000}, {3716, 1269}, 0.02},
        SliceRow{{9000, 3000, 3000}, {2878, 985, 982}, 0.02},
        SliceRow{{0, 0, 0, 0}, {1127, 1127, 1127, 1127}, 0.01},
        SliceRow{{5000, 5000, 5000, 5000}, {1197, 1197, 1197, 1197}, 0.02},
        SliceRow{{1000000, 1}, {4990, 76}, 0.02}));

TEST(EngineCalibration, TwoTenantsUnderDefaultSlicesReachNineTenthsOfSolo) {
  const std::vector<double> got = rates({0, 0});
  EXPECT_NEAR((got[0] + got[1]) / kSolo, 0.905, 0.01);
}

TEST(EngineCalibration, WeightsComeOutWithinAPoint) {
  const std::vector<double> got = rates({30000, 10000}, 12);
  EXPECT_NEAR(got[0] / (got[0] + got[1]), 0.745, 0.01);
}

/// The probe's pair: a latency-critical graph of 20 kernels of 30 us at 300/s beside a best-effort
/// tenant, which starts 0.3 s earlier and counts over the whole time.
struct Pair {
  std::vector<double> latency_us;
  double best_effort = 0;  // of solo
};

Pair run_pair(double lc_slice_us, double be_slice_us, double be_kernel_us, double seconds,
              uint64_t seed) {
  Device device(h100(), {});
  const Lane lc = add_lane(device);
  const Lane be = add_lane(device);
  if (lc_slice_us > 0) device.set_timeslice(lc.group, from_micros(lc_slice_us), {});
  if (be_slice_us > 0) device.set_timeslice(be.group, from_micros(be_slice_us), {});
  const KernelWork step{.blocks = 132, .blocks_per_sm = 8, .block_time = from_micros(29.6)};
  const auto nodes = std::make_shared<std::vector<GraphNode>>(20, GraphNode(step));
  Requests requests{lc.stream, GraphWork{nodes}, poisson(300, at_s(0.3), seconds, seed)};
  std::vector<Saturating> tenants;
  if (be_kernel_us > 0) tenants.push_back({be.stream, full_kernel(be_kernel_us), 256});
  drive(device, tenants, &requests, at_s(seconds + 0.3));
  Pair pair{requests.latency_us};
  if (be_kernel_us > 0) {
    pair.best_effort = static_cast<double>(tenants[0].done) * be_kernel_us * 1e-6 / (seconds + 0.3);
  }
  return pair;
}

TEST(EngineCalibration, LatencyCriticalAlone) {
  const Pair pair = run_pair(0, 0, 0, 20, 7);
  EXPECT_NEAR(quantile(pair.latency_us, 0.5), 607, 607 * 0.05);
  EXPECT_NEAR(quantile(pair.latency_us, 0.99), 1672, 1672 * 0.25);
}

TEST(EngineCalibration, LatencyCriticalBesideBestEffortUnderDefaultSlices) {
  const Pair pair = run_pair(0, 0, 200, 60, 7);
  EXPECT_NEAR(quantile(pair.latency_us, 0.5), 11038, 11038 * 0.25);
  EXPECT_NEAR(quantile(pair.latency_us, 0.99), 61700, 61700 * 0.25);
  EXPECT_NEAR(pair.best_effort, 0.76, 0.76 * 0.25);
}

TEST(EngineCalibration, LatencyCriticalBesideBestEffortWithTheProbesOwnArrivals) {
  const Pair pair = run_pair(0, 0, 200, 2, 7);
  EXPECT_NEAR(quantile(pair.latency_us, 0.5), 11038, 11038 * 0.25);
  EXPECT_NEAR(quantile(pair.latency_us, 0.99), 61700, 61700 * 0.25);
}

TEST(EngineCalibration, OneSecondBesideOneMicrosecondIsStrictPriority) {
  for (const double kernel_us : {200.0, 1000.0, 5000.0}) {
    const Pair pair = run_pair(1e6, 1, kernel_us, 10, 7);
    EXPECT_NEAR(quantile(pair.latency_us, 0.5), 795, 795 * 0.05) << kernel_us;
    EXPECT_NEAR(quantile(pair.latency_us, 0.99), 2731, 2731 * 0.25) << kernel_us;
    EXPECT_NEAR(pair.best_effort, 0.77, 0.77 * 0.25) << kernel_us;
  }
}

/// Shapes of real models under MPS: an encoder's graph of 100 small kernels at 300/s beside a
/// training step's large kernels at low client priority. The graph takes what the encoder took
/// alone; the block time of the training kernels is fitted to the median, the rest follows.
Pair run_models_under_mps(double block_us, double seconds) {
  Device device(h100(), {});
  const GroupId mps = device.add_group({});
  const Lane lc = add_lane(device, {}, mps, {.mps = true});
  const Lane be = add_lane(device, {}, mps, {.client_priority = 1, .mps = true});
  const KernelWork small{.blocks = 132, .blocks_per_sm = 4, .block_time = from_micros(5.0)};
  const auto nodes = std::make_shared<std::vector<GraphNode>>(100, GraphNode(small));
  Requests requests{lc.stream, GraphWork{nodes}, poisson(300, at_s(0.3), seconds, 7)};
  const KernelWork large{
      .blocks = 132 * 2 * 6, .blocks_per_sm = 2, .block_time = from_micros(block_us)};
  std::vector<Saturating> tenants = {{be.stream, large}};
  drive(device, tenants, &requests, at_s(seconds + 0.3));
  return {requests.latency_us,
          static_cast<double>(tenants[0].done) * (6 * block_us + 0.4) * 1e-6 / (seconds + 0.3)};
}

struct MpsRow {
  double kernel_us;    // of the best-effort tenant, which fill the GPU once
  double offered;      // requests/s
  double served;       // requests/s, measured
  double best_effort;  // of solo, measured
};

void PrintTo(const MpsRow& row, std::ostream* out) { *out << row.kernel_us << " us"; }

class MpsTable : public testing::TestWithParam<MpsRow> {};

/// Requests of 20 small kernels beside full ones, both clients of one MPS server. Measured on an
/// H200 (results/h200/serve; results/h200/scale, N = 2).
TEST_P(MpsTable, SmallKernelsGetInAsOftenAsMeasured) {
  const MpsRow& row = GetParam();
  constexpr double kTime = 10;
  Device device(h100(), {});
  const GroupId mps = device.add_group({});
  const Lane lc = add_lane(device, {}, mps, {.mps = true});
  const Lane be = add_lane(device, {}, mps, {.mps = true});
  const KernelWork small{.blocks = 132, .blocks_per_sm = 8, .block_time = from_micros(29.6)};
  const auto nodes = std::make_shared<std::vector<GraphNode>>(20, GraphNode(small));
  Requests requests{lc.stream, GraphWork{nodes}, poisson(row.offered, {}, kTime, 7)};
  std::vector<Saturating> tenants = {{be.stream, full_kernel(row.kernel_us)}};
  drive(device, tenants, &requests, at_s(kTime));
  const double served = static_cast<double>(requests.latency_us.size()) / kTime;
  EXPECT_NEAR(served, row.served, row.served * 0.25);
  EXPECT_NEAR(static_cast<double>(tenants[0].done) * (row.kernel_us + 0.4) * 1e-6 / kTime,
              row.best_effort, 0.06);
}

INSTANTIATE_TEST_SUITE_P(Measured, MpsTable,
                         testing::Values(MpsRow{200, 300, 221, 0.886},
                                         MpsRow{1000, 106.3, 93.8, 0.942}));

TEST(EngineCalibration, ModelsUnderMps) {
  const Pair pair = run_models_under_mps(18, 20);
  EXPECT_NEAR(quantile(pair.latency_us, 0.5), 2050, 2050 * 0.25);
  EXPECT_NEAR(quantile(pair.latency_us, 0.99), 7980, 7980 * 0.25);
  EXPECT_NEAR(pair.best_effort, 0.948, 0.03);
}

}  // namespace
}  // namespace corun::simgpu
