#include "monitoring/gpu_watch.h"

#include <thread>

#include "tests/gpu/fake_driver.h"

namespace corun::monitoring {
namespace {

using gpu::FakeDriver;

/// Takes readings until one fits; a test for which none does fails by its time limit.
template <typename Fits>
GpuReading wait_reading(GpuWatch& watch, Fits fits, Nanos ahead = {}) {
  while (true) {
    GpuReading reading = watch.take(monotonic_now() + ahead);
    if (fits(reading)) return reading;
    std::this_thread::yield();
  }
}

TEST(GpuWatch, ReadsAGpu) {
  const FakeDriver fake;
  GpuWatch watch(FakeDriver::nvml(), FakeDriver::gpu(), 50);
  const GpuReading reading =
      wait_reading(watch, [](const GpuReading& r) { return !r.telemetry.empty(); });
  EXPECT_EQ(reading.telemetry[0].utilization_nvml, 0.87);
  EXPECT_EQ(reading.telemetry[0].memory_utilization, 0.4);
  EXPECT_TRUE(reading.telemetry[0].processes_read);
  EXPECT_EQ(reading.compute_mode, "default");
  EXPECT_FALSE(reading.error);
}

TEST(GpuWatch, ALostGpuIsAnError) {
  FakeDriver fake;
  GpuWatch watch(FakeDriver::nvml(), FakeDriver::gpu(), 50);
  wait_reading(watch, [](const GpuReading& r) { return !r.telemetry.empty(); });
  fake.set("nvmlDeviceGetUtilizationRates !15\n");
  const GpuReading lost =
      wait_reading(watch, [](const GpuReading& r) { return r.error.has_value(); });
  EXPECT_NE(lost.error->find("fallen off the bus"), std::string::npos);
}

TEST(GpuWatch, ACallThatHangsIsAnErrorAndHoldsUpNobody) {
  FakeDriver fake("nvmlDeviceGetPowerUsage hang\n");
  {
    GpuWatch watch(FakeDriver::nvml(), FakeDriver::gpu(), 50);
    while (!fake.hanging()) std::this_thread::yield();
    EXPECT_FALSE(watch.take(monotonic_now()).error);
    const GpuReading reading = watch.take(monotonic_now() + std::chrono::seconds(10));
    EXPECT_EQ(reading.error, "NVML does not answer");
  }  // leaves the thread behind after a second
  fake.set("");
}

TEST(GpuWatch, MigInstancesAreListed) {
  const FakeDriver fake(
      "nvmlDeviceGetMigMode 1\nnvmlDeviceGetMaxMigDeviceCount 7\n"
      "nvmlDeviceGetMigDeviceHandleByIndex 2\nnvmlDeviceGetGpuInstanceById 0\n"
      "nvmlDeviceGetName NVIDIA H100 80GB HBM3 MIG 1g.10gb\n");
  GpuWatch watch(FakeDriver::nvml(), FakeDriver::gpu(), 50);
  const GpuReading reading =
      wait_reading(watch, [](const GpuReading& r) { return r.mig.has_value(); });
  EXPECT_TRUE(reading.mig->enabled);
  EXPECT_EQ(reading.mig->slots, 7);
  ASSERT_EQ(reading.mig->instances.size(), 2U);
  const MigInstance& second = reading.mig->instances[1];
  EXPECT_EQ(second.gpu_instance, 11);
  EXPECT_EQ(second.compute_instance, 21);
  EXPECT_EQ(second.profile, "1g.10gb");
  EXPECT_EQ(second.start, 2);
  EXPECT_EQ(second.size, 2);
}

TEST(GpuWatch, APlacementThatMayNotBeSeenIsNothing) {
  const FakeDriver fake(
      "nvmlDeviceGetMigMode 1\nnvmlDeviceGetMaxMigDeviceCount 7\n"
      "nvmlDeviceGetMigDeviceHandleByIndex 1\nnvmlDeviceGetGpuInstanceById !4\n");
  GpuWatch watch(FakeDriver::nvml(), FakeDriver::gpu(), 50);
  const GpuReading reading =
      wait_reading(watch, [](const GpuReading& r) { return r.mig.has_value(); });
  ASSERT_EQ(reading.mig->instances.size(), 1U);
  EXPECT_EQ(reading.mig->instances[0].start, std::nullopt);
  EXPECT_EQ(reading.mig->instances[0].profile, "");
}

TEST(GpuWatch, AnXidIsTold) {
  const FakeDriver fake("nvmlEventSetWait 8 79\n");
  GpuWatch watch(FakeDriver::nvml(), FakeDriver::gpu(), 50);
  const GpuReading reading =
      wait_reading(watch, [](const GpuReading& r) { return !r.events.empty(); });
  EXPECT_EQ(reading.events[0].xid, 79U);
}

}  // namespace
}  // namespace corun::monitoring
