#include "monitoring/history.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cmath>
#include <csignal>
#include <fstream>

#include "core/files.h"

namespace corun::monitoring {
namespace {

const std::string kGpu = "GPU-1";
constexpr double kStart = 1.8e9;  // a whole minute

News news_at(double t, double utilization) {
  Snapshot snapshot;
  snapshot.at = t;
  Gpu gpu;
  gpu.uuid = kGpu;
  gpu.utilization = utilization;
  snapshot.gpus.push_back(gpu);
  return {std::make_shared<const Snapshot>(snapshot), {}, {}};
}

SeriesQuery query(double from, double to, size_t points) {
  return {.gpu = kGpu, .names = {"utilization"}, .from = from, .to = to, .points = points};
}

std::vector<Point> points_of(History& history, double from, double to, size_t points) {
  return history.series(query(from, to, points)).value().series.at(0).points;
}

class HistoryFile : public testing::Test {
 protected:
  HistoryFile() : folder_(TemporaryFolder::create("corun-history-").value()) {}
  HistoryOptions options() const { return {.file = file()}; }
  std::filesystem::path file() const { return folder_.path() / "history.db"; }
  size_t files() const {
    size_t count = 0;
    for ([[maybe_unused]] const auto& one : std::filesystem::directory_iterator(folder_.path())) {
      ++count;
    }
    return count;
  }
  TemporaryFolder folder_;
};

TEST(History, ShortTimesAreRawAndLongOnesCoarse) {
  auto history = History::open({}).value();
  for (int i = 0; i < 6000; ++i) history->add(news_at(kStart + i * 0.1, i % 2));
  const double end = kStart + 600;
  EXPECT_EQ(points_of(*history, end - 10, end, 600).size(), 100U);
  const auto seconds = points_of(*history, end - 300, end, 200);
  ASSERT_GE(seconds.size(), 199U);
  EXPECT_EQ(seconds[10].min, 0);
  EXPECT_NEAR(seconds[10].mean, 0.5, 1e-3);
  EXPECT_EQ(seconds[10].max, 1);
  EXPECT_EQ(points_of(*history, kStart, end, 5).size(), 5U);
}

TEST(History, AnUnknownSeriesIsAnErrorAndAnUnknownGpuIsEmpty) {
  auto history = History::open({}).value();
  SeriesQuery wrong = query(0, 1, 10);
  wrong.names = {"loudness"};
  EXPECT_FALSE(history->series(wrong));
  EXPECT_TRUE(points_of(*history, 0, 1, 10).empty());
}

TEST_F(HistoryFile, WhatWasKeptIsThereAgain) {
  {
    auto history = History::open(options()).value();
    News news = news_at(kStart, 0.25);
    news.events = {{1, kStart, kGpu, std::nullopt, Severity::kError, "xid", "XID 79"}};
    news.blocks = {{kGpu, "0/a", kStart - 1, kStart, "run", 1, client::Label::kMeasured}};
    history->add(news);
    history->add(news_at(kStart + 1, 0.75));
  }
  auto history = History::open(options()).value();
  EXPECT_EQ(history->next_event(), 2U);
  ASSERT_EQ(history->events(std::nullopt, 10).size(), 1U);
  EXPECT_EQ(history->lanes(kGpu, kStart - 2, kStart, 100).lanes.lanes.size(), 1U);
  history->add(news_at(kStart + 2, 0.5));
  const auto points = points_of(*history, kStart - 1, kStart + 3, 600);
  ASSERT_EQ(points.size(), 3U);
  EXPECT_EQ(points[1].mean, 0.75);
}

TEST_F(HistoryFile, ADamagedFileIsMovedAside) {
  std::ofstream(file()) << "this is no database, but it is here, and it is long enough to see so";
  auto history = History::open(options());
  ASSERT_TRUE(history) << history.error().text();
  (*history)->add(news_at(kStart, 1));
  size_t aside = 0;
  for (const auto& one : std::filesystem::directory_iterator(folder_.path())) {
    if (one.path().string().find(".damaged-") != std::string::npos) ++aside;
  }
  EXPECT_EQ(aside, 1U);
}

TEST_F(HistoryFile, ADamagedPageIsNoCrash) {
  {
    auto history = History::open(options()).value();
    for (int i = 0; i < 3000; ++i) history->add(news_at(kStart + i, std::sin(i)));
  }
  std::fstream damage(file(), std::ios::in | std::ios::out | std::ios::binary);
  damage.seekp(4096);
  for (int i = 0; i < 8192; ++i) damage.put('x');
  damage.close();
  auto history = History::open(options());
  ASSERT_TRUE(history) << history.error().text();
  (*history)->add(news_at(kStart + 4000, 1));
  EXPECT_FALSE(points_of(**history, kStart + 3999, kStart + 4001, 10).empty());
}

TEST_F(HistoryFile, AFullDiskIsToldAndItGoesOn) {
  auto history = History::open(options()).value();
  history->add(news_at(kStart, 0.5));
  ASSERT_TRUE(history->flush());
  // No file may grow beyond this: writing fails as on a full disk.
  signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit tiny{4096, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &tiny);
  for (int i = 1; i < 200; ++i) history->add(news_at(kStart + i, i * 0.001));
  EXPECT_FALSE(history->flush());
  setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_EQ(points_of(*history, kStart + 150, kStart + 160, 600).size(), 10U);
  EXPECT_TRUE(history->flush());
}

TEST_F(HistoryFile, IsBoundedInSize) {
  HistoryOptions small = options();
  small.max_bytes_per_gpu = 200'000;
  auto history = History::open(small).value();
  uint32_t noise = 1;
  for (int i = 0; i < 40'000; ++i) {
    noise = noise * 1664525 + 1013904223;
    history->add(news_at(kStart + i, noise * 1e-9));
  }
  EXPECT_LE(history->used_bytes().value(), 220'000U);
  EXPECT_FALSE(points_of(*history, kStart + 39'000, kStart + 40'000, 10).empty());
}

TEST(History, AYearOfMinutesFitsItsBound) {
  // All eleven series, none of them idle: noise in the readings' own resolution.
  HistoryOptions minutes_only;
  minutes_only.keep_second = 1;
  minutes_only.keep_raw = 1;
  minutes_only.flush_every = 6 * 3600;
  auto history = History::open(minutes_only).value();
  uint32_t noise = 1;
  const auto next = [&noise](double steps) {
    noise = noise * 1664525 + 1013904223;
    return std::floor((noise >> 8) * steps / (1 << 24));
  };
  constexpr int kDays = 4;
  double energy = 0;
  for (int i = 0; i < kDays * 1440 * 3; ++i) {  // three readings a minute
    News news = news_at(kStart + i * 20.0, next(100) * 0.01);
    Snapshot snapshot = *news.snapshot;
    Gpu& gpu = snapshot.gpus[0];
    gpu.memory_used_bytes = static_cast<uint64_t>(next(80'000)) << 20;
    gpu.power_watts = 300 + next(100'000) * 1e-3;
    gpu.temperature_celsius = 50 + next(10);
    gpu.sm_clock_hz = (1200 + 15 * next(52)) * 1e6;
    gpu.sm_active = next(10'000) * 1e-4;
    gpu.tensor_active = next(10'000) * 1e-4;
    gpu.dram_active = next(10'000) * 1e-4;
    gpu.pcie_rx_bytes_per_second = next(1'000'000);
    gpu.pcie_tx_bytes_per_second = next(1'000'000);
    gpu.energy_joules = energy += 7000 + next(100);
    news.snapshot = std::make_shared<const Snapshot>(snapshot);
    history->add(news);
  }
  ASSERT_TRUE(history->flush());
  const double a_year = static_cast<double>(history->used_bytes().value()) * 366 / kDays;
  RecordProperty("megabytes_a_year", std::to_string(a_year / 1e6));
  EXPECT_LT(a_year, 100e6);
}

}  // namespace
}  // namespace corun::monitoring
