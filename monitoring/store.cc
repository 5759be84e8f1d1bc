#include "monitoring/store.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include "core/json_values.h"
#include "core/log.h"
#include "monitoring/clock_map.h"

namespace corun::monitoring {

namespace fs = std::filesystem;

namespace {

constexpr int kStoreVersion = 1;
constexpr int kStoreId = 0x636f7275;  // "coru"
constexpr int kBusyMs = 2000;
constexpr char kSchema[] = R"(
CREATE TABLE IF NOT EXISTS series(
  id INTEGER PRIMARY KEY, gpu TEXT NOT NULL, workload TEXT NOT NULL, name TEXT NOT NULL,
  UNIQUE(gpu, workload, name));
CREATE TABLE IF NOT EXISTS chunk(
  series INTEGER NOT NULL, tier INTEGER NOT NULL, t0 REAL NOT NULL, t1 REAL NOT NULL,
  data BLOB NOT NULL, PRIMARY KEY(series, tier, t0)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS block(
  gpu TEXT NOT NULL, t0 REAL NOT NULL, t1 REAL NOT NULL, data BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS event(seq INTEGER PRIMARY KEY, at REAL NOT NULL, data TEXT NOT NULL);
)";

bool is_damage(int code) {
  const int primary = code & 0xff;
  return primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB;
}

}  // namespace

/// One use of a prepared statement.
class Store::Statement {
 public:
  Statement(sqlite3* database, const char* sql) {
    code_ = sqlite3_prepare_v2(database, sql, -1, &statement_, nullptr);
  }
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  Statement& bind(int64_t value) {
    sqlite3_bind_int64(statement_, ++bound_, value);
    return *this;
  }
  Statement& bind(int value) { return bind(int64_t{value}); }
  Statement& bind(double value) {
    sqlite3_bind_double(statement_, ++bound_, value);
    return *this;
  }
  Statement& bind(std::string_view text) {
    sqlite3_bind_text64(statement_, ++bound_, text.data(), text.size(), SQLITE_TRANSIENT,
                        SQLITE_UTF8);
    return *this;
  }
  Statement& bind_blob(std::string_view bytes) {
    sqlite3_bind_blob64(statement_, ++bound_, bytes.data(), bytes.size(), SQLITE_TRANSIENT);
    return *this;
  }
  /// True when there is a row.
  bool step() {
    if (code_ == SQLITE_OK || code_ == SQLITE_ROW) code_ = sqlite3_step(statement_);
    return code_ == SQLITE_ROW;
  }
  bool ok() const { return code_ == SQLITE_DONE || code_ == SQLITE_ROW || code_ == SQLITE_OK; }
  int code() const { return code_; }
  int64_t integer(int column) { return sqlite3_column_int64(statement_, column); }
  std::string_view text(int column) {
    const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement_, column));
    const auto size = static_cast<size_t>(sqlite3_column_bytes(statement_, column));
    return bytes == nullptr ? std::string_view() : std::string_view(bytes, size);
  }

 private:
  sqlite3_stmt* statement_ = nullptr;
  int code_ = SQLITE_OK;
  int bound_ = 0;
};

Error Store::error(const char* doing) const {
  return failed(fmt::format("history: cannot {}: {}", doing, sqlite3_errmsg(database_)));
}

Status Store::run(const char* sql) {
  if (sqlite3_exec(database_, sql, nullptr, nullptr, nullptr) == SQLITE_OK) return {};
  return error("work with the file");
}

Store::~Store() { sqlite3_close_v2(database_); }

Result<std::unique_ptr<Store>> Store::open_once(const fs::path& file, bool* damaged) {
  sqlite3* database = nullptr;
  const std::string name = file.empty() ? ":memory:" : file.string();
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  int code = sqlite3_open_v2(name.c_str(), &database, flags, nullptr);
  std::unique_ptr<Store> store(new Store(database));
  if (code != SQLITE_OK) {
    return failed(fmt::format("cannot open the history {}: {}", name, sqlite3_errstr(code)),
                  "name a file in a folder that you may write to");
  }
  if (!file.empty()) {  // its user's alone, as all that corun keeps
    std::error_code ignored;
    fs::permissions(file, fs::perms::owner_read | fs::perms::owner_write, ignored);
  }
  sqlite3_busy_timeout(database, kBusyMs);
  int64_t id = 0;
  int64_t version = 0;
  int64_t tables = 0;
  const auto read = [&](const char* sql, int64_t& out) {
    Statement statement(database, sql);
    if (statement.step()) out = statement.integer(0);
    if (!statement.ok()) code = statement.code();
  };
  read("PRAGMA application_id", id);
  read("PRAGMA user_version", version);
  read("SELECT count(*) FROM sqlite_master", tables);
  if (code == SQLITE_OK && !file.empty() && tables > 0) {
    Statement check(database, "PRAGMA quick_check(1)");
    if (check.step() && check.text(0) != "ok") code = SQLITE_CORRUPT;
    if (!check.ok()) code = check.code();
  }
  const bool foreign = tables > 0 && (id != kStoreId || version != kStoreVersion);
  *damaged = is_damage(code) || (code == SQLITE_OK && foreign);
  if (*damaged) return failed("the file is damaged, or no history of this version");
  if (code != SQLITE_OK) {
    return failed(fmt::format("cannot read the history {}: {}", name, sqlite3_errstr(code)),
                  "end the other program that holds it");
  }
  CORUN_TRY(
      store->run("PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=WAL; "
                 "PRAGMA synchronous=NORMAL;"));
  CORUN_TRY(store->run(
      fmt::format("PRAGMA application_id={}; PRAGMA user_version={};", kStoreId, kStoreVersion)
          .c_str()));
  CORUN_TRY(store->run(kSchema));
  return store;
}

Result<std::unique_ptr<Store>> Store::open(const fs::path& file) {
  bool damaged = false;
  auto store = open_once(file, &damaged);
  if (store || !damaged) return store;
  const std::string aside =
      fmt::format("{}.damaged-{}", file.string(), static_cast<int64_t>(unix_now()));
  std::error_code code;
  fs::rename(file, aside, code);
  if (code) {
    return failed(fmt::format("the history {} is damaged, and cannot be moved aside: {}",
                              file.string(), code.message()),
                  "move it away, or name another file");
  }
  for (const char* suffix : {"-wal", "-shm"}) {
    std::error_code ignored;
    fs::rename(file.string() + suffix, aside + suffix, ignored);
  }
  log::warn("the history {} was damaged or of another program; it is now {}", file.string(), aside);
  return open_once(file, &damaged);
}

Result<std::vector<Store::Series>> Store::series() {
  std::vector<Series> all;
  Statement statement(database_, "SELECT id, gpu, workload, name FROM series");
  while (statement.step()) {
    all.push_back({statement.integer(0), std::string(statement.text(1)),
                   std::string(statement.text(2)), std::string(statement.text(3))});
  }
  if (!statement.ok()) return error("read the series");
  return all;
}

Result<int64_t> Store::add_series(const std::string& gpu, const std::string& workload,
                                  std::string_view name) {
  Statement statement(database_, "INSERT INTO series(gpu, workload, name) VALUES(?, ?, ?)");
  statement.bind(gpu).bind(workload).bind(name).step();
  if (!statement.ok()) return error("add a series");
  return sqlite3_last_insert_rowid(database_);
}

Status Store::put_chunk(int64_t series, int tier, double t0, double t1, const std::string& blob) {
  Statement statement(database_, "INSERT OR REPLACE INTO chunk VALUES(?, ?, ?, ?, ?)");
  statement.bind(series).bind(tier).bind(t0).bind(t1).bind_blob(blob).step();
  return statement.ok() ? Status() : error("keep a chunk");
}

Status Store::chunks(int64_t series, int tier, double from, double to,
                     const std::function<void(std::string_view blob)>& take) {
  Statement statement(database_,
                      "SELECT data FROM chunk WHERE series=? AND tier=? AND t1>=? AND t0<=? "
                      "ORDER BY t0");
  statement.bind(series).bind(tier).bind(from).bind(to);
  while (statement.step()) take(statement.text(0));
  return statement.ok() ? Status() : error("read chunks");
}

Status Store::put_blocks(const std::string& gpu, double t0, double t1, const std::string& blob) {
  Statement statement(database_, "INSERT INTO block VALUES(?, ?, ?, ?)");
  statement.bind(gpu).bind(t0).bind(t1).bind_blob(blob).step();
  return statement.ok() ? Status() : error("keep blocks");
}

Status Store::blocks(
    const std::function<void(const std::string& gpu, std::string_view blob)>& take) {
  Statement statement(database_, "SELECT gpu, data FROM block ORDER BY t0");
  while (statement.step()) take(std::string(statement.text(0)), statement.text(1));
  return statement.ok() ? Status() : error("read blocks");
}

Status Store::put_event(const Event& event) {
  Statement statement(database_, "INSERT OR REPLACE INTO event VALUES(?, ?, ?)");
  statement.bind(static_cast<int64_t>(event.seq)).bind(event.at).bind(to_line(to_json(event)));
  statement.step();
  return statement.ok() ? Status() : error("keep an event");
}

Result<std::vector<Event>> Store::events(size_t count) {
  Statement statement(database_,
                      "SELECT data FROM (SELECT seq, data FROM event ORDER BY seq DESC LIMIT ?) "
                      "ORDER BY seq");
  statement.bind(static_cast<int64_t>(count));
  std::vector<Event> all;
  while (statement.step()) {
    const auto json = parse_json(statement.text(0), "event");
    if (!json) continue;
    if (auto event = event_from_json(*json)) all.push_back(std::move(*event));
  }
  if (!statement.ok()) return error("read events");
  return all;
}

Status Store::begin() { return run("BEGIN"); }
Status Store::commit() {
  Status done = run("COMMIT");
  if (!done) sqlite3_exec(database_, "ROLLBACK", nullptr, nullptr, nullptr);
  return done;
}

Status Store::drop_chunks(int tier, double before) {
  Statement statement(database_, "DELETE FROM chunk WHERE tier=? AND t1<?");
  statement.bind(tier).bind(before).step();
  return statement.ok() ? Status() : error("drop old chunks");
}

Status Store::drop_blocks(double before) {
  Statement statement(database_, "DELETE FROM block WHERE t1<?");
  statement.bind(before).step();
  return statement.ok() ? Status() : error("drop old blocks");
}

Status Store::drop_events(size_t keep) {
  Statement statement(database_, "DELETE FROM event WHERE seq <= (SELECT max(seq) FROM event) - ?");
  statement.bind(static_cast<int64_t>(keep)).step();
  return statement.ok() ? Status() : error("drop old events");
}

Result<int64_t> Store::drop_oldest(int tier, int64_t count) {
  Statement statement(database_,
                      "DELETE FROM chunk WHERE tier=?1 AND t0 <= (SELECT t0 FROM chunk WHERE "
                      "tier=?1 ORDER BY t0 LIMIT 1 OFFSET ?2)");
  statement.bind(tier).bind(count).step();
  if (!statement.ok()) return error("drop the oldest chunks");
  return int64_t{sqlite3_changes(database_)};
}

Result<uint64_t> Store::used_bytes() {
  uint64_t values[3] = {};
  const char* const pragmas[] = {"PRAGMA page_count", "PRAGMA freelist_count", "PRAGMA page_size"};
  for (size_t i = 0; i < 3; ++i) {
    Statement statement(database_, pragmas[i]);
    if (!statement.step()) return error("measure the file");
    values[i] = static_cast<uint64_t>(statement.integer(0));
  }
  return (values[0] - values[1]) * values[2];
}

Status Store::shrink() { return run("PRAGMA incremental_vacuum(2000)"); }

}  // namespace corun::monitoring
