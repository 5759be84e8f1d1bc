#include "gpu/telemetry.h"

#include <thread>

#include "gpu/events.h"
#include "tests/gpu/fake_driver.h"

namespace corun::gpu {
namespace {

using std::chrono::milliseconds;

constexpr Instant kStart{1'000'000'000};

TelemetryReader open_reader() {
  return TelemetryReader::open(FakeDriver::nvml(), FakeDriver::gpu(), {}).value();
}

/// Waits until `condition` holds; a test that it never does fails by its time limit.
template <typename Condition>
void wait_until(Condition condition) {
  while (!condition()) std::this_thread::yield();
}

TEST(TelemetryReader, TheFirstReadingHasEveryClocksReadings) {
  const FakeDriver fake;
  auto reader = open_reader();
  const GpuSnapshot snapshot = reader.read(kStart).value();
  EXPECT_EQ(snapshot.at, kStart);
  EXPECT_DOUBLE_EQ(snapshot.utilization_nvml.value_or(-1), 0.87);
  EXPECT_EQ(snapshot.memory_used_bytes, 1073741824U);
  EXPECT_DOUBLE_EQ(snapshot.power_w.value_or(-1), 412.345);
  EXPECT_EQ(snapshot.energy_mj, 123456789U);
  EXPECT_EQ(snapshot.sm_clock_mhz, 1755);
  EXPECT_EQ(snapshot.memory_clock_mhz, 2619);
  EXPECT_EQ(snapshot.temperature_c, 61);
  EXPECT_EQ(snapshot.throttle_reasons, 4U);
  EXPECT_EQ(snapshot.processes.size(), 2U);
}

TEST(TelemetryReader, GpmNeedsTwoSamples) {
  const FakeDriver fake;
  auto reader = open_reader();
  EXPECT_FALSE(reader.read(kStart).value().sm_active);
  const GpuSnapshot snapshot = reader.read(kStart + milliseconds(200)).value();
  EXPECT_DOUBLE_EQ(snapshot.sm_active.value_or(-1), 0.815);
  EXPECT_DOUBLE_EQ(snapshot.sm_occupancy.value_or(-1), 0.4025);
  EXPECT_DOUBLE_EQ(snapshot.tensor_active.value_or(-1), 0.55);
  EXPECT_DOUBLE_EQ(snapshot.dram_active.value_or(-1), 0.33);
  EXPECT_DOUBLE_EQ(snapshot.pcie_tx_mib_s.value_or(-1), 12.5);
  EXPECT_DOUBLE_EQ(snapshot.pcie_rx_mib_s.value_or(-1), 250);
}

TEST(TelemetryReader, AGpmMetricThatIsNotThereIsNothing) {
  const FakeDriver fake("gpm-5 !3\n");
  auto reader = open_reader();
  (void)reader.read(kStart);
  const GpuSnapshot snapshot = reader.read(kStart + milliseconds(200)).value();
  EXPECT_FALSE(snapshot.tensor_active);
  EXPECT_TRUE(snapshot.sm_active);
}

TEST(TelemetryReader, WithoutGpmTheOtherReadingsStand) {
  const FakeDriver fake("nvmlGpmQueryDeviceSupport 0\n");
  auto reader = open_reader();
  (void)reader.read(kStart);
  const GpuSnapshot snapshot = reader.read(kStart + milliseconds(200)).value();
  EXPECT_FALSE(snapshot.sm_active);
  EXPECT_TRUE(snapshot.power_w);
}

TEST(TelemetryReader, BetweenTheSlowClocksTicksOnlyFastReadingsAreMade) {
  const FakeDriver fake;
  auto reader = open_reader();
  (void)reader.read(kStart);
  const GpuSnapshot snapshot = reader.read(kStart + milliseconds(100)).value();
  EXPECT_TRUE(snapshot.power_w);
  EXPECT_FALSE(snapshot.energy_mj);
  EXPECT_FALSE(snapshot.temperature_c);
}

TEST(TelemetryReader, ALateReadingDoesNotShiftTheGrid) {
  const FakeDriver fake;
  auto reader = open_reader();
  (void)reader.read(kStart);
  (void)reader.read(kStart + milliseconds(370));
  EXPECT_EQ(reader.next_due(), kStart + milliseconds(400));
}

TEST(TelemetryReader, AReadingThatIsNotSupportedIsNothingAndNotAskedAgain) {
  FakeDriver fake("nvmlDeviceGetPowerUsage !3\n");
  auto reader = open_reader();
  EXPECT_FALSE(reader.read(kStart).value().power_w);
  fake.set("nvmlDeviceGetPowerUsage 1000\n");
  EXPECT_FALSE(reader.read(kStart + milliseconds(100)).value().power_w);
}

TEST(TelemetryReader, AReadingThatFailedOnceIsAskedAgain) {
  FakeDriver fake("nvmlDeviceGetPowerUsage !999\n");
  auto reader = open_reader();
  EXPECT_FALSE(reader.read(kStart).value().power_w);
  fake.set("nvmlDeviceGetPowerUsage 1000\n");
  EXPECT_TRUE(reader.read(kStart + milliseconds(100)).value().power_w);
}

TEST(TelemetryReader, ALostGpuIsAnError) {
  const FakeDriver fake("nvmlDeviceGetUtilizationRates !15\n");
  auto reader = open_reader();
  const auto snapshot = reader.read(kStart);
  ASSERT_FALSE(snapshot);
  EXPECT_EQ(snapshot.error().text(), "reading the GPU failed: the GPU has fallen off the bus");
}

TEST(Telemetry, SnapshotsAreTakenOnce) {
  const FakeDriver fake;
  auto telemetry = Telemetry::start(FakeDriver::nvml(), FakeDriver::gpu()).value();
  wait_until([&] { return telemetry->latest().has_value(); });
  telemetry->stop();
  EXPECT_FALSE(telemetry->take().empty());
  EXPECT_TRUE(telemetry->take().empty());
  EXPECT_GE(telemetry->cost().readings, 1U);
}

TEST(Telemetry, SnapshotsBeyondTheCapacityReplaceTheOldest) {
  const FakeDriver fake;
  const Telemetry::Options options{.periods = {.fast = milliseconds(1)}, .capacity = 2};
  auto telemetry = Telemetry::start(FakeDriver::nvml(), FakeDriver::gpu(), options).value();
  wait_until([&] { return telemetry->cost().dropped > 0; });
  telemetry->stop();
  const auto kept = telemetry->take();
  ASSERT_EQ(kept.size(), 2U);
  EXPECT_LT(kept[0].at, kept[1].at);
}

TEST(Telemetry, ALostGpuEndsTheSamplingWithTheReason) {
  FakeDriver fake;
  auto telemetry = Telemetry::start(FakeDriver::nvml(), FakeDriver::gpu()).value();
  wait_until([&] { return telemetry->latest().has_value(); });
  EXPECT_FALSE(telemetry->fault());
  fake.set("nvmlDeviceGetUtilizationRates !15\n");
  wait_until([&] { return telemetry->fault().has_value(); });
}

TEST(Telemetry, ACallThatHangsHoldsUpNobody) {
  FakeDriver fake("nvmlDeviceGetPowerUsage hang\n");
  auto telemetry = Telemetry::start(FakeDriver::nvml(), FakeDriver::gpu()).value();
  wait_until([&] { return fake.hanging(); });
  EXPECT_TRUE(telemetry->take().empty());
  EXPECT_FALSE(telemetry->latest());
  telemetry->stop();  // leaves the thread behind after a second
  telemetry.reset();
  fake.set("");
}

TEST(EventWatch, AnXidIsReceived) {
  const FakeDriver fake("nvmlEventSetWait 8 79\n");
  auto watch = EventWatch::start(FakeDriver::nvml(), FakeDriver::gpu()).value();
  ASSERT_TRUE(watch);
  std::vector<GpuEvent> events;
  wait_until([&] { return !(events = watch->take()).empty(); });
  EXPECT_EQ(to_string(events[0]), "XID 79");
}

TEST(EventWatch, WithoutEventsThereIsNoWatch) {
  const FakeDriver fake("nvmlDeviceGetSupportedEventTypes !3\n");
  const auto watch = EventWatch::start(FakeDriver::nvml(), FakeDriver::gpu());
  ASSERT_TRUE(watch);
  EXPECT_FALSE((*watch).has_value());
}

TEST(EventWatch, WhatThisUserMayNotSeeIsNoFailure) {
  const FakeDriver fake("nvmlDeviceRegisterEvents !4\n");
  const auto watch = EventWatch::start(FakeDriver::nvml(), FakeDriver::gpu());
  ASSERT_TRUE(watch);
  EXPECT_FALSE((*watch).has_value());
}

TEST(EventWatch, ARegistrationThatFailsIsAnError) {
  const FakeDriver fake("nvmlDeviceRegisterEvents !15\n");
  EXPECT_FALSE(EventWatch::start(FakeDriver::nvml(), FakeDriver::gpu()));
}

TEST(EventWatch, FaultsOfApplicationsAreNotTheDevices) {
  for (const uint64_t xid : {13U, 31U, 43U}) EXPECT_FALSE(xid_concerns_device(xid));
  for (const uint64_t xid : {48U, 79U, 119U}) EXPECT_TRUE(xid_concerns_device(xid));
}

}  // namespace
}  // namespace corun::gpu
