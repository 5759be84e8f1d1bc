#include "monitoring/recording.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/files.h"
#include "core/json_fields.h"
#include "core/json_values.h"
#include "monitoring/gzip.h"

namespace corun::monitoring {

namespace {

constexpr size_t kMaxRecording = size_t{2} << 30;

Status add_others(const Json& line, News* news) {
  if (const auto slices = line.find("slices"); slices != line.end() && slices->is_array()) {
    for (const Json& one : *slices) {
      CORUN_ASSIGN(SliceBlock block, slice_block_from_json(one));
      news->blocks.push_back(std::move(block));
    }
  }
  if (const auto events = line.find("events"); events != line.end() && events->is_array()) {
    for (const Json& one : *events) {
      CORUN_ASSIGN(Event event, event_from_json(one));
      news->events.push_back(std::move(event));
    }
  }
  return {};
}

}  // namespace

Result<Recording> Recording::read(const std::filesystem::path& file) {
  CORUN_ASSIGN(std::string bytes, read_file(file));
  const std::string name = file.filename().string();
  bool whole = true;
  if (bytes.starts_with("\x1f\x8b")) {
    auto text = gunzip_up_to_cut(bytes, kMaxRecording, &whole);
    if (!text) return failed(fmt::format("{}: {}", file.string(), text.error().what));
    bytes = std::move(*text);
  }
  return parse(std::move(bytes), name, whole);
}

Status Recording::add_line(size_t begin, size_t length, size_t number, std::vector<Line>* others) {
  const std::string where = fmt::format("{} line {}", name_, number);
  CORUN_ASSIGN(const Json json, parse_json(text_of({begin, length}), where));
  if (!json.is_object()) return usage_error(where + ": not a JSON object");
  if (json.contains("hello")) {
    const Json& hello = json["hello"];
    if (!hello.is_object() || hello.value("schema", Json()) != kLiveSchema) {
      return usage_error(where + ": a recording of another schema", "this corun reads schema 1");
    }
    return {};
  }
  if (!json.contains("snapshot")) {
    if (json.contains("slices") || json.contains("events")) others->push_back({begin, length});
    return {};
  }
  Entry entry;
  JsonFields in(json, where);
  in.get("t", entry.t);
  CORUN_TRY(in.status());
  if (!entries_.empty() && entry.t <= entries_.back().t) return {};  // the clock was set back
  entry.snapshot = {begin, length};
  entry.others = std::move(*others);
  others->clear();
  entries_.push_back(std::move(entry));
  return {};
}

Result<Recording> Recording::parse(std::string text, const std::string& name, bool whole) {
  Recording recording;
  recording.name_ = name;
  recording.text_ = std::move(text);
  const std::string& all = recording.text_;
  std::vector<Line> others;
  size_t at = 0;
  size_t number = 0;
  while (at < all.size()) {
    const size_t end = all.find('\n', at);
    if (end == std::string::npos) {  // cut off in the middle of a line
      whole = false;
      break;
    }
    ++number;
    if (end > at) CORUN_TRY(recording.add_line(at, end - at, number, &others));
    at = end + 1;
  }
  recording.truncated_ = !whole;
  if (recording.entries_.empty()) {
    return usage_error(fmt::format("{} holds no snapshot: it is no recording, or cut off", name),
                       "make one with corun serve --record F");
  }
  return recording;
}

size_t Recording::index_at(double t) const {
  const auto after =
      std::upper_bound(entries_.begin(), entries_.end(), t,
                       [](double value, const Entry& entry) { return value < entry.t; });
  if (after == entries_.begin()) return 0;
  return static_cast<size_t>(after - entries_.begin()) - 1;
}

Result<News> Recording::news(size_t index) const {
  const Entry& entry = entries_[index];
  News news;
  for (const Line& line : entry.others) {
    CORUN_ASSIGN(const Json json, parse_json(text_of(line), name_));
    CORUN_TRY(add_others(json, &news));
  }
  CORUN_ASSIGN(const Json json, parse_json(text_of(entry.snapshot), name_));
  CORUN_ASSIGN(Snapshot snapshot, snapshot_from_json(json["snapshot"]));
  news.snapshot = std::make_shared<const Snapshot>(std::move(snapshot));
  return news;
}

Status Recording::fill(History& history) const {
  for (size_t i = 0; i < entries_.size(); ++i) {
    CORUN_ASSIGN(const News one, news(i));
    history.add(one);
  }
  return {};
}

}  // namespace corun::monitoring
