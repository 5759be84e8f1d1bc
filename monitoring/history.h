// What happened: series at three resolutions, the time-slice chart, and events.
//
//   tier       a point every     kept
//   raw        cycle             15 minutes
//   second     1 s               a day
//   minute     1 min             a year
//
// A point of the coarser tiers is minimum, mean and maximum of its time. Points gather in memory,
// and go to the store in chunks; at most a minute is lost when the program is killed. The store is
// a file, or memory. docs/monitoring.md does the arithmetic of its size.
#pragma once

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "monitoring/blocks.h"
#include "monitoring/points.h"
#include "monitoring/readings.h"
#include "monitoring/store.h"

namespace corun::monitoring {

struct HistoryOptions {
  std::filesystem::path file{};  ///< empty: in memory
  uint64_t max_bytes_per_gpu = 100u << 20;
  size_t max_blocks_per_gpu = 1'000'000;
  size_t max_events = 10'000;
  /// Of the tiers and of blocks, in seconds.
  double keep_raw = 15 * 60;
  double keep_second = 24 * 3600;
  double keep_minute = 366.0 * 24 * 3600;
  double keep_blocks = 15 * 60;
  double flush_every = 60;
};

struct SeriesQuery {
  std::string gpu{};
  std::string workload{};  ///< "": series of the GPU
  std::vector<std::string> names{};
  double from = 0;
  double to = 0;
  size_t points = 600;
};
struct SeriesAnswer {
  struct One {
    std::string name;
    std::string unit;
    client::Label label = client::Label::kMeasured;
    std::vector<Point> points;
  };
  double step = 0;  ///< seconds between points
  std::vector<One> series;
};

struct LaneInfo {
  std::string name;
  ServiceClass service_class = ServiceClass::kNormal;
};
struct LanesAnswer {
  Lanes lanes;
  std::map<std::string, LaneInfo> infos;  ///< by workload
};

/// Safe from any thread.
class History {
 public:
  /// Errors (failed): as Store::open.
  static Result<std::unique_ptr<History>> open(HistoryOptions options);
  ~History();
  History(const History&) = delete;
  History& operator=(const History&) = delete;

  void add(const News& news);
  /// Errors (usage): an unknown name.
  Result<SeriesAnswer> series(const SeriesQuery& query);
  LanesAnswer lanes(const std::string& gpu, double from, double to, size_t pixels);
  /// Events from number `since` on, oldest first, `limit` at most; without a number the newest.
  std::vector<Event> events(std::optional<uint64_t> since, size_t limit);
  uint64_t next_event() const;
  /// Writes what has gathered. Also done every minute and at the end.
  Status flush();
  Result<uint64_t> used_bytes();

 private:
  static constexpr size_t kTiers = 3;
  struct Chunk {
    std::vector<Point> points;
    size_t stored = 0;  ///< points that the store has already
  };
  struct Track {
    int64_t id = 0;
    bool exact = false;
    client::Label label = client::Label::kMeasured;
    Bucket second{1};
    Bucket minute{60};
    std::array<Chunk, kTiers> chunks;
  };
  using Key = std::array<std::string, 3>;  ///< GPU, workload, name
  using KeyView = std::array<std::string_view, 3>;
  /// Finds a Key by a KeyView: each cycle looks for each series.
  struct KeyLess {
    using is_transparent = void;
    template <typename A, typename B>
    bool operator()(const A& a, const B& b) const {
      for (size_t i = 0; i < a.size(); ++i) {
        const int order = std::string_view(a[i]).compare(b[i]);
        if (order != 0) return order < 0;
      }
      return false;
    }
  };

  History(HistoryOptions options, std::unique_ptr<Store> store);
  Status load();
  Track* track(const KeyView& key, bool exact);
  void add_value(const KeyView& key, bool exact, client::Label label, double t,
                 const std::optional<double>& value);
  void add_point(Track& track, size_t tier, const Point& point);
  Status put(Track& track, size_t tier);
  Status flush_locked();
  Status prune(double now);
  std::vector<Point> read(Track& track, size_t tier, double from, double to);
  size_t tier_for(double from, double to, size_t points) const;
  void tell_once(const Status& status);

  const HistoryOptions options_;
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::unique_ptr<Store> store_;
  std::map<Key, Track, KeyLess> tracks_;
  std::map<std::string, BlockLog> blocks_;                          ///< by GPU
  std::map<std::string, std::vector<SliceBlock>> unstored_blocks_;  ///< by GPU
  std::map<std::string, std::map<std::string, LaneInfo>> infos_;    ///< by GPU and workload
  std::deque<Event> events_;
  std::vector<Event> unstored_events_;
  double newest_ = 0;
  double flush_due_ = 0;
  bool told_ = false;  ///< that it cannot be written
};

}  // namespace corun::monitoring
