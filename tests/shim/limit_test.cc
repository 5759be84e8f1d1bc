// The memory limit over every allocator.
#include <gtest/gtest.h>

#include "tests/shim/fake_daemon.h"
#include "tests/shim/workload.h"

namespace corun::shim {
namespace {

using testing::FakeDaemon;
using testing::Manner;
using testing::Workload;

constexpr uint64_t kMiB = uint64_t{1} << 20;

class LimitTest : public ::testing::TestWithParam<std::string> {
 protected:
  LimitTest() {
    daemon.memory_limit = 64 * kMiB;
    workload = std::make_unique<Workload>(
        Workload::Options{.environment = {{"CORUN_RUN_DIR", daemon.run_dir()}}});
    workload->ask("start");
    page = daemon.session(0);
  }
  std::string alloc(uint64_t bytes) {
    return workload->ask("alloc " + GetParam() + " " + std::to_string(bytes));
  }
  uint64_t used() const { return page->counters.memory_bytes.load(); }

  FakeDaemon daemon;
  std::unique_ptr<Workload> workload;
  wire::SessionPage* page = nullptr;
};

TEST_P(LimitTest, FillsTheLimitExactlyAndRefusesTheNextGranule) {
  ASSERT_NE(page, nullptr);
  EXPECT_EQ(alloc(60 * kMiB), "0");
  EXPECT_EQ(alloc(4 * kMiB), "0");
  EXPECT_EQ(used(), 64 * kMiB);
  EXPECT_EQ(alloc(4096), "2");
  EXPECT_EQ(page->counters.refusals.load(), 1U);
  EXPECT_EQ(used(), 64 * kMiB);
}

TEST_P(LimitTest, WhatIsGivenBackCanBeHadAgain) {
  ASSERT_NE(page, nullptr);
  EXPECT_EQ(alloc(64 * kMiB), "0");
  EXPECT_EQ(workload->ask("free " + GetParam() + " 0"), "0");
  EXPECT_EQ(used(), 0U);
  EXPECT_EQ(alloc(64 * kMiB), "0");
  EXPECT_EQ(page->counters.memory_peak_bytes.load(), 64 * kMiB);
}

TEST_P(LimitTest, WhatTheDriverRefusedIsNotCounted) {
  ASSERT_NE(page, nullptr);
  workload->ask("fail-next");
  EXPECT_EQ(alloc(8 * kMiB), "2");
  EXPECT_EQ(used(), 0U);
  EXPECT_EQ(page->counters.refusals.load(), 0U);
}

INSTANTIATE_TEST_SUITE_P(Allocators, LimitTest,
                         ::testing::Values("plain", "pitch", "managed", "async", "pool", "create",
                                           "array", "array3d", "mipmapped", "external"),
                         [](const auto& test) { return test.param; });

class MemoryTest : public ::testing::Test {
 protected:
  explicit MemoryTest(uint64_t limit = 64 * kMiB) {
    daemon.memory_limit = limit;
    workload = std::make_unique<Workload>(
        Workload::Options{.environment = {{"CORUN_RUN_DIR", daemon.run_dir()}}});
    workload->ask("start");
    page = daemon.session(0);
  }
  FakeDaemon daemon;
  std::unique_ptr<Workload> workload;
  wire::SessionPage* page = nullptr;
};

TEST_F(MemoryTest, MemoryInfoAnswersWithinTheLimit) {
  EXPECT_EQ(workload->ask("info"), "67108864 67108864");
  workload->ask("alloc plain 16777216");
  EXPECT_EQ(workload->ask("info"), "50331648 67108864");
}

TEST_F(MemoryTest, FreeMemoryNeverWraps) {
  workload->ask("alloc plain 16777216");
  page->orders.memory_limit_bytes = kMiB;  // lowered below what is in use
  EXPECT_EQ(workload->ask("info"), "0 1048576");
}

TEST_F(MemoryTest, NullPointersReachTheDriver) {
  EXPECT_EQ(workload->ask("info-null"), "0");
  EXPECT_EQ(workload->ask("calls cuMemGetInfo_v2"), "1");
}

TEST_F(MemoryTest, FreesOfUnknownAddressesPass) {
  workload->ask("alloc host-create 4096");  // nothing that is counted
  EXPECT_EQ(workload->ask("free plain 0"), "0");
  EXPECT_EQ(page->counters.memory_bytes.load(), 0U);
}

TEST_F(MemoryTest, HostMemoryOfTheVirtualMemoryCallsIsNotCounted) {
  EXPECT_EQ(workload->ask("alloc host-create 1073741824"), "0");
  EXPECT_EQ(page->counters.memory_bytes.load(), 0U);
}

TEST_F(MemoryTest, PhysicalMemoryIsCountedInGranules) {
  EXPECT_EQ(workload->ask("alloc create 1"), "0");
  EXPECT_EQ(page->counters.memory_bytes.load(), 2 * kMiB);
}

TEST_F(MemoryTest, MemoryOfAnotherProcessIsCountedOnce) {
  EXPECT_EQ(workload->ask("alloc ipc 1"), "0");
  EXPECT_EQ(workload->ask("alloc ipc 1"), "0");
  EXPECT_EQ(page->counters.memory_bytes.load(), kMiB);
  workload->ask("free ipc 0");
  EXPECT_EQ(page->counters.memory_bytes.load(), kMiB);
  workload->ask("free ipc 1");
  EXPECT_EQ(page->counters.memory_bytes.load(), 0U);
}

TEST_F(MemoryTest, TheLimitStaysWhenTheDaemonDies) {
  daemon.set_manner(Manner::kRefuse);
  daemon.hang_up();
  ASSERT_TRUE(workload->becomes("present", "0"));
  EXPECT_EQ(workload->ask("alloc plain 67108864"), "0");
  EXPECT_EQ(workload->ask("alloc plain 1"), "2");
}

TEST_F(MemoryTest, NvmlAgreesWithTheLimit) {
  workload->ask("alloc plain 16777216");
  EXPECT_EQ(workload->ask("nvml " SHIM_FILES), "67108864 50331648 16777216");
  EXPECT_EQ(workload->ask("nvml2 " SHIM_FILES), "67108864 50331648 16777216 0");
}

/// nvidia-smi in the workload's container.
TEST(NvmlAlone, ShowsTheLimitOfTheEnvironmentWhereADaemonGoverns) {
  FakeDaemon daemon;
  Workload workload(
      {.environment = {{"CORUN_RUN_DIR", daemon.run_dir()}, {"CORUN_MEMORY", "4294967296"}}});
  EXPECT_EQ(workload.ask("nvml " SHIM_FILES), "4294967296 1073741824 3221225472");
  EXPECT_EQ(daemon.connections(), 0U);
}

TEST(NvmlAlone, IsLeftAloneWithoutADaemon) {
  Workload workload(
      {.environment = {{"CORUN_RUN_DIR", "/nonexistent"}, {"CORUN_MEMORY", "4294967296"}}});
  EXPECT_EQ(workload.ask("nvml " SHIM_FILES), "8589934592 5368709120 3221225472");
}

class UnlimitedTest : public MemoryTest {
 protected:
  UnlimitedTest() : MemoryTest(0) {}
};

TEST_F(UnlimitedTest, WithoutALimitAllIsCountedAndNothingRefused) {
  EXPECT_EQ(workload->ask("alloc plain 7516192768"), "0");
  EXPECT_EQ(page->counters.memory_bytes.load(), 7516192768U);
  EXPECT_EQ(workload->ask("info"), "8589934592 8589934592");
}

}  // namespace
}  // namespace corun::shim
