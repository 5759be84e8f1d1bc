#include "monitoring/recording.h"

#include <gtest/gtest.h>

#include <condition_variable>

#include "core/files.h"
#include "core/json_values.h"
#include "monitoring/player.h"
#include "monitoring/recorder.h"

namespace corun::monitoring {
namespace {

News news_of(double t) {
  Snapshot snapshot;
  snapshot.at = t;
  snapshot.gpus.resize(1);
  snapshot.gpus[0].uuid = "GPU-1";
  News news{std::make_shared<const Snapshot>(snapshot), {}, {}};
  news.blocks = {{"GPU-1", "0/a", t - 0.1, t, "run", 0.1, client::Label::kMeasured}};
  return news;
}

class RecordingTest : public testing::Test {
 protected:
  RecordingTest() : folder_(TemporaryFolder::create("corun-recording-").value()) {}
  /// A recording of `seconds`, two snapshots each.
  std::filesystem::path record(const std::string& name, int seconds) const {
    const auto file = folder_.path() / name;
    Board board;
    auto recorder = Recorder::start(file, board).value();
    for (int i = 0; i < 2 * seconds; ++i) board.publish(news_of(100 + i * 0.5));
    return file;
  }
  TemporaryFolder folder_;
};

TEST_F(RecordingTest, ComesBackPlainAndCompressed) {
  for (const char* name : {"a.ndjson", "a.ndjson.gz"}) {
    const auto recording = Recording::read(record(name, 5));
    ASSERT_TRUE(recording) << recording.error().text();
    EXPECT_EQ(recording->size(), 10U);
    EXPECT_FALSE(recording->truncated());
    EXPECT_EQ(recording->time(recording->index_at(102.7)), 102.5);
    EXPECT_EQ(recording->news(3).value().blocks.size(), 1U);
  }
}

TEST_F(RecordingTest, IsNeverWrittenOver) {
  const auto file = record("a.ndjson", 1);
  Board board;
  EXPECT_FALSE(Recorder::start(file, board));
}

TEST_F(RecordingTest, OneThatWasCutOffIsReadUpToTheCut) {
  for (const char* name : {"a.ndjson", "a.ndjson.gz"}) {
    const std::string bytes = read_file(record(name, 30)).value();
    const auto cut = folder_.path() / ("cut-" + std::string(name));
    ASSERT_TRUE(write_file_atomically(cut, bytes.substr(0, bytes.size() / 2)));
    const auto recording = Recording::read(cut);
    ASSERT_TRUE(recording) << recording.error().text();
    EXPECT_TRUE(recording->truncated());
    EXPECT_GT(recording->size(), 10U);
    EXPECT_LT(recording->size(), 60U);
  }
}

TEST_F(RecordingTest, WhatIsNoneIsAnErrorThatNamesTheLine) {
  EXPECT_FALSE(Recording::parse("", "x", true));
  EXPECT_EQ(Recording::parse("{}\nhello\n", "x", true).error().what.substr(0, 8), "x line 2");
  EXPECT_FALSE(Recording::parse("{\"hello\":{\"schema\":2}}\n", "x", true));
}

TEST_F(RecordingTest, FillsAHistory) {
  const auto recording = Recording::read(record("a.ndjson", 5)).value();
  auto history = History::open({}).value();
  ASSERT_TRUE(recording.fill(*history));
  EXPECT_EQ(history->lanes("GPU-1", 100, 105, 100).lanes.lanes.at(0).blocks.size(), 10U);
}

/// The snapshots that a board puts up.
class Watcher {
 public:
  explicit Watcher(Board& board) {
    board.subscribe([this](const auto& news) {
      const std::lock_guard lock(mutex_);
      snapshots_.push_back(*news->snapshot);
      wake_.notify_all();
    });
  }
  /// Waits for one that fits.
  template <typename Fits>
  Snapshot wait(Fits fits) {
    std::unique_lock lock(mutex_);
    size_t looked = 0;
    while (true) {
      for (; looked < snapshots_.size(); ++looked) {
        if (fits(snapshots_[looked])) return snapshots_[looked];
      }
      wake_.wait(lock);
    }
  }

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Snapshot> snapshots_;
};

TEST_F(RecordingTest, IsPlayedPausedAndSought) {
  const auto recording = Recording::read(record("a.ndjson", 50)).value();
  Board board;
  Watcher watcher(board);
  Player player(recording, board);
  const Snapshot first = watcher.wait([](const Snapshot& s) { return s.at == 100; });
  ASSERT_TRUE(first.replay);
  EXPECT_EQ(first.replay->to, 149.5);
  ASSERT_TRUE(player.order({.at = 120, .paused = true}));
  watcher.wait([](const Snapshot& s) { return s.at == 120 && s.replay->paused; });
  EXPECT_FALSE(player.order({.at = 99}));
  ASSERT_TRUE(player.order({.speed = 1000, .paused = false}));
  watcher.wait([](const Snapshot& s) { return s.at == 149.5 && s.replay->paused; });
}

}  // namespace
}  // namespace corun::monitoring
