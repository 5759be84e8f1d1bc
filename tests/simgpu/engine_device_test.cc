// Behaviour of the device, on a profile without latencies and switch cost, so that times are round.
#include <map>

#include "simgpu/engine/device.h"
#include "tests/simgpu/engine_bench.h"

namespace corun::simgpu {
namespace {

Profile plain() {
  Profile profile = h100();
  profile.submit_latency = profile.graph_latency = profile.kernel_gap = profile.copy_latency = {};
  profile.slice_restore = profile.slice_switch = {};
  profile.h2d_bytes_per_s = profile.d2h_bytes_per_s = 1e9;  // 1 byte a nanosecond
  profile.dram_bytes_per_s = 1e12;                          // 1000 bytes a nanosecond
  return profile;
}

/// All that happens until `end`, by operation: when it was done, in microseconds.
class EngineDevice : public testing::Test {
 protected:
  void run(Instant end = at_s(10)) { device.advance(end, log); }

  /// Microseconds at which `op` was done; -1 if it was not.
  double done_us(OpId op) const {
    for (const Completion& completion : log) {
      if (completion.op == op && completion.kind == CompletionKind::kDone) {
        return to_micros(completion.at - Instant{});
      }
    }
    return -1;
  }

  int count(CompletionKind kind) const {
    return static_cast<int>(std::count_if(
        log.begin(), log.end(), [&](const Completion& done) { return done.kind == kind; }));
  }

  Device device{plain(), {}};
  std::vector<Completion> log;
};

TEST_F(EngineDevice, AGridRunsInWaves) {
  const Lane lane = add_lane(device);
  KernelWork kernel = full_kernel(100);
  const OpId one_wave = device.submit(lane.stream, kernel, 0, {});
  kernel.blocks += 1;
  const OpId two_waves = device.submit(lane.stream, kernel, 0, {});
  run();
  EXPECT_EQ(done_us(one_wave), 100);
  EXPECT_EQ(done_us(two_waves), 300);
}

TEST_F(EngineDevice, AGridOfVeryManyShortBlocksTakesFewEvents) {
  const Lane lane = add_lane(device);
  const KernelWork kernel{
      .blocks = uint64_t{1056} * 1'000'000, .blocks_per_sm = 8, .block_time = Nanos(10)};
  const OpId op = device.submit(lane.stream, kernel, 0, {});
  run();
  EXPECT_NEAR(done_us(op), 10'000, 1);
  EXPECT_LT(device.events(), 30'000U);
}

TEST_F(EngineDevice, PackedKernelsStayInFewPieces) {
  const Lane lane = add_lane(device);
  double sm_us = 0;
  for (uint64_t i = 0; i < 8; ++i) {
    const StreamId stream = device.add_stream(lane.context, 0, {});
    const KernelWork kernel{.blocks = 5000 + 377 * i,
                            .blocks_per_sm = 1 + static_cast<uint32_t>(i),
                            .block_time = Nanos(7000 + 1313 * static_cast<int64_t>(i))};
    for (int k = 0; k < 50; ++k) {
      device.submit(stream, kernel, 0, {});
      sm_us +=
          static_cast<double>(kernel.blocks) * to_micros(kernel.block_time) / kernel.blocks_per_sm;
    }
  }
  run();
  EXPECT_EQ(log.size(), 400U);
  EXPECT_LT(device.events(), log.size() * 500);
  // Blocks that join others neither gain nor lose SM time.
  const double expected = sm_us * 1e-6 / 132;
  EXPECT_NEAR(device.telemetry(at_s(10)).sm_seconds, expected, expected * 1e-4);
}

TEST_F(EngineDevice, StreamsOfAContextRunTogetherWhereThereIsRoom) {
  const Lane lane = add_lane(device);
  const StreamId other = device.add_stream(lane.context, 0, {});
  const KernelWork half{.blocks = 66, .blocks_per_sm = 1, .block_time = from_micros(100)};
  const OpId a = device.submit(lane.stream, half, 0, {});
  const OpId b = device.submit(other, half, 0, {});
  const OpId behind_a = device.submit(lane.stream, half, 0, {});
  run();
  EXPECT_EQ(done_us(a), 100);
  EXPECT_EQ(done_us(b), 100);
  EXPECT_EQ(done_us(behind_a), 200);
}

TEST_F(EngineDevice, ASmallKernelWaitsForRunningBlocksAndThenGoesFirstByPriority) {
  const Lane lane = add_lane(device);
  const StreamId urgent = device.add_stream(lane.context, -5, {});
  device.submit(lane.stream, full_kernel(100), 0, {});
  const OpId behind = device.submit(lane.stream, full_kernel(100), 0, {});
  const KernelWork small{.blocks = 132, .blocks_per_sm = 8, .block_time = from_micros(30)};
  const OpId op = device.submit(urgent, small, 0, at_us(10));
  run();
  EXPECT_EQ(done_us(op), 130);
  // An eighth of the next kernel found no room at 100 us and started at 130 us.
  EXPECT_EQ(done_us(behind), 230);
}

TEST_F(EngineDevice, AThreadPercentageCapsTheSmsOfAContext) {
  const GroupId mps = device.add_group({});
  const Lane half = add_lane(device, {}, mps, {.thread_percentage = 50, .mps = true});
  const Lane other = add_lane(device, {}, mps, {.thread_percentage = 50, .mps = true});
  const OpId a = device.submit(half.stream, full_kernel(100), 0, {});
  const OpId b = device.submit(other.stream, full_kernel(100), 0, {});
  run();
  EXPECT_EQ(done_us(a), 200);
  EXPECT_EQ(done_us(b), 200);
}

TEST_F(EngineDevice, ClientsOfOneGroupShareWithoutSwitchCost) {
  Device real(h100(), {});
  const GroupId mps = real.add_group({});
  std::vector<Saturating> tenants;
  for (int i = 0; i < 4; ++i) {
    const Lane lane = add_lane(real, {}, mps, {.mps = true});
    tenants.push_back({lane.stream, full_kernel(200)});
  }
  drive(real, tenants, nullptr, at_s(1));
  uint64_t sum = 0;
  for (const Saturating& tenant : tenants) {
    EXPECT_NEAR(static_cast<double>(tenant.done), 1250, 5);
    sum += tenant.done;
  }
  EXPECT_NEAR(static_cast<double>(sum), 5000, 10);
}

TEST_F(EngineDevice, KernelsThatWantTooMuchBandwidthAreSlowedDown) {
  const Lane lane = add_lane(device);
  const StreamId other = device.add_stream(lane.context, 0, {});
  KernelWork half{.blocks = 66, .blocks_per_sm = 1, .block_time = from_micros(100)};
  half.dram_bytes = 100'000'000;  // all of the bandwidth
  const OpId a = device.submit(lane.stream, half, 0, {});
  const OpId b = device.submit(other, half, 0, {});
  run();
  EXPECT_EQ(done_us(a), 200);
  EXPECT_EQ(done_us(b), 200);
}

TEST_F(EngineDevice, AModestKernelKeepsItsBandwidthBesideAGreedyOne) {
  const Lane lane = add_lane(device);
  const StreamId other = device.add_stream(lane.context, 0, {});
  KernelWork modest{.blocks = 66, .blocks_per_sm = 1, .block_time = from_micros(100)};
  KernelWork greedy = modest;
  modest.dram_bytes = 25'000'000;  // a quarter of the bandwidth
  greedy.dram_bytes = 150'000'000;
  const OpId a = device.submit(lane.stream, modest, 0, {});
  const OpId b = device.submit(other, greedy, 0, {});
  run();
  EXPECT_EQ(done_us(a), 100);
  // 100 us at three quarters of the bandwidth, the other 75 MB at all of it.
  EXPECT_NEAR(done_us(b), 175, 0.01);
}

TEST_F(EngineDevice, CopiesRunBesideKernelsInBothDirections) {
  const Lane lane = add_lane(device);
  const StreamId up = device.add_stream(lane.context, 0, {});
  const StreamId down = device.add_stream(lane.context, 0, {});
  const OpId kernel = device.submit(lane.stream, full_kernel(100), 0, {});
  const OpId h2d = device.submit(up, CopyWork{CopyDirection::kHostToDevice, 100'000}, 0, {});
  const OpId d2h = device.submit(down, CopyWork{CopyDirection::kDeviceToHost, 100'000}, 0, {});
  run();
  EXPECT_EQ(done_us(kernel), 100);
  EXPECT_NEAR(done_us(h2d), 100, 0.01);
  EXPECT_NEAR(done_us(d2h), 100, 0.01);
}

TEST_F(EngineDevice, ContextsShareACopyEngineAndOneContextQueues) {
  const Lane a = add_lane(device);
  const Lane b = add_lane(device);
  const StreamId a2 = device.add_stream(a.context, 0, {});
  const CopyWork copy{CopyDirection::kHostToDevice, 100'000};
  const OpId first = device.submit(a.stream, copy, 0, {});
  const OpId behind = device.submit(a2, copy, 0, {});
  const OpId other = device.submit(b.stream, copy, 0, {});
  run();
  EXPECT_NEAR(done_us(first), 200, 0.01);
  EXPECT_NEAR(done_us(other), 200, 0.01);
  EXPECT_NEAR(done_us(behind), 300, 0.01);
}

TEST_F(EngineDevice, AStreamWaitsForAnotherOne) {
  const Lane a = add_lane(device);
  const StreamId b = device.add_stream(a.context, 0, {});
  device.submit(a.stream, full_kernel(100), 0, {});
  const OpId event = device.submit(a.stream, MarkWork{}, 0, {});
  device.submit(b, WaitWork{event}, 0, {});
  const OpId after = device.submit(b, full_kernel(50), 0, {});
  const OpId late = device.submit(b, WaitWork{event}, 0, at_us(500));
  run();
  EXPECT_EQ(done_us(event), 100);
  EXPECT_EQ(done_us(after), 150);
  EXPECT_EQ(done_us(late), 500);
}

TEST_F(EngineDevice, AHostOperationHoldsTheStreamUntilItIsResumed) {
  const Lane lane = add_lane(device);
  const OpId host = device.submit(lane.stream, HostWork{}, 7, {});
  const OpId behind = device.submit(lane.stream, full_kernel(50), 0, {});
  run(at_us(100));
  ASSERT_EQ(log.size(), 1U);
  EXPECT_EQ(log[0].kind, CompletionKind::kReached);
  EXPECT_EQ(log[0].tag, 7U);
  device.resume(host, at_us(100));
  device.resume(host, at_us(110));  // has gone on already: nothing
  run();
  EXPECT_EQ(done_us(host), 100);
  EXPECT_EQ(done_us(behind), 150);
}

TEST_F(EngineDevice, AGraphIsOneOperation) {
  const Lane lane = add_lane(device);
  const auto nodes = std::make_shared<std::vector<GraphNode>>();
  nodes->push_back(full_kernel(10));
  nodes->push_back(CopyWork{CopyDirection::kDeviceToHost, 5'000});
  nodes->push_back(HostWork{});
  nodes->push_back(full_kernel(10));
  const OpId graph = device.submit(lane.stream, GraphWork{nodes}, 0, {});
  run(at_us(100));
  ASSERT_EQ(log.size(), 1U);
  EXPECT_EQ(log[0].node, 2U);
  EXPECT_NEAR(to_micros(log[0].at - Instant{}), 15, 0.01);
  device.resume(graph, at_us(100));
  run();
  EXPECT_EQ(done_us(graph), 110);
}

TEST_F(EngineDevice, AnEmptyGraphIsDoneAtOnce) {
  const Lane lane = add_lane(device);
  const OpId graph = device.submit(lane.stream, GraphWork{}, 0, at_us(5));
  run();
  EXPECT_EQ(done_us(graph), 5);
}

TEST_F(EngineDevice, ADeviceMemoryOperationTakesTheFullBandwidth) {
  const Lane lane = add_lane(device);
  const OpId memset = device.submit(lane.stream, DeviceMemoryWork{1'000'000'000}, 0, {});
  run();
  EXPECT_NEAR(done_us(memset), 1000, 0.1);
}

TEST_F(EngineDevice, WorkOfARemovedStreamIsStillDone) {
  const Lane lane = add_lane(device);
  const OpId op = device.submit(lane.stream, full_kernel(100), 0, {});
  device.remove_stream(lane.stream, at_us(1));
  run();
  EXPECT_EQ(done_us(op), 100);
  EXPECT_TRUE(device.done(op));
}

TEST(EngineSlices, AnArrivalWaitsForAWholeSliceOfTheGroupThatRanAlone) {
  Device device(h100(), {});
  const Lane be = add_lane(device);
  const Lane lc = add_lane(device);
  for (int i = 0; i < 1000; ++i) device.submit(be.stream, full_kernel(200), 0, {});
  const Profile p = h100();
  const Instant arrival = at_us(51234);  // in the middle of a kernel, far behind any slice
  const OpId op = device.submit(lc.stream, full_kernel(100), 0, arrival);
  std::vector<Completion> log;
  device.advance(at_s(1), log);
  const auto done =
      std::find_if(log.begin(), log.end(), [&](const Completion& c) { return c.op == op; });
  ASSERT_NE(done, log.end());
  EXPECT_EQ(done->at - arrival,
            p.submit_latency + p.timeslice + p.slice_switch + p.slice_restore + from_micros(100));
}

TEST(EngineSlices, AGroupThatIdlesYieldsAtOnce) {
  Device device(h100(), {});
  const Lane a = add_lane(device);
  const Lane b = add_lane(device);
  const OpId first = device.submit(a.stream, full_kernel(100), 0, {});
  const OpId second = device.submit(b.stream, full_kernel(100), 0, {});
  std::vector<Completion> log;
  device.advance(at_s(1), log);
  ASSERT_EQ(log.size(), 2U);
  EXPECT_EQ(log[0].op, first);
  EXPECT_EQ(log[1].op, second);
  const Profile p = h100();
  EXPECT_EQ(log[1].at - log[0].at, p.slice_switch + p.slice_restore + from_micros(100));
}

TEST(EngineSlices, CopiesAreOutsideTheSlices) {
  Device device(h100(), {});
  const Lane busy = add_lane(device);
  const Lane copier = add_lane(device);
  for (int i = 0; i < 100; ++i) device.submit(busy.stream, full_kernel(200), 0, {});
  const OpId copy =
      device.submit(copier.stream, CopyWork{CopyDirection::kHostToDevice, 55'600'000}, 0, {});
  std::vector<Completion> log;
  device.advance(at_s(1), log);
  const auto done =
      std::find_if(log.begin(), log.end(), [&](const Completion& c) { return c.op == copy; });
  const Profile p = h100();
  EXPECT_NEAR(to_micros(done->at - Instant{}), to_micros(p.submit_latency + p.copy_latency) + 1000,
              0.01);
  EXPECT_EQ(device.engine_time(at_s(1)).switching, Nanos(0));
}

TEST_F(EngineDevice, MemoryIsExhaustedExactlyAtItsEnd) {
  const Lane lane = add_lane(device);
  const Profile profile = plain();
  const uint64_t left = profile.memory_bytes - device.memory().used_bytes;
  EXPECT_EQ(device.memory().used_bytes, profile.context_bytes);
  const uint64_t granule = profile.memory_granule_bytes;
  const uint64_t most = left / granule * granule;
  EXPECT_FALSE(device.allocate(lane.context, most + 1));
  EXPECT_FALSE(device.allocate(lane.context, UINT64_MAX));
  const auto all = device.allocate(lane.context, most);
  ASSERT_TRUE(all);
  EXPECT_FALSE(device.allocate(lane.context, 1));
  EXPECT_FALSE(device.add_context(lane.client, lane.group, {}, {}));
  device.free(*all);
  EXPECT_EQ(device.memory_of(lane.client), profile.context_bytes);
  EXPECT_TRUE(device.allocate(lane.context, 1));
  EXPECT_EQ(device.memory_of(lane.client), profile.context_bytes + granule);
}

TEST_F(EngineDevice, AMemoryLimitBindsOneClient) {
  const Lane a = add_lane(device);
  const Lane b = add_lane(device);
  device.set_memory_limit(a.client, plain().context_bytes + 4 * plain().memory_granule_bytes);
  EXPECT_TRUE(device.allocate(a.context, 4 * plain().memory_granule_bytes));
  EXPECT_FALSE(device.allocate(a.context, 1));
  EXPECT_TRUE(device.allocate(b.context, uint64_t{1} << 30));
}

TEST_F(EngineDevice, AKilledClientLeavesNothingBehind) {
  const Lane gone = add_lane(device);
  const Lane stays = add_lane(device);
  ASSERT_TRUE(device.allocate(gone.context, uint64_t{1} << 30));
  const OpId running = device.submit(gone.stream, full_kernel(5000), 0, {});
  device.submit(gone.stream, CopyWork{CopyDirection::kHostToDevice, 1'000'000}, 0, {});
  device.submit(stays.stream, WaitWork{running}, 0, {});
  const OpId after = device.submit(stays.stream, full_kernel(100), 0, {});
  device.remove_client(gone.client, at_us(1000));
  device.remove_group(gone.group, at_us(1000));
  run();
  EXPECT_EQ(done_us(after), 1100);
  EXPECT_EQ(log.size(), 2U);
  EXPECT_TRUE(device.done(running));
  EXPECT_EQ(device.memory().used_bytes, plain().context_bytes);
  EXPECT_EQ(device.next_event(), std::nullopt);
}

TEST_F(EngineDevice, AnIllegalAddressBreaksTheContextAlone) {
  const Lane bad = add_lane(device);
  const Lane good = add_lane(device);
  KernelWork fault = full_kernel(100);
  fault.illegal_address = true;
  device.submit(bad.stream, fault, 0, {});
  device.submit(bad.stream, full_kernel(100), 0, {});
  const OpId fine = device.submit(good.stream, full_kernel(100), 0, {});
  run();
  EXPECT_EQ(count(CompletionKind::kFailed), 2);
  EXPECT_EQ(done_us(fine), 200);
  EXPECT_TRUE(device.broken(bad.context));
  EXPECT_FALSE(device.broken(good.context));
  device.submit(bad.stream, full_kernel(100), 0, at_s(11));
  run(at_s(11));
  EXPECT_EQ(count(CompletionKind::kFailed), 3);
}

TEST_F(EngineDevice, AnIllegalAddressBreaksAllClientsOfAnMpsServer) {
  const GroupId mps = device.add_group({});
  const Lane bad = add_lane(device, {}, mps, {.mps = true});
  const Lane other = add_lane(device, {}, mps, {.mps = true});
  KernelWork fault{.blocks = 1, .block_time = from_micros(10), .illegal_address = true};
  device.submit(bad.stream, fault, 0, {});
  const OpId victim = device.submit(other.stream, full_kernel(100), 0, {});
  run();
  EXPECT_TRUE(device.broken(other.context));
  EXPECT_EQ(done_us(victim), -1);
  EXPECT_EQ(count(CompletionKind::kFailed), 2);
}

TEST_F(EngineDevice, ReadingsFollowTheLoad) {
  const Lane lane = add_lane(device);
  const Telemetry idle = device.telemetry(at_s(1));
  EXPECT_EQ(idle.utilization, 0);
  EXPECT_NEAR(idle.power_w, 120, 1e-6);
  const KernelWork half{.blocks = 66, .blocks_per_sm = 1, .block_time = from_micros(2e6)};
  device.submit(lane.stream, half, 0, at_s(1));
  const Telemetry busy = device.telemetry(at_s(2));
  EXPECT_NEAR(busy.utilization, 1, 1e-9);
  EXPECT_NEAR(busy.sm_seconds - idle.sm_seconds, 0.5, 1e-9);
  EXPECT_NEAR(busy.energy_j - idle.energy_j, 120 + 0.5 * 430, 1e-6);
  EXPECT_GT(busy.temperature_c, idle.temperature_c);
  EXPECT_NEAR(device.telemetry(lane.client, at_s(2)).utilization, 1, 1e-9);
  EXPECT_EQ(device.telemetry(lane.client, at_s(2)).busy, from_seconds(1));
  EXPECT_EQ(device.telemetry(at_s(5)).utilization, 0);
}

TEST_F(EngineDevice, MemoryTrafficIsCounted) {
  const Lane lane = add_lane(device);
  KernelWork kernel = full_kernel(100);
  kernel.dram_bytes = 300'000'000;  // three times what fits
  const OpId op = device.submit(lane.stream, kernel, 0, {});
  device.submit(lane.stream, CopyWork{CopyDirection::kHostToDevice, 12'345}, 0, {});
  run(at_s(1));
  EXPECT_NEAR(done_us(op), 300, 0.01);
  const Telemetry after = device.telemetry(at_s(1));
  EXPECT_NEAR(after.dram_bytes, 300e6, 1e4);
  EXPECT_NEAR(after.h2d_bytes, 12'345, 0.01);
}

}  // namespace
}  // namespace corun::simgpu
