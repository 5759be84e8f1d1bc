#include "monitoring/process_looks.h"

#include <gtest/gtest.h>

namespace corun::monitoring {
namespace {

using Pids = std::vector<int>;

/// A node of two GPUs, whose lists come when a test says so.
class ProcessLooksTest : public testing::Test {
 protected:
  ProcessLooksTest() {
    readings_.now = {1'000'000'000};
    readings_.gpus.resize(2);
    readings_.gpus[0].info.uuid = "GPU-0";
    readings_.gpus[1].info.uuid = "GPU-1";
  }
  void list(size_t gpu, const Pids& pids) {
    GpuSnapshot snapshot;
    snapshot.processes_read = true;
    for (const int pid : pids) snapshot.processes.emplace_back().pid = pid;
    readings_.gpus[gpu].telemetry.push_back(std::move(snapshot));
  }
  void session(int pid) {
    if (readings_.daemons.empty()) {
      readings_.daemons.emplace_back().status.workloads.emplace_back();
    }
    readings_.daemons[0].status.workloads[0].sessions.emplace_back().pid = pid;
  }
  std::optional<Pids> cycle() {
    auto due = looks_.due(readings_);
    readings_.now = readings_.now + std::chrono::milliseconds(100);
    for (GpuReading& gpu : readings_.gpus) gpu.telemetry.clear();
    return due;
  }

  Readings readings_;
  ProcessLooks looks_;
};

TEST_F(ProcessLooksTest, AListIsLookedUpAsItComesAndNoOther) {
  list(0, {10, 11});
  list(1, {20});
  EXPECT_EQ(cycle(), (Pids{10, 11, 20}));
  EXPECT_EQ(cycle(), std::nullopt);
  readings_.gpus[1].telemetry.emplace_back();  // readings without a list
  EXPECT_EQ(cycle(), std::nullopt);
  list(1, {20, 21});
  EXPECT_EQ(cycle(), (Pids{20, 21}));
  EXPECT_EQ(looks_.wanted(), (std::set<int>{10, 11, 20, 21}));
}

TEST_F(ProcessLooksTest, OfTwoListsTheNewestCounts) {
  list(0, {10, 11});
  list(0, {11, 12});
  EXPECT_EQ(cycle(), (Pids{11, 12}));
  EXPECT_EQ(looks_.wanted(), (std::set<int>{11, 12}));
}

TEST_F(ProcessLooksTest, AnEmptyListIsNewsToo) {
  list(0, {10});
  cycle();
  list(0, {});
  EXPECT_EQ(cycle(), Pids{});
  EXPECT_TRUE(looks_.wanted().empty());
}

TEST_F(ProcessLooksTest, SessionsAreLookedUpWhenTheyComeAndOnceASecond) {
  cycle();
  session(30);
  EXPECT_EQ(cycle(), Pids{30});
  session(31);
  EXPECT_EQ(cycle(), Pids{31});
  for (int i = 3; i < 10; ++i) EXPECT_EQ(cycle(), std::nullopt) << i;
  EXPECT_EQ(cycle(), (Pids{30, 31}));
  readings_.daemons.clear();
  EXPECT_EQ(cycle(), Pids{});
  EXPECT_TRUE(looks_.wanted().empty());
}

}  // namespace
}  // namespace corun::monitoring
