// The history's file: chunks of series, blocks and events in SQLite. The only user of SQLite.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "monitoring/snapshot.h"

struct sqlite3;
struct sqlite3_stmt;

namespace corun::monitoring {

/// Not thread-safe.
class Store {
 public:
  /// Opens or makes the file; an empty path is a store in memory. A file that is no such store, or
  /// is damaged, is moved aside with a warning, and a new one is begun. Errors (failed): the file
  /// cannot be made, or another program holds it.
  static Result<std::unique_ptr<Store>> open(const std::filesystem::path& file);
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  struct Series {
    int64_t id = 0;
    std::string gpu;
    std::string workload;
    std::string name;
  };
  Result<std::vector<Series>> series();
  Result<int64_t> add_series(const std::string& gpu, const std::string& workload,
                             std::string_view name);

  /// A chunk that begins at `t0` takes the place of one that began there.
  Status put_chunk(int64_t series, int tier, double t0, double t1, const std::string& blob);
  /// Calls `take` with each chunk of a series that overlaps the time, oldest first.
  Status chunks(int64_t series, int tier, double from, double to,
                const std::function<void(std::string_view blob)>& take);
  Status put_blocks(const std::string& gpu, double t0, double t1, const std::string& blob);
  Status blocks(const std::function<void(const std::string& gpu, std::string_view blob)>& take);
  Status put_event(const Event& event);
  /// The last `count`, oldest first.
  Result<std::vector<Event>> events(size_t count);

  Status begin();
  Status commit();
  Status drop_chunks(int tier, double before);
  Status drop_blocks(double before);
  Status drop_events(size_t keep);
  /// Removes the oldest chunks of a tier, `count` at most; returns how many.
  Result<int64_t> drop_oldest(int tier, int64_t count);
  /// Bytes in use, without those that were freed.
  Result<uint64_t> used_bytes();
  /// Gives freed pages back to the file system.
  Status shrink();

 private:
  explicit Store(sqlite3* database) : database_(database) {}
  class Statement;
  static Result<std::unique_ptr<Store>> open_once(const std::filesystem::path& file, bool* damaged);
  Status run(const char* sql);
  Error error(const char* doing) const;

  sqlite3* database_;
};

}  // namespace corun::monitoring
