// The drop-in NVML in this process, beside a client that keeps the GPU busy.
#include "core/abi/nvml.h"

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>

#include "tests/simgpu_node/node_fixture.h"

namespace corun::simgpu::testing {
namespace {

using nvml::Code;

/// The busy client keeps the GPU full while it has a processor; these tests may take it away.
constexpr unsigned kBusyPercent = 80;

class Nvml : public ::testing::Test, public nvml::Functions {
 public:
  void SetUp() override {
    setenv("CORUN_SIM_NODE", node_.path().c_str(), 1);
    const std::string path = SimulatedNode::program("libnvidia-ml.so.1");
    void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    ASSERT_NE(library, nullptr) << dlerror();
#define CORUN_TEST_LOOK_UP(name, symbol, need, parameters)          \
  name = reinterpret_cast<decltype(name)>(dlsym(library, #symbol)); \
  ASSERT_NE(name, nullptr) << #symbol;
    CORUN_NVML_FUNCTIONS(CORUN_TEST_LOOK_UP)
#undef CORUN_TEST_LOOK_UP
    ASSERT_EQ(nvmlInit(), Code::kSuccess);
    ASSERT_EQ(nvmlDeviceGetHandleByIndex(0, &device_), Code::kSuccess);
  }
  void TearDown() override { nvmlShutdown(); }

  /// Waits until NVML tells of a busy GPU: its figures are of the last whole sampling period.
  nvml::Utilization wait_until_busy() {
    nvml::Utilization rates{};
    const Instant deadline = monotonic_now() + kPatience;
    while (rates.gpu < kBusyPercent && monotonic_now() < deadline) {
      nvmlDeviceGetUtilizationRates(device_, &rates);
    }
    return rates;
  }

  SimulatedNode node_;
  nvml::DeviceHandle device_ = nullptr;
};

TEST_F(Nvml, ReadingsFollowTheLoad) {
  nvml::Utilization idle{};
  unsigned idle_mw = 0;
  ASSERT_EQ(nvmlDeviceGetUtilizationRates(device_, &idle), Code::kSuccess);
  ASSERT_EQ(nvmlDeviceGetPowerUsage(device_, &idle_mw), Code::kSuccess);
  EXPECT_EQ(idle.gpu, 0u);
  Lines client = node_.client({"busy", "64"});
  ASSERT_EQ(client.next(), "holding");
  EXPECT_GE(wait_until_busy().gpu, kBusyPercent);
  unsigned busy_mw = 0;
  uint64_t energy = 0;
  EXPECT_EQ(nvmlDeviceGetPowerUsage(device_, &busy_mw), Code::kSuccess);
  EXPECT_EQ(nvmlDeviceGetTotalEnergyConsumption(device_, &energy), Code::kSuccess);
  EXPECT_GT(busy_mw, idle_mw);
  EXPECT_GT(energy, 0u);
}

TEST_F(Nvml, MemoryIsToldAsItIsNow) {
  nvml::Memory before{};
  nvml::Memory held{};
  ASSERT_EQ(nvmlDeviceGetMemoryInfo(device_, &before), Code::kSuccess);
  Lines client = node_.client({"hold", "64"});
  ASSERT_EQ(client.next(), "holding");
  nvml::Utilization rates{};  // whose reading may serve others for a moment
  ASSERT_EQ(nvmlDeviceGetUtilizationRates(device_, &rates), Code::kSuccess);
  ASSERT_EQ(nvmlDeviceGetMemoryInfo(device_, &held), Code::kSuccess);
  EXPECT_GE(held.used, before.used + (64U << 20));
  EXPECT_EQ(nvmlDeviceGetMemoryInfo(device_, nullptr), Code::kInvalidArgument);
}

TEST_F(Nvml, AReadingServesForAMomentOnly) {
  Lines client = node_.client({"busy", "64"});
  ASSERT_EQ(client.next(), "holding");
  wait_until_busy();
  uint64_t first = 0;
  uint64_t later = 0;
  ASSERT_EQ(nvmlDeviceGetTotalEnergyConsumption(device_, &first), Code::kSuccess);
  const Instant deadline = monotonic_now() + kPatience;
  do {
    ASSERT_EQ(nvmlDeviceGetTotalEnergyConsumption(device_, &later), Code::kSuccess);
  } while (later == first && monotonic_now() < deadline);
  EXPECT_GT(later, first);
}

TEST_F(Nvml, TheBusyProcessIsNamedWithItsUse) {
  Lines client = node_.client({"busy", "64"});
  ASSERT_EQ(client.next(), "holding");
  wait_until_busy();
  std::array<nvml::ProcessUtilization, 8> samples;
  auto count = static_cast<unsigned>(samples.size());
  ASSERT_EQ(nvmlDeviceGetProcessUtilization(device_, samples.data(), &count, 0), Code::kSuccess);
  ASSERT_EQ(count, 1u);
  EXPECT_EQ(samples[0].pid, static_cast<unsigned>(client.process().pid()));
  EXPECT_GE(samples[0].sm, kBusyPercent);
}

TEST_F(Nvml, AListThatDoesNotFitTellsItsSize) {
  Lines client = node_.client({"hold", "64"});
  ASSERT_EQ(client.next(), "holding");
  unsigned count = 0;
  EXPECT_EQ(nvmlDeviceGetComputeRunningProcesses(device_, &count, nullptr),
            Code::kInsufficientSize);
  EXPECT_EQ(count, 1u);
}

TEST_F(Nvml, GpmGivesTheShareOfBusySmsAndRefusesWhatIsNotModelled) {
  Lines client = node_.client({"busy", "64"});
  ASSERT_EQ(client.next(), "holding");
  wait_until_busy();
  nvml::GpmMetricsGet metrics{};
  ASSERT_EQ(nvmlGpmSampleAlloc(&metrics.first), Code::kSuccess);
  ASSERT_EQ(nvmlGpmSampleAlloc(&metrics.second), Code::kSuccess);
  ASSERT_EQ(nvmlGpmSampleGet(device_, metrics.first), Code::kSuccess);
  wait_until_busy();
  ASSERT_EQ(nvmlGpmSampleGet(device_, metrics.second), Code::kSuccess);
  metrics.version = nvml::kGpmVersion;
  metrics.count = 2;
  metrics.metrics[0].id = nvml::GpmMetricId::kSmUtil;
  metrics.metrics[1].id = nvml::GpmMetricId::kTensorUtil;
  ASSERT_EQ(nvmlGpmMetricsGet(&metrics), Code::kSuccess);
  EXPECT_EQ(metrics.metrics[0].code, Code::kSuccess);
  EXPECT_GE(metrics.metrics[0].value, kBusyPercent);
  EXPECT_LE(metrics.metrics[0].value, 100 + 1e-6);
  EXPECT_EQ(metrics.metrics[1].code, Code::kNotSupported);
  nvmlGpmSampleFree(metrics.first);
  nvmlGpmSampleFree(metrics.second);
}

TEST_F(Nvml, MigIsDisabledOnAnH100) {
  unsigned current = 9;
  unsigned pending = 9;
  EXPECT_EQ(nvmlDeviceGetMigMode(device_, &current, &pending), Code::kSuccess);
  EXPECT_EQ(current, nvml::kMigDisabled);
}

}  // namespace
}  // namespace corun::simgpu::testing
