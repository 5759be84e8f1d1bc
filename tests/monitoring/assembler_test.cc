#include "monitoring/assembler.h"

#include <gtest/gtest.h>

namespace corun::monitoring {
namespace {

constexpr double kUnix = 1.8e9;
const std::string kGpuId = "GPU-1";

Nanos ms(int64_t value) { return std::chrono::milliseconds(value); }

/// A node with one GPU, cycle by cycle.
class AssemblerTest : public testing::Test {
 protected:
  AssemblerTest() {
    readings_.now = Instant{5'000'000'000};
    readings_.unix_now = kUnix;
    GpuReading gpu;
    gpu.info.uuid = kGpuId;
    gpu.info.memory_bytes = 1000;
    gpu.info.compute_mode = "default";
    readings_.gpus.push_back(gpu);
  }
  GpuReading& gpu() { return readings_.gpus[0]; }
  void read(std::optional<double> utilization) {
    GpuSnapshot snapshot;
    snapshot.at = readings_.now;
    snapshot.utilization_nvml = utilization;
    gpu().telemetry.push_back(snapshot);
  }
  DaemonReading& daemon(int pid, double gpu_seconds) {
    readings_.daemons.resize(1);
    DaemonReading& daemon = readings_.daemons[0];
    daemon.gpu = kGpuId;
    daemon.at = readings_.now;
    daemon.status.pid = pid;
    daemon.status.backend = "slices";
    daemon.status.workloads.resize(1);
    auto& workload = daemon.status.workloads[0];
    workload.name = "train";
    workload.user = 1000;
    workload.state = "running";
    workload.sessions.resize(1);
    workload.sessions[0].pid = 42;
    workload.figures = {{"gpu_seconds", gpu_seconds, client::Label::kMeasured}};
    return daemon;
  }
  /// The cycle's news; the next one is `step` later.
  News cycle(Nanos step = ms(100)) {
    News news = assembler_.assemble(readings_);
    readings_.now = readings_.now + step;
    readings_.unix_now += to_seconds(step);
    gpu().telemetry.clear();
    gpu().events.clear();
    for (DaemonReading& daemon : readings_.daemons) {
      daemon.slices.clear();
      daemon.events.clear();
    }
    return news;
  }
  static std::vector<std::string> kinds(const News& news) {
    std::vector<std::string> all;
    for (const Event& event : news.events) all.push_back(event.kind + ": " + event.text);
    return all;
  }

  Assembler assembler_{Node{}};
  Readings readings_;
};

TEST_F(AssemblerTest, AReadingStandsUntilItIsStale) {
  read(0.5);
  EXPECT_EQ(cycle().snapshot->gpus[0].utilization, 0.5);
  EXPECT_EQ(cycle(ms(4000)).snapshot->gpus[0].utilization, 0.5);
  EXPECT_EQ(cycle().snapshot->gpus[0].utilization, std::nullopt);
}

TEST_F(AssemblerTest, ALostGpuIsToldOnceAndHasNoReadings) {
  read(0.5);
  cycle();
  gpu().error = "GPU is lost";
  const News lost = cycle();
  EXPECT_EQ(lost.snapshot->gpus[0].utilization, std::nullopt);
  EXPECT_EQ(lost.snapshot->node.collector.errors, std::vector<std::string>{"GPU 0: GPU is lost"});
  EXPECT_EQ(kinds(lost), std::vector<std::string>{"collector: GPU is lost"});
  const News still = cycle();
  EXPECT_TRUE(still.events.empty());
  EXPECT_LT(still.snapshot->node.collector.last_success, still.snapshot->at - 0.15);
  gpu().error.reset();
  EXPECT_EQ(kinds(cycle()), std::vector<std::string>{"collector: the GPU answers again"});
}

TEST_F(AssemblerTest, RatesAreTheRiseOfCountersASecond) {
  daemon(7, 10.0);
  EXPECT_EQ(cycle(ms(500)).snapshot->workloads[0].rates.gpu_ratio.value, std::nullopt);
  daemon(7, 10.2);
  const Workload workload = cycle().snapshot->workloads[0];
  EXPECT_NEAR(workload.rates.gpu_ratio.value.value_or(-1), 0.4, 1e-9);
  EXPECT_EQ(workload.workload, "1000/train");
}

TEST_F(AssemblerTest, CountersOfADaemonThatBeganAnewBeginAnew) {
  daemon(7, 10.0);
  cycle(ms(500));
  daemon(8, 0.1);
  EXPECT_EQ(cycle(ms(500)).snapshot->workloads[0].rates.gpu_ratio.value, std::nullopt);
  daemon(8, 0.0);  // the same daemon, but the counter went back
  EXPECT_EQ(cycle(ms(500)).snapshot->workloads[0].rates.gpu_ratio.value, std::nullopt);
  daemon(8, 0.3);
  EXPECT_NEAR(cycle().snapshot->workloads[0].rates.gpu_ratio.value.value_or(-1), 0.6, 1e-9);
}

TEST_F(AssemblerTest, AFigureThatIsNotKnownHasNoRate) {
  for (int i = 0; i < 2; ++i) {
    daemon(7, 1.0).status.workloads[0].figures.clear();
    EXPECT_EQ(cycle(ms(500)).snapshot->workloads[0].rates.gpu_ratio.value, std::nullopt);
  }
}

TEST_F(AssemblerTest, TheModeFollowsTheDaemonAndAChangeIsAnEvent) {
  EXPECT_EQ(cycle().snapshot->gpus[0].mode, "default");
  daemon(7, 0).status.backend = "mps";
  const News managed = cycle();
  EXPECT_EQ(managed.snapshot->gpus[0].mode, "managed-mps");
  EXPECT_EQ(kinds(managed), std::vector<std::string>{"mode: mode managed-mps, was default"});
  readings_.daemons.clear();
  EXPECT_EQ(cycle().snapshot->gpus[0].mode, "default");
}

TEST_F(AssemblerTest, SlicesAndEventsAreInUnixTime) {
  DaemonReading& reading = daemon(7, 0);
  reading.slices = {
      {1, 4'900'000'000, 4'950'000'000, "1000/train", 42, "run", 0.05, client::Label::kMeasured}};
  reading.events = {{3, 4'000'000'000, "gate-opened", "gate of 1000/train held for 101 ms"}};
  const News news = cycle();
  ASSERT_EQ(news.blocks.size(), 1U);
  EXPECT_NEAR(news.blocks[0].begin, kUnix - 0.1, 1e-6);
  EXPECT_NEAR(news.blocks[0].end, kUnix - 0.05, 1e-6);
  EXPECT_TRUE(news.snapshot->workloads[0].now.holds_gpu);
  const Event& event = news.events.back();
  EXPECT_NEAR(event.at, kUnix - 1, 1e-6);
  EXPECT_EQ(event.severity, Severity::kWarning);
}

TEST_F(AssemblerTest, ASetClockIsToldAndFollowed) {
  cycle();
  readings_.unix_now += 3600;
  const News news = cycle();
  EXPECT_EQ(kinds(news), std::vector<std::string>{"collector: the node's clock was set"});
  EXPECT_NEAR(news.snapshot->at, kUnix + 3600.1, 1e-3);
}

TEST_F(AssemblerTest, NoiseOfTheClockDoesNotReorderBlocks) {
  const double first = cycle(ms(0)).snapshot->at;
  readings_.unix_now += 0.0005;
  EXPECT_EQ(cycle().snapshot->at, first);
}

TEST_F(AssemblerTest, XidsAreEventsAndTheLastOneStays) {
  gpu().events = {{readings_.now, gpu::GpuEvent::Kind::kXid, 79}};
  const News news = cycle();
  ASSERT_EQ(news.events.size(), 1U);
  EXPECT_EQ(news.events[0].severity, Severity::kError);
  EXPECT_EQ(news.events[0].seq, 1U);
  ASSERT_TRUE(cycle().snapshot->gpus[0].last_xid);
}

TEST_F(AssemblerTest, AProcessBelongsToItsWorkloadAndContainer) {
  GpuSnapshot snapshot;
  snapshot.at = readings_.now;
  snapshot.processes_read = true;
  snapshot.processes.resize(2);
  snapshot.processes[0].pid = 42;
  snapshot.processes[1].pid = 43;
  gpu().telemetry.push_back(snapshot);
  daemon(7, 0);
  ProcessFacts facts;
  facts.name = "python3";
  facts.container = Container{.id = std::string(64, 'a'), .short_id = std::string(12, 'a')};
  readings_.processes = std::make_shared<const ProcessMap>(ProcessMap{{42, facts}});
  readings_.names[std::string(64, 'a')] = {.name = "serve"};
  const News news = cycle();
  const auto& processes = news.snapshot->gpus[0].processes;
  ASSERT_EQ(processes.size(), 2U);
  EXPECT_EQ(processes[0].workload, "1000/train");
  EXPECT_EQ(processes[0].container, std::string(12, 'a'));
  EXPECT_EQ(processes[1].workload, std::nullopt);
  ASSERT_EQ(news.snapshot->containers.size(), 1U);
  EXPECT_EQ(news.snapshot->containers[0].name, "serve");
  EXPECT_EQ(news.snapshot->workloads[0].containers, std::vector<std::string>{std::string(12, 'a')});
}

TEST_F(AssemblerTest, AWaitIsABlockInParts) {
  std::vector<SliceBlock> blocks;
  for (int i = 0; i < 25; ++i) {
    auto& session = daemon(7, 0).status.workloads[0].sessions[0];
    session.waits_for_turn = i < 23;
    session.turn_open = false;
    const News news = cycle();
    EXPECT_EQ(news.snapshot->workloads[0].now.waits, i < 23);
    blocks.insert(blocks.end(), news.blocks.begin(), news.blocks.end());
  }
  ASSERT_EQ(blocks.size(), 3U);
  EXPECT_EQ(blocks[0].what, "wait");
  EXPECT_NEAR(blocks[0].begin, kUnix, 1e-3);
  EXPECT_NEAR(blocks[1].begin, blocks[0].end, 1e-9);
  EXPECT_NEAR(blocks[2].end, kUnix + 2.2, 1e-3);
}

}  // namespace
}  // namespace corun::monitoring
