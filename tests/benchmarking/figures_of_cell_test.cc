// From what workloads and device said to figures: tenant_figures, device_figures, bracket,
// progress bar. All pure.
#include <gtest/gtest.h>

#include <sstream>

#include "benchmarking/bracket.h"
#include "benchmarking/device_figures.h"
#include "benchmarking/progress.h"
#include "benchmarking/tenant_figures.h"

namespace corun::benchmarking {
namespace {

TenantRecord steady(double rate, double window_s) {
  TenantRecord record;
  for (int i = 1; i <= 10; ++i) {
    double t = window_s * i / 10;
    record.progress_t_us.push_back(t * 1e6);
    record.progress_items.push_back(static_cast<uint64_t>(rate * t));
  }
  return record;
}

TEST(TenantFigures, WorkAfterTheWindowDoesNotCount) {
  TenantRecord record = steady(100, 2);
  record.done = DoneMessage{.window = 1,
                            .items = 300,
                            .t_us = 4e6,
                            .unanswered = 0,
                            .checksum = {},
                            .checksum_ok = {},
                            .memory_bytes = {}};
  EXPECT_NEAR(figures_of_tenant(record, 2, 1).rate->value, 100, 1e-9);
}

TEST(TenantFigures, LatencyCountsFromTheScheduledTime) {
  TenantRecord record = steady(100, 1);
  for (int i = 0; i < 100; ++i) {
    record.requests.scheduled_us.push_back(i * 1e4);
    record.requests.start_us.push_back(i * 1e4 + 2000);
    record.requests.end_us.push_back(i * 1e4 + 5000);
  }
  TenantFigures figures = figures_of_tenant(record, 1, 1);
  EXPECT_TRUE(figures.open_loop);
  EXPECT_NEAR(figures.latency_ms->p50->value, 5, 1e-9);
  EXPECT_NEAR(figures.service_ms->p50->value, 3, 1e-9);
  EXPECT_FALSE(figures.latency_ms->p99) << "100 requests cannot support a p99";
  EXPECT_NEAR(*figures.offered, 100, 1e-9);
  EXPECT_NEAR(*figures.generator_lag_p99_us, 2000, 1e-9);
  EXPECT_NEAR(figures.performance()->value, 1, 1e-9);
}

TEST(TenantFigures, ABusyServersDelayIsNotTheGeneratorsLag) {
  RequestSamples requests;
  for (int i = 0; i < 100; ++i) {
    // Pairs: the first finds the server idle and starts at once, the second waits for it.
    double t = (i / 2) * 1e4 + (i % 2) * 100;
    requests.scheduled_us.push_back(t);
    requests.start_us.push_back(i % 2 == 0 ? t + 3 : t + 900);
    requests.end_us.push_back(requests.start_us.back() + 950);
  }
  EXPECT_NEAR(*generator_lag_p99(requests), 3, 1e-9);
}

TEST(TenantFigures, DroppedRequestsMeanSaturation) {
  TenantRecord record = steady(100, 1);
  for (int i = 0; i < 50; ++i) {
    record.requests.scheduled_us.push_back(i * 1e4);
    record.requests.start_us.push_back(i * 1e4 + 1);
    record.requests.end_us.push_back(i * 1e4 + 1000);
  }
  record.done = DoneMessage{.window = 1,
                            .items = 50,
                            .t_us = 1e6,
                            .unanswered = 1,
                            .checksum = {},
                            .checksum_ok = {},
                            .memory_bytes = {}};
  TenantFigures figures = figures_of_tenant(record, 1, 1);
  EXPECT_TRUE(figures.saturated);
  EXPECT_FALSE(figures.latency_ms->p50);
}

TEST(TenantFigures, TheLongestSilenceIncludesTheWindowsEnds) {
  TenantRecord record;
  record.progress_t_us = {1e6, 1.5e6};
  record.progress_items = {1, 2};
  EXPECT_NEAR(longest_silence_s(record, 4), 2.5, 1e-9);
  EXPECT_NEAR(longest_silence_s(TenantRecord(), 4), 4, 1e-9);
}

GpuSnapshot snapshot(double t_s, uint64_t energy_mj, double utilization, int clock) {
  GpuSnapshot s;
  s.at = Instant{} + from_seconds(t_s);
  s.energy_mj = energy_mj;
  s.utilization_nvml = utilization;
  s.sm_clock_mhz = clock;
  return s;
}

TEST(DeviceFigures, EnergyIsInterpolatedToTheWindow) {
  std::vector<GpuSnapshot> snapshots{snapshot(0, 0, 1, 1980), snapshot(1, 100'000, 1, 1980),
                                     snapshot(2, 300'000, 1, 1980)};
  DeviceFigures figures =
      device_figures(snapshots, Instant{} + from_seconds(0.5), Instant{} + from_seconds(1.5), 1980);
  EXPECT_NEAR(*figures.energy_j, 200 - 50, 1e-6);
}

TEST(DeviceFigures, EnergyOfAWindowThatTheCounterDoesNotCoverIsUnknown) {
  std::vector<GpuSnapshot> snapshots{snapshot(1, 0, 1, 1980), snapshot(2, 9, 1, 1980)};
  EXPECT_FALSE(
      device_figures(snapshots, Instant{} + from_seconds(0.5), Instant{} + from_seconds(1.5), 1980)
          .energy_j);
}

TEST(DeviceFigures, AnIdleGpuMayClockDown) {
  std::vector<GpuSnapshot> snapshots{snapshot(1, 0, 0.0, 300), snapshot(2, 9, 1.0, 1800)};
  DeviceFigures figures = device_figures(snapshots, Instant{}, Instant{} + from_seconds(3), 2000);
  EXPECT_NEAR(*figures.lowest_clock_share, 0.9, 1e-9);
}

SoloRun solo(double performance) {
  return {.performance = {performance, {}, {}}, .rate = performance, .p50_ms = {}, .p99_ms = {}};
}

TEST(Brackets, ABlockIsMeasuredAgainstTheMeanOfBothSides) {
  BracketBook book;
  book.add("w", 0, solo(100));
  book.add("w", 1, solo(110));
  book.add("w", 2, solo(90));
  EXPECT_NEAR(book.around("w", 0).reference()->rate, 105, 1e-9);
  EXPECT_NEAR(*book.around("w", 0).rate_drift(), 0.1, 1e-9);
  EXPECT_NEAR(book.around("w", 1).reference()->rate, 100, 1e-9);
}

TEST(Brackets, WithoutTheSecondSideThereIsNoDrift) {
  BracketBook book;
  book.add("w", 0, solo(100));
  EXPECT_FALSE(book.around("w", 0).rate_drift());
  EXPECT_NEAR(book.around("w", 0).reference()->rate, 100, 1e-9);
  EXPECT_FALSE(book.around("other", 0).reference());
}

TEST(Progress, WithoutATerminalItIsOneLinePerCell) {
  std::ostringstream out;
  ManualClock clock;
  Progress progress(out, false, clock, 2, std::chrono::seconds(20));
  progress.begin_cell("solo train", std::chrono::seconds(10));
  clock.advance(std::chrono::seconds(20));
  progress.tick();
  progress.end_cell("");
  progress.begin_cell("mps pair rep 0", std::chrono::seconds(10));
  progress.end_cell("train: hung");
  EXPECT_EQ(out.str(),
            "[1/2] solo train (0:20 left)\n"
            "[2/2] mps pair rep 0 (0:20 left)\n"
            "void: mps pair rep 0: train: hung\n");
}

TEST(Progress, ClockTextHasHoursOnlyWhenNeeded) {
  EXPECT_EQ(clock_text(std::chrono::seconds(42)), "0:42");
  EXPECT_EQ(clock_text(std::chrono::minutes(12) + std::chrono::seconds(5)), "12:05");
  EXPECT_EQ(clock_text(std::chrono::seconds(3723)), "1:02:03");
  EXPECT_EQ(clock_text(Nanos(-5)), "0:00");
}

}  // namespace
}  // namespace corun::benchmarking
