#include "monitoring/prometheus.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "core/environment.h"
#include "core/files.h"
#include "core/process.h"
#include "monitoring/exposition.h"

namespace corun::monitoring {
namespace {

constexpr char kGolden[] = CORUN_SOURCE_DIR "/tests/monitoring/golden/metrics.txt";

/// Each of them, measured: 1000, 2000, ...
Figures figures(std::initializer_list<const char*> names) {
  Figures all;
  for (const char* name : names) {
    all[name] = {1000.0 * static_cast<double>(all.size() + 1), client::Label::kMeasured};
  }
  return all;
}

Snapshot busy_node() {
  Snapshot snapshot;
  snapshot.at = 1.8e9;
  snapshot.node = {.hostname = "node1", .version = "0.1.0", .driver = "580.1"};
  snapshot.node.collector.cpu_ratio = 0.01;
  Gpu gpu;
  gpu.uuid = "GPU-1";
  gpu.name = "NVIDIA \"H100\"";
  gpu.pci_bus_id = "00000000:1B:00.0";
  gpu.memory_bytes = 80ULL << 30;
  gpu.memory_used_bytes = 3ULL << 30;
  gpu.utilization = 0.875;
  gpu.memory_utilization = 0.5;
  gpu.sm_occupancy = 0.4;
  gpu.tensor_active = 0.3;
  gpu.dram_active = 0.2;
  gpu.power_limit_watts = 700;
  gpu.memory_temperature_celsius = 70;
  gpu.memory_clock_hz = 2619e6;
  gpu.pcie_rx_bytes_per_second = 1e9;
  gpu.pcie_tx_bytes_per_second = 2e9;
  gpu.power_watts = 412.345;
  gpu.energy_joules = 123456.789;
  gpu.temperature_celsius = 61;
  gpu.sm_clock_hz = 1755e6;
  gpu.sm_active = 0.8;
  gpu.throttle_reasons = {"sw-power-cap"};
  gpu.last_xid = LastXid{31, 1.79e9};
  gpu.mode = "managed";
  gpu.daemon = Daemon{
      .pid = 7,
      .version = "0.1.0",
      .policy = "fair",
      .backend = "slices",
      .slices = "proven",
      .gpu_time = "measured",
      .figures = figures({"wall_seconds", "idle_seconds", "switching_seconds", "other_seconds",
                          "gpu_seconds", "context_switches", "lost_records"})};
  gpu.processes = {{.pid = 42, .memory_bytes = 1 << 20, .container = "abcdefabcdef"},
                   {.pid = 43, .memory_bytes = 1 << 20}};
  snapshot.gpus.push_back(gpu);
  snapshot.containers = {{.id = std::string(64, 'a'),
                          .short_id = "abcdefabcdef",
                          .runtime = "containerd",
                          .name = "serve",
                          .image = "registry/serve:1",
                          .pod = Pod{.uid = "u-1", .name = "pod1", .namespace_name = "prod"}}};
  Workload workload;
  workload.gpu = "GPU-1";
  workload.workload = "1000/serve";
  workload.name = "serve";
  workload.user = "alice";
  workload.service_class = ServiceClass::kLatencyCritical;
  workload.weight = 3;
  workload.state = "running";
  workload.memory_limit_bytes = 1 << 30;
  workload.containers = {"abcdefabcdef"};
  workload.rates.gpu_ratio = {0.25, client::Label::kMeasured};
  workload.figures =
      figures({"gpu_seconds", "gpu_wait_seconds", "launches", "context_switches", "bursts",
               "slice_us", "burst_p50_us", "burst_p99_us", "preemptions", "moved_bytes", "parks",
               "parked_seconds", "memory_bytes", "memory_peak_bytes", "refusals", "memory_waits"});
  workload.latency_target_us = 5000;
  workload.burst_lengths = client::Lengths{{100, 2000, 10e6}, {2, 40, 0, 1}, 12'345'678};
  snapshot.workloads.push_back(workload);
  return snapshot;
}

Tally::Counts counts_of(const Snapshot& snapshot) {
  Tally tally;
  News news{std::make_shared<const Snapshot>(snapshot), {}, {}};
  for (const double length : {2e-5, 2e-3, 2e-3, 10.0}) {
    news.blocks.push_back(
        {"GPU-1", "1000/serve", 10, 10 + length, "run", length, client::Label::kMeasured});
  }
  news.events = {
      {1, 1.79e9, "GPU-1", std::nullopt, Severity::kWarning, "xid", "XID 31"},
      {2, 1.79e9, "GPU-1", std::nullopt, Severity::kWarning, "watchdog", "before"},
      {3, 1.8e9, "GPU-1", std::nullopt, Severity::kWarning, "gate-opened",
       "it was closed for long"},
      {4, 1.8e9, std::nullopt, std::nullopt, Severity::kError, "collector", "of no GPU"}};
  tally.add(news);
  return tally.counts();
}

std::string text_of(const ExpositionOptions& options) {
  const Snapshot snapshot = busy_node();
  return prometheus_text(&snapshot, counts_of(snapshot), {.last_cycle_seconds = 0.001}, options);
}

TEST(Prometheus, TheTextIsTheGoldenOne) {
  const std::string text = text_of({.openmetrics = false, .dcgm_aliases = true});
  if (environment("UPDATE")) {
    ASSERT_TRUE(write_file_atomically(kGolden, text));
  }
  EXPECT_EQ(text, read_file(kGolden).value());
}

TEST(Prometheus, WhatIsNotKnownHasNoSample) {
  Snapshot snapshot = busy_node();
  snapshot.workloads[0].figures["memory_bytes"].value.reset();
  snapshot.workloads[0].burst_lengths.reset();
  const std::string text = prometheus_text(&snapshot, counts_of(snapshot), {}, {});
  EXPECT_EQ(text.find("corun_memory_used_bytes"), std::string::npos);
  EXPECT_EQ(text.find("corun_client_burst_seconds"), std::string::npos);
}

TEST(Prometheus, OpenMetricsNamesFamiliesAndEnds) {
  const std::string text = text_of({.openmetrics = true, .dcgm_aliases = true});
  EXPECT_NE(text.find("# TYPE corun_client_gpu_seconds counter\n"), std::string::npos);
  EXPECT_NE(text.find("\ncorun_client_gpu_seconds_total{"), std::string::npos);
  EXPECT_NE(text.find("# TYPE corun_gpu info\n"), std::string::npos);
  EXPECT_TRUE(text.ends_with("\n# EOF\n"));
}

TEST(Prometheus, BeforeTheFirstCycleItIsDown) {
  const std::string text = prometheus_text(nullptr, {}, {}, {});
  EXPECT_NE(text.find("corun_up 0\n"), std::string::npos);
}

TEST(Prometheus, SeriesVanishWithTheirWorkload) {
  Tally tally;
  Snapshot snapshot = busy_node();
  tally.add({std::make_shared<const Snapshot>(snapshot), {}, {}});
  EXPECT_EQ(tally.counts().quanta.size(), 1U);
  snapshot.workloads.clear();
  tally.add({std::make_shared<const Snapshot>(snapshot), {}, {}});
  EXPECT_EQ(tally.counts().quanta.size(), 0U);
}

TEST(Prometheus, PromtoolFindsNothingInCorunsOwnNames) {
  const auto promtool = find_program("promtool", environment("PATH").value_or("/usr/bin"));
  if (!promtool) GTEST_SKIP() << "promtool is not installed (Debian package prometheus)";
  ProcessOptions options;
  options.argv = {promtool->string(), "check", "metrics"};
  options.input = text_of({.openmetrics = false, .dcgm_aliases = false});
  const auto ran = run_command(options, std::chrono::seconds(20));
  ASSERT_TRUE(ran) << ran.error().text();
  EXPECT_TRUE(ran->status.ok()) << ran->out << ran->err;
}

TEST(Exposition, ValuesOfLabelsAreEscaped) {
  EXPECT_EQ(labels_text({{"a", "x\"y\\z\n"}, {"b", ""}}), R"(a="x\"y\\z\n",b="")");
  EXPECT_EQ(labels_text({{"a", "\xff"}}), "a=\"\xef\xbf\xbd\"");
}

TEST(Exposition, Numbers) {
  EXPECT_EQ(number_text(0), "0");
  EXPECT_EQ(number_text(1e9), "1000000000");
  EXPECT_EQ(number_text(0.25), "0.25");
  EXPECT_EQ(number_text(1e20), "1e+20");
}

}  // namespace
}  // namespace corun::monitoring
