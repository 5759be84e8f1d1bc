#include "core/cpus.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <set>

#include "core/files.h"
#include "core/process.h"
#include "process_helpers.h"

namespace corun {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

CpuBudget single_cores(int count, std::optional<double> quota = {}) {
  CpuBudget budget;
  for (int cpu = 0; cpu < count; ++cpu) budget.cores.push_back({cpu});
  budget.quota = quota;
  return budget;
}

TEST(PartitionCpus, EveryTenantGetsTheSameNumberOfCpus) {
  const struct {
    int cpus;
    std::optional<double> quota;
    int tenants;
    size_t each;
    size_t harness;
  } cases[] = {
      {2, {}, 1, 1, 1},   {5, {}, 4, 1, 1},    {16, {}, 4, 3, 4},    {16, {}, 15, 1, 1},
      {16, {}, 1, 15, 1}, {64, 16.0, 4, 3, 4}, {64, 16.5, 1, 15, 1},
  };
  for (const auto& c : cases) {
    const CpuPlan plan = partition_cpus(single_cores(c.cpus, c.quota), c.tenants);
    EXPECT_TRUE(plan.pinned);
    EXPECT_EQ(plan.note, "");
    EXPECT_EQ(plan.harness.size(), c.harness) << c.cpus << " CPUs, " << c.tenants;
    std::set<int> seen(plan.harness.begin(), plan.harness.end());
    for (const auto& tenant : plan.tenants) {
      EXPECT_EQ(tenant.size(), c.each) << c.cpus << " CPUs, " << c.tenants;
      for (int cpu : tenant) EXPECT_TRUE(seen.insert(cpu).second) << "CPU " << cpu << " twice";
    }
  }
}

TEST(PartitionCpus, WholeCoresWherePossible) {
  CpuBudget budget;
  budget.cores = {{0, 4}, {1, 5}, {2, 6}, {3, 7}};
  const CpuPlan plan = partition_cpus(budget, 3);
  EXPECT_THAT(plan.harness, ElementsAre(0, 4));
  EXPECT_THAT(plan.tenants, ElementsAre(ElementsAre(1, 5), ElementsAre(2, 6), ElementsAre(3, 7)));
  const CpuPlan tight = partition_cpus(budget, 4);
  EXPECT_TRUE(tight.pinned) << "single CPUs when the cores do not suffice";
  EXPECT_THAT(tight.tenants[0].size(), 1U);
}

TEST(PartitionCpus, TooFewCpusAreSharedAndTheNoteSaysSo) {
  const CpuPlan two = partition_cpus(single_cores(2), 32);
  EXPECT_FALSE(two.pinned);
  ASSERT_EQ(two.tenants.size(), 32U);
  EXPECT_THAT(two.tenants[31], ElementsAre(0, 1));
  EXPECT_THAT(two.harness, ElementsAre(0, 1));
  EXPECT_EQ(two.note,
            "32 workloads on 2 CPUs: not pinned, rows that had to wait are marked cpu_bound");
  const CpuPlan four = partition_cpus(single_cores(4), 4);
  EXPECT_FALSE(four.pinned);
  EXPECT_THAT(four.harness, ElementsAre(0));
  EXPECT_THAT(four.tenants[3], ElementsAre(1, 2, 3));
  const CpuPlan one = partition_cpus(single_cores(1), 1);
  EXPECT_EQ(one.note,
            "1 workload on 1 CPU: not pinned, rows that had to wait are marked cpu_bound");
  EXPECT_FALSE(partition_cpus(single_cores(64, 2.0), 4).pinned) << "the quota counts, not the sum";
}

TEST(PartitionCpus, NobodyIsPinnedAloneWhoSharesInTheLargestCell) {
  EXPECT_TRUE(partition_cpus(single_cores(2), 1).pinned);
  const CpuPlan alone = partition_cpus(single_cores(2), 1, 2);
  EXPECT_FALSE(alone.pinned);
  EXPECT_THAT(alone.tenants[0], ElementsAre(0, 1));
  EXPECT_TRUE(partition_cpus(single_cores(5), 1, 4).pinned);
  EXPECT_FALSE(partition_cpus(single_cores(4), 1, 4).pinned);
}

class CpuBudgetTest : public testing::Test {
 protected:
  void file(const std::string& path, const std::string& content) {
    const auto full = folder_.path() / path;
    std::filesystem::create_directories(full.parent_path());
    ASSERT_TRUE(write_file_atomically(full, content));
  }
  void core(int cpu, int package, int core) {
    const std::string dir = "sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/";
    file(dir + "physical_package_id", std::to_string(package) + "\n");
    file(dir + "core_id", std::to_string(core) + "\n");
  }
  TemporaryFolder folder_ = TemporaryFolder::create("corun-test-").value();
};

TEST_F(CpuBudgetTest, SiblingsStandTogetherInTheirCore) {
  for (int cpu = 0; cpu < 8; ++cpu) core(cpu, (cpu / 2) % 2, cpu % 2);
  const CpuBudget budget = cpu_budget({0, 1, 2, 3, 4, 5, 6}, folder_.path());
  EXPECT_THAT(budget.cores,
              ElementsAre(ElementsAre(0, 4), ElementsAre(1, 5), ElementsAre(2, 6), ElementsAre(3)));
  EXPECT_EQ(budget.quota, std::nullopt);
}

TEST_F(CpuBudgetTest, WithoutTopologyEveryCpuIsACore) {
  EXPECT_THAT(cpu_budget({0, 3}, folder_.path()).cores,
              ElementsAre(ElementsAre(0), ElementsAre(3)));
}

TEST_F(CpuBudgetTest, TheTightestQuotaOfVersion2Counts) {
  file("proc/self/cgroup", "0::/a/b\n");
  file("sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
  EXPECT_EQ(cpu_budget({0}, folder_.path()).quota, std::nullopt);
  file("sys/fs/cgroup/a/cpu.max", "250000 100000\n");
  EXPECT_EQ(cpu_budget({0}, folder_.path()).quota, 2.5);
  file("sys/fs/cgroup/a/b/cpu.max", "150000 100000\n");
  EXPECT_EQ(cpu_budget({0}, folder_.path()).quota, 1.5);
}

TEST_F(CpuBudgetTest, TheQuotaOfVersion1CountsToo) {
  file("proc/self/cgroup", "5:devices:/x\n4:cpu,cpuacct:/y:z\n");
  file("sys/fs/cgroup/cpu,cpuacct/y:z/cpu.cfs_period_us", "100000\n");
  file("sys/fs/cgroup/cpu,cpuacct/y:z/cpu.cfs_quota_us", "-1\n");
  EXPECT_EQ(cpu_budget({0}, folder_.path()).quota, std::nullopt);
  file("sys/fs/cgroup/cpu,cpuacct/y:z/cpu.cfs_quota_us", "400000\n");
  EXPECT_EQ(cpu_budget({0}, folder_.path()).quota, 4.0);
}

TEST(AvailableCpus, ThisProcessHasAtLeastOne) {
  const auto budget = available_cpus();
  ASSERT_TRUE(budget);
  EXPECT_GE(budget->cpu_count(), 1);
}

CpuSample sample(double at_s, std::map<pid_t, std::pair<double, double>> threads) {
  CpuSample s;
  s.at = Instant{} + from_seconds(at_s);
  for (const auto& [thread, times] : threads) {
    s.threads[thread] = {from_seconds(times.first), from_seconds(times.second)};
  }
  return s;
}

TEST(CpuPressure, AThreadThatWaitedTwoPercentMarksTheRow) {
  const struct {
    const char* name;
    CpuSample before, after;
    bool cpu_bound;
  } cases[] = {
      {"an idle workload", sample(0, {{1, {5, 1}}}), sample(10, {{1, {5, 1}}}), false},
      {"busy on a processor of its own", sample(0, {{1, {0, 0}}}), sample(10, {{1, {10, 0}}}),
       false},
      {"at the limit", sample(0, {{1, {0, 0}}}), sample(10, {{1, {1, 0.2}}}), false},
      {"above it", sample(0, {{1, {0, 0}}}), sample(10, {{1, {1, 0.21}}}), true},
      {"many threads with short waits", sample(0, {}),
       sample(10, {{1, {1, 0.15}}, {2, {1, 0.15}}, {3, {1, 0.15}}}), false},
      {"one of many", sample(0, {{1, {0, 0}}, {2, {0, 0}}}),
       sample(10, {{1, {9, 0}}, {2, {0.1, 0.5}}}), true},
      {"waited before the window only", sample(0, {{1, {0, 3}}}), sample(10, {{1, {1, 3.1}}}),
       false},
      {"a recycled thread number", sample(0, {{1, {50, 30}}}), sample(10, {{1, {1, 0.1}}}), false},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(cpu_pressure(c.before, c.after).cpu_bound, c.cpu_bound) << c.name;
  }
}

TEST(CpuPressure, SharesArePerSecondOfTheWindow) {
  const auto p = cpu_pressure(sample(10, {{1, {1, 0.5}}, {2, {4, 0}}}),
                              sample(20, {{1, {6, 1.5}}, {2, {9, 2}}, {3, {1, 0}}}));
  EXPECT_DOUBLE_EQ(p.cpu_share, 1.1);
  EXPECT_DOUBLE_EQ(p.delay_share, 0.3);
  EXPECT_DOUBLE_EQ(p.worst_thread_delay, 0.2);
}

TEST(SampleCpu, TwoBusyLoopsOnOneCpuWaitForEachOther) {
  const auto budget = available_cpus();
  ASSERT_TRUE(budget);
  ProcessOptions options;
  options.argv = {"sh", "-c", "(while :; do :; done) & while :; do :; done"};
  options.cpus = {budget->all().front()};
  auto process = Process::start(options);
  ASSERT_TRUE(process);
  Result<CpuSample> before = sample_cpu(process->pids(), monotonic_now());
  if (!before) GTEST_SKIP() << before.error().text();
  const Instant deadline = monotonic_now() + kPatience;
  CpuPressure pressure;
  // Each gets at most half, so both wait; how soon the scheduler shows it depends on the machine.
  while (!pressure.cpu_bound && monotonic_now() < deadline) {
    const int nothing = -1;
    wait_readable({&nothing, 1}, monotonic_now() + std::chrono::milliseconds(20));
    const auto after = sample_cpu(process->pids(), monotonic_now());
    ASSERT_TRUE(after);
    pressure = cpu_pressure(*before, *after);
  }
  EXPECT_TRUE(pressure.cpu_bound);
  EXPECT_GT(pressure.cpu_share, 0.0);
}

TEST(PinThisProcess, PinsEveryThread) {
  const auto budget = available_cpus();
  ASSERT_TRUE(budget);
  const int cpu = budget->all().back();
  const pid_t child = fork();  // the test itself keeps its CPUs
  if (child == 0) {
    const auto status = pin_this_process({&cpu, 1});
    const auto left = available_cpus();
    _exit(status && left && left->all() == std::vector<int>{cpu} ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace corun
