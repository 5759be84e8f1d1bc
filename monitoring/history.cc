#include "monitoring/history.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>

#include "core/log.h"
#include "monitoring/block_codec.h"
#include "monitoring/series.h"

namespace corun::monitoring {

namespace {

constexpr size_t kRaw = 0, kSecond = 1, kMinute = 2;
constexpr double kResolution[] = {0.02, 1, 60};
constexpr double kChunkSeconds[] = {60, 600, 6 * 3600};
constexpr size_t kMostUnstoredBlocks = 1u << 18;
constexpr size_t kMostUnstoredPoints = 20'000;  ///< of a series and tier
constexpr int64_t kDropAtOnce = 64;

}  // namespace

History::History(HistoryOptions options, std::unique_ptr<Store> store)
    : options_(std::move(options)), store_(std::move(store)) {}

History::~History() { tell_once(flush()); }

Result<std::unique_ptr<History>> History::open(HistoryOptions options) {
  CORUN_ASSIGN(auto store, Store::open(options.file));
  std::unique_ptr<History> history(new History(std::move(options), std::move(store)));
  CORUN_TRY(history->load());
  return history;
}

Status History::load() {
  CORUN_ASSIGN(const auto known, store_->series());
  for (const Store::Series& one : known) {
    Track track;
    track.id = one.id;
    for (const GpuSeries& kind : gpu_series()) {
      if (kind.name == one.name && kind.counter) track.exact = true;
    }
    tracks_.emplace(Key{one.gpu, one.workload, one.name}, std::move(track));
  }
  CORUN_ASSIGN(const auto events, store_->events(options_.max_events));
  events_.assign(events.begin(), events.end());
  return store_->blocks([this](const std::string& gpu, std::string_view blob) {
    auto& log =
        blocks_.try_emplace(gpu, options_.keep_blocks, options_.max_blocks_per_gpu).first->second;
    for (const auto& [workload, block] : decode_blocks(blob)) log.add(workload, block);
  });
}

History::Track* History::track(const KeyView& key, bool exact) {
  const auto found = tracks_.find(key);
  if (found != tracks_.end()) return &found->second;
  const auto id = store_->add_series(std::string(key[0]), std::string(key[1]), key[2]);
  if (!id) {
    tell_once(id.error());
    return nullptr;
  }
  Track track;
  track.id = *id;
  track.exact = exact;
  Key kept{std::string(key[0]), std::string(key[1]), std::string(key[2])};
  return &tracks_.emplace(std::move(kept), std::move(track)).first->second;
}

Status History::put(Track& track, size_t tier) {
  Chunk& chunk = track.chunks[tier];
  if (chunk.points.size() == chunk.stored) return {};
  CORUN_TRY(store_->put_chunk(track.id, static_cast<int>(tier), chunk.points.front().t,
                              chunk.points.back().t, encode_points(chunk.points, track.exact)));
  chunk.stored = chunk.points.size();
  return {};
}

void History::add_point(Track& track, size_t tier, const Point& point) {
  Chunk& chunk = track.chunks[tier];
  const bool over =
      !chunk.points.empty() && (point.t - chunk.points.front().t >= kChunkSeconds[tier] ||
                                point.t <= chunk.points.back().t);  // the clock was set back
  if (over) {
    const Status kept = put(track, tier);
    tell_once(kept);
    // What cannot be written now is kept, as far as there is room, and written with what follows.
    if (kept || chunk.points.size() >= kMostUnstoredPoints) chunk = {};
  }
  chunk.points.push_back(point);
}

void History::add_value(const KeyView& key, bool exact, client::Label label, double t,
                        const std::optional<double>& value) {
  if (!value || !std::isfinite(*value)) return;
  Track* const track = this->track(key, exact);
  if (track == nullptr) return;
  track->label = label;
  add_point(*track, kRaw, point_of(t, *value));
  if (const auto point = track->second.add(t, *value)) add_point(*track, kSecond, *point);
  if (const auto point = track->minute.add(t, *value)) add_point(*track, kMinute, *point);
}

void History::add(const News& news) {
  const std::lock_guard lock(mutex_);
  const Snapshot& snapshot = *news.snapshot;
  newest_ = snapshot.at;
  for (const Gpu& gpu : snapshot.gpus) {
    for (const GpuSeries& kind : gpu_series()) {
      add_value({gpu.uuid, "", kind.name}, kind.counter, client::Label::kMeasured, snapshot.at,
                kind.value(gpu));
    }
  }
  for (const Workload& workload : snapshot.workloads) {
    infos_[workload.gpu][workload.workload] = {workload.name, workload.service_class};
    for (const WorkloadSeries& kind : workload_series()) {
      const Figure figure = kind.value(workload);
      add_value({workload.gpu, workload.workload, kind.name}, false, figure.label, snapshot.at,
                figure.value);
    }
  }
  for (const SliceBlock& block : news.blocks) {
    blocks_.try_emplace(block.gpu, options_.keep_blocks, options_.max_blocks_per_gpu)
        .first->second.add(block);
    auto& unstored = unstored_blocks_[block.gpu];
    if (unstored.size() < kMostUnstoredBlocks) unstored.push_back(block);
  }
  for (const Event& event : news.events) {
    events_.push_back(event);
    if (events_.size() > options_.max_events) events_.pop_front();
    unstored_events_.push_back(event);
  }
  // The wall clock may have been set back, too.
  if (snapshot.at < flush_due_ && snapshot.at > flush_due_ - 2 * options_.flush_every) return;
  flush_due_ = snapshot.at + options_.flush_every;
  tell_once(flush_locked());
}

Status History::flush() {
  const std::lock_guard lock(mutex_);
  return flush_locked();
}

Status History::flush_locked() {
  CORUN_TRY(store_->begin());
  Status status;
  const auto attempt = [&status](const Status& done) {
    if (status && !done) status = done;
  };
  for (auto& [key, track] : tracks_) {
    for (size_t tier = 0; tier < kTiers; ++tier) attempt(put(track, tier));
  }
  for (auto& [gpu, blocks] : unstored_blocks_) {
    if (!blocks.empty()) {
      attempt(
          store_->put_blocks(gpu, blocks.front().begin, blocks.back().end, encode_blocks(blocks)));
    }
    blocks.clear();
  }
  for (const Event& event : unstored_events_) attempt(store_->put_event(event));
  unstored_events_.clear();
  attempt(prune(newest_));
  const Status committed = store_->commit();
  attempt(committed);
  if (!committed) {
    for (auto& [key, track] : tracks_) {
      for (Chunk& chunk : track.chunks) chunk.stored = 0;
    }
  }
  if (status) attempt(store_->shrink());
  if (status) told_ = false;
  return status;
}

Status History::prune(double now) {
  CORUN_TRY(store_->drop_chunks(kRaw, now - options_.keep_raw));
  CORUN_TRY(store_->drop_chunks(kSecond, now - options_.keep_second));
  CORUN_TRY(store_->drop_chunks(kMinute, now - options_.keep_minute));
  CORUN_TRY(store_->drop_blocks(now - options_.keep_blocks));
  CORUN_TRY(store_->drop_events(options_.max_events));
  std::set<std::string> gpus;
  for (const auto& [key, track] : tracks_) gpus.insert(key[0]);
  const uint64_t most = options_.max_bytes_per_gpu * std::max<size_t>(gpus.size(), 1);
  // What is oldest goes first: minutes of a year ago, then seconds.
  for (const size_t tier : {kMinute, kSecond, kRaw}) {
    while (true) {
      CORUN_ASSIGN(const uint64_t used, store_->used_bytes());
      if (used <= most) return {};
      CORUN_ASSIGN(const int64_t dropped, store_->drop_oldest(static_cast<int>(tier), kDropAtOnce));
      if (dropped == 0) break;
    }
  }
  return {};
}

void History::tell_once(const Status& status) {
  if (status || told_) return;
  told_ = true;
  log::warn("{}; the history goes on in memory", status.error().what);
}

size_t History::tier_for(double from, double to, size_t points) const {
  const double step = (to - from) / static_cast<double>(std::max<size_t>(points, 1));
  const double age = newest_ - from;
  size_t tier = kRaw;
  if (age > options_.keep_raw || step >= kResolution[kSecond]) tier = kSecond;
  if (age > options_.keep_second || step >= kResolution[kMinute]) tier = kMinute;
  return tier;
}

std::vector<Point> History::read(Track& track, size_t tier, double from, double to) {
  std::vector<Point> points;
  const Chunk& open = track.chunks[tier];
  const double open_from = open.points.empty() ? to : open.points.front().t;
  tell_once(store_->chunks(track.id, static_cast<int>(tier), from, to, [&](std::string_view blob) {
    const auto some = decode_points(blob);
    if (!some || some->empty()) return;
    const bool same = !open.points.empty() && some->front().t == open_from;
    if (!same) points.insert(points.end(), some->begin(), some->end());
  }));
  points.insert(points.end(), open.points.begin(), open.points.end());
  const Bucket* const bucket = tier == kSecond   ? &track.second
                               : tier == kMinute ? &track.minute
                                                 : nullptr;
  if (bucket != nullptr) {
    if (const auto last = bucket->open()) points.push_back(*last);
  }
  std::stable_sort(points.begin(), points.end(),
                   [](const Point& a, const Point& b) { return a.t < b.t; });
  return points;
}

Result<SeriesAnswer> History::series(const SeriesQuery& query) {
  const std::lock_guard lock(mutex_);
  const size_t tier = tier_for(query.from, query.to, query.points);
  SeriesAnswer answer;
  answer.step = std::max((query.to - query.from) / static_cast<double>(query.points),
                         tier == kRaw ? 0.0 : kResolution[tier]);
  for (const std::string& name : query.names) {
    SeriesAnswer::One one;
    one.name = name;
    if (query.workload.empty()) {
      for (const GpuSeries& kind : gpu_series()) {
        if (kind.name == name) one.unit = kind.unit;
      }
    } else {
      for (const WorkloadSeries& kind : workload_series()) {
        if (kind.name == name) one.unit = kind.unit;
      }
    }
    if (one.unit.empty()) {
      return usage_error(fmt::format("there is no series '{}'", name),
                         "docs/live-api.md lists those of GPUs and of workloads");
    }
    if (const auto found = tracks_.find(Key{query.gpu, query.workload, name});
        found != tracks_.end()) {
      one.label = found->second.label;
      const auto points = read(found->second, tier, query.from, query.to);
      one.points = thin_out(points, query.from, query.to, query.points);
    }
    answer.series.push_back(std::move(one));
  }
  return answer;
}

LanesAnswer History::lanes(const std::string& gpu, double from, double to, size_t pixels) {
  const std::lock_guard lock(mutex_);
  LanesAnswer answer;
  if (const auto log = blocks_.find(gpu); log != blocks_.end()) {
    answer.lanes = log->second.query(from, to, pixels);
  }
  if (const auto infos = infos_.find(gpu); infos != infos_.end()) answer.infos = infos->second;
  return answer;
}

std::vector<Event> History::events(std::optional<uint64_t> since, size_t limit) {
  const std::lock_guard lock(mutex_);
  auto begin = events_.begin();
  if (since) {
    begin = std::find_if(events_.begin(), events_.end(),
                         [&](const Event& event) { return event.seq >= *since; });
  } else if (events_.size() > limit) {
    begin = events_.end() - static_cast<std::ptrdiff_t>(limit);
  }
  const auto count =
      std::min<std::ptrdiff_t>(events_.end() - begin, static_cast<std::ptrdiff_t>(limit));
  return {begin, begin + count};
}

uint64_t History::next_event() const {
  const std::lock_guard lock(mutex_);
  return events_.empty() ? 1 : events_.back().seq + 1;
}

Result<uint64_t> History::used_bytes() {
  const std::lock_guard lock(mutex_);
  return store_->used_bytes();
}

}  // namespace corun::monitoring
