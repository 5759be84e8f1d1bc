#include "gpu/inventory.h"

#include "core/environment.h"
#include "tests/gpu/fake_driver.h"

namespace corun::gpu {
namespace {

TEST(Inventory, AGpuHasTheFactsOfBothLibraries) {
  const FakeDriver fake;
  const auto gpus = list_gpus(FakeDriver::files());
  ASSERT_TRUE(gpus) << gpus.error().text();
  ASSERT_EQ((*gpus).size(), 1U);
  const GpuInfo& gpu = (*gpus)[0];
  EXPECT_EQ(gpu.name, "NVIDIA H100 80GB HBM3");
  EXPECT_EQ(gpu.uuid, "GPU-1b4e28ba-2fa1-11d2-883f-0016d3cca427");
  EXPECT_EQ(gpu.pci_bus_id, "00000000:1B:00.0");
  EXPECT_EQ(gpu.driver, "580.159.04");
  EXPECT_EQ(gpu.cuda, "13.0");
  EXPECT_EQ(gpu.compute_major, 9);
  EXPECT_EQ(gpu.sm_count, 132);
  EXPECT_EQ(gpu.memory_bytes, 84978434048U);
  EXPECT_EQ(gpu.max_sm_clock_mhz, 1980);
  EXPECT_DOUBLE_EQ(gpu.power_limit_w.value_or(0), 700.0);
  EXPECT_EQ(gpu.compute_mode, "default");
  EXPECT_EQ(gpu.mig_mode, "disabled");
  EXPECT_FALSE(gpu.simulated);
}

TEST(Inventory, NvmlIsMatchedByPciBusWhenItHasAnotherUuid) {
  const FakeDriver fake("nvmlDeviceGetUUID GPU-of-another-form\n");
  EXPECT_DOUBLE_EQ(FakeDriver::gpu().power_limit_w.value_or(0), 700.0);
}

TEST(Inventory, AGpuThatNvmlDoesNotKnowKeepsWhatCudaTells) {
  const FakeDriver fake("nvmlDeviceGetUUID GPU-x\nnvmlDeviceGetPciInfo 00000000:FF:00.0\n");
  const GpuInfo gpu = FakeDriver::gpu();
  EXPECT_FALSE(gpu.power_limit_w);
  EXPECT_EQ(gpu.max_sm_clock_mhz, 1980);
}

TEST(Inventory, WhatNvmlDoesNotSupportIsNothing) {
  const FakeDriver fake("nvmlDeviceGetEnforcedPowerLimit !3\nnvmlDeviceGetMigMode !3\n");
  const GpuInfo gpu = FakeDriver::gpu();
  EXPECT_FALSE(gpu.power_limit_w);
  EXPECT_EQ(gpu.mig_mode, "not-supported");
}

TEST(Inventory, ExclusiveProcessModeIsTold) {
  const FakeDriver fake("nvmlDeviceGetComputeMode 3\n");
  EXPECT_EQ(FakeDriver::gpu().compute_mode, "exclusive-process");
}

TEST(Inventory, AStrayMpsDaemonIsNotJoined) {
  const FakeDriver fake("stray-mps-daemon /tmp/stray\n");
  setenv("CUDA_MPS_PIPE_DIRECTORY", "/tmp/stray", 1);
  EXPECT_FALSE(FakeDriver::driver()->init());
  EXPECT_TRUE(list_gpus(FakeDriver::files()));
  EXPECT_EQ(environment("CUDA_MPS_PIPE_DIRECTORY"), "/tmp/stray");
  unsetenv("CUDA_MPS_PIPE_DIRECTORY");
}

TEST(Inventory, AStrayMpsDaemonAtTheDefaultDirectoryIsNotJoined) {
  const FakeDriver fake("stray-mps-daemon /tmp/stray\n");
  EXPECT_FALSE(FakeDriver::driver()->init());
  EXPECT_TRUE(list_gpus(FakeDriver::files()));
  EXPECT_FALSE(environment("CUDA_MPS_PIPE_DIRECTORY"));
}

TEST(Inventory, NvmlThatCannotStartIsUnsupported) {
  const FakeDriver fake("nvmlInit !9\n");
  const auto gpus = list_gpus(FakeDriver::files());
  ASSERT_FALSE(gpus);
  EXPECT_EQ(gpus.error().kind, ErrorKind::kUnsupported);
  EXPECT_EQ(gpus.error().what, "NVML cannot start: the NVIDIA kernel driver is not loaded");
}

TEST(Inventory, BusIdsHaveOneForm) {
  EXPECT_EQ(normal_pci_bus_id("0000:1b:00.0"), "00000000:1B:00.0");
  EXPECT_EQ(normal_pci_bus_id("00000000:1B:00.0"), "00000000:1B:00.0");
  EXPECT_EQ(normal_pci_bus_id("0"), "0");
}

TEST(Inventory, AGpuIsFoundByIndexUuidAndBus) {
  const FakeDriver fake;
  const std::vector<GpuInfo> gpus{FakeDriver::gpu()};
  EXPECT_TRUE(find_gpu(gpus, "0"));
  EXPECT_TRUE(find_gpu(gpus, "GPU-1b4e28ba-2fa1-11d2-883f-0016d3cca427"));
  EXPECT_TRUE(find_gpu(gpus, "0000:1b:00.0"));
}

TEST(Inventory, AnUnknownGpuListsThoseThatAreThere) {
  const FakeDriver fake;
  const std::vector<GpuInfo> gpus{FakeDriver::gpu()};
  const auto found = find_gpu(gpus, "7");
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().text(),
            "no GPU '7' on this node; use one of 0 (NVIDIA H100 80GB HBM3, "
            "GPU-1b4e28ba-2fa1-11d2-883f-0016d3cca427)");
}

}  // namespace
}  // namespace corun::gpu
