#include "gpu/processes.h"

#include "tests/gpu/fake_driver.h"

namespace corun::gpu {
namespace {

std::vector<GpuProcess> read_once(const std::string& lines) {
  const FakeDriver fake(lines);
  const auto nvml = FakeDriver::nvml();
  const GpuInfo gpu = FakeDriver::gpu();
  ProcessList list(*nvml, nvml->device_by_uuid(gpu.uuid).value(), gpu.memory_bytes);
  return list.read().value();
}

TEST(Processes, MemoryAndUtilizationBelongToTheirProcess) {
  const auto processes = read_once("");
  ASSERT_EQ(processes.size(), 2U);
  EXPECT_EQ(processes[0].pid, 4242);
  EXPECT_EQ(processes[0].memory_bytes, 2147483648U);
  EXPECT_DOUBLE_EQ(processes[0].sm_utilization.value_or(-1), 0.75);
  EXPECT_FALSE(processes[0].mps_client);
}

TEST(Processes, MemoryThatTheDriverDoesNotTellIsNothing) {
  EXPECT_FALSE(read_once("")[1].memory_bytes);
}

TEST(Processes, MemoryBeyondTheGpusIsNothing) {
  EXPECT_FALSE(
      read_once("nvmlDeviceGetComputeRunningProcesses 7:99999999999999\n")[0].memory_bytes);
}

TEST(Processes, AListLongerThanTheBufferIsReadAgain) {
  std::string line = "nvmlDeviceGetComputeRunningProcesses";
  for (int pid = 1; pid <= 200; ++pid) line += " " + std::to_string(pid) + ":1024";
  EXPECT_EQ(read_once(line + "\n").size(), 200U);
}

TEST(Processes, AnMpsClientIsListedOnceAndMarked) {
  const auto processes = read_once(
      "nvmlDeviceGetComputeRunningProcesses 10:4096 11:4096\n"
      "nvmlDeviceGetMPSComputeRunningProcesses 11:8192\n");
  ASSERT_EQ(processes.size(), 2U);
  EXPECT_FALSE(processes[0].mps_client);
  EXPECT_TRUE(processes[1].mps_client);
  EXPECT_EQ(processes[1].memory_bytes, 8192U);
}

TEST(Processes, WithoutMpsSupportTheComputeListStands) {
  EXPECT_EQ(read_once("nvmlDeviceGetMPSComputeRunningProcesses !3\n").size(), 2U);
}

TEST(Processes, NotFoundMeansIdle) {
  EXPECT_DOUBLE_EQ(read_once("nvmlDeviceGetProcessUtilization !6\n")[0].sm_utilization.value_or(-1),
                   0.0);
}

TEST(Processes, UnsupportedUtilizationIsNothing) {
  EXPECT_FALSE(read_once("nvmlDeviceGetProcessUtilization !3\n")[0].sm_utilization);
}

TEST(Processes, AbsurdUtilizationIsDropped) {
  EXPECT_DOUBLE_EQ(
      read_once("nvmlDeviceGetProcessUtilization 4242:4294967295\n")[0].sm_utilization.value_or(-1),
      0.0);
}

TEST(Processes, ASampleThatWasSeenBeforeIsDropped) {
  const FakeDriver fake("sample-time 99999999999999999\n");
  const auto nvml = FakeDriver::nvml();
  const GpuInfo gpu = FakeDriver::gpu();
  ProcessList list(*nvml, nvml->device_by_uuid(gpu.uuid).value(), gpu.memory_bytes);
  EXPECT_DOUBLE_EQ(list.read().value()[0].sm_utilization.value_or(-1), 0.75);
  EXPECT_DOUBLE_EQ(list.read().value()[0].sm_utilization.value_or(-1), 0.0);
}

TEST(Processes, ALostGpuIsAnError) {
  const FakeDriver fake("nvmlDeviceGetComputeRunningProcesses !15\n");
  const auto nvml = FakeDriver::nvml();
  const GpuInfo gpu = FakeDriver::gpu();
  ProcessList list(*nvml, nvml->device_by_uuid(gpu.uuid).value(), gpu.memory_bytes);
  const auto processes = list.read();
  ASSERT_FALSE(processes);
  EXPECT_EQ(processes.error().text(),
            "nvmlDeviceGetComputeRunningProcesses failed: the GPU has fallen off the bus");
}

struct ForeignCase {
  std::string name;
  std::vector<int> on_gpu;
  std::vector<int> ours;
  bool host_namespace;
  std::vector<int> foreign;
  int unresolved;
};

class Foreign : public testing::TestWithParam<ForeignCase> {};

TEST_P(Foreign, IsTold) {
  std::vector<GpuProcess> on_gpu;
  for (const int pid : GetParam().on_gpu) on_gpu.emplace_back().pid = pid;
  const auto found =
      find_foreign(on_gpu, GetParam().ours, {.host_namespace = GetParam().host_namespace});
  EXPECT_EQ(found.pids, GetParam().foreign);
  EXPECT_EQ(found.unresolved, GetParam().unresolved);
}

INSTANTIATE_TEST_SUITE_P(
    Table, Foreign,
    testing::Values(ForeignCase{"NobodyIsThere", {}, {1}, true, {}, 0},
                    ForeignCase{"OnlyOurs", {5, 6}, {5, 6, 7}, true, {}, 0},
                    ForeignCase{"AStranger", {5, 9}, {5}, true, {9}, 0},
                    ForeignCase{"EverybodyWhileWeRunNothing", {5, 9}, {}, false, {5, 9}, 0},
                    ForeignCase{"TheDriverSpeaksOurNamespace", {5, 9}, {5, 6}, false, {9}, 0},
                    ForeignCase{"AsManyHostPidsAsOurs", {1005, 1006}, {5, 6}, false, {}, 0},
                    ForeignCase{"MoreHostPidsThanOurs", {1005, 1006, 1007}, {5}, false, {}, 2}),
    [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace corun::gpu
