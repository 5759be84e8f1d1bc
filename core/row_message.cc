#include "core/row_message.h"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "core/json.h"

namespace corun {

namespace {

constexpr size_t kQuoted = 200;  // characters of a bad line that an error shows

/// The text cut to kQuoted characters, with control characters and bytes that are no ASCII as '?'.
std::string quoted(std::string_view text) {
  std::string out;
  for (char c : text.substr(0, kQuoted)) out += c >= ' ' && c <= '~' ? c : '?';
  return out + (text.size() > kQuoted ? "..." : "");
}

Error bad_key(std::string_view key, std::string_view wanted) {
  return failed("'" + std::string(key) + "' is not " + std::string(wanted));
}

/// The typed members of one JSON object; each getter's error names the key.
class Reader {
 public:
  explicit Reader(const Json& object) : object_(object) {}

  bool has(const char* key) const {
    const auto it = object_.find(key);
    return it != object_.end() && !it->is_null();
  }
  Result<std::string> text(const char* key) const {
    const auto it = object_.find(key);
    if (it == object_.end() || !it->is_string()) return bad_key(key, "a text");
    return it->get<std::string>();
  }
  Result<bool> boolean(const char* key) const {
    const auto it = object_.find(key);
    if (it == object_.end() || !it->is_boolean()) return bad_key(key, "true or false");
    return it->get<bool>();
  }
  /// A finite number >= 0.
  Result<double> number(const char* key) const {
    const auto it = object_.find(key);
    if (it == object_.end() || !is_number(*it)) return bad_key(key, "a number >= 0");
    return it->get<double>();
  }
  Result<uint64_t> count(const char* key) const {
    const auto it = object_.find(key);
    if (it == object_.end() || !is_count(*it)) return bad_key(key, "a whole number >= 0");
    return it->get<uint64_t>();
  }
  Result<int> window() const {
    CORUN_ASSIGN(const uint64_t value, count("window"));
    if (value > 1'000'000'000) return bad_key("window", "the number of a window");
    return static_cast<int>(value);
  }
  Result<std::vector<double>> numbers(const char* key) const {
    return list<double>(key, "a list of numbers >= 0", is_number);
  }
  Result<std::vector<uint64_t>> counts(const char* key) const {
    return list<uint64_t>(key, "a list of whole numbers >= 0", is_count);
  }

 private:
  static bool is_number(const Json& value) {
    return value.is_number() && std::isfinite(value.get<double>()) && value.get<double>() >= 0;
  }
  static bool is_count(const Json& value) {
    return value.is_number_unsigned() || (value.is_number_integer() && value.get<int64_t>() >= 0);
  }
  template <typename T>
  Result<std::vector<T>> list(const char* key, const char* wanted,
                              bool (*fits)(const Json&)) const {
    const auto it = object_.find(key);
    if (it == object_.end() || !it->is_array()) return bad_key(key, wanted);
    std::vector<T> values;
    values.reserve(it->size());
    for (const Json& value : *it) {
      if (!fits(value)) return bad_key(key, wanted);
      values.push_back(value.get<T>());
    }
    return values;
  }

  const Json& object_;
};

/// Whether no entry of `later` is below its entry of `earlier`.
bool all_at_least(const std::vector<double>& later, const std::vector<double>& earlier) {
  for (size_t i = 0; i < later.size(); ++i) {
    if (later[i] < earlier[i]) return false;
  }
  return true;
}

template <typename T>
bool never_falls(const std::vector<T>& values) {
  for (size_t i = 1; i < values.size(); ++i) {
    if (values[i] < values[i - 1]) return false;
  }
  return true;
}

Result<Message> parse_initialised(const Reader&) { return Message(InitialisedMessage{}); }

Result<Message> parse_ready(const Reader& in) {
  ReadyMessage m;
  CORUN_ASSIGN(const std::string kind, in.text("kind"));
  CORUN_ASSIGN(m.kind, parse_workload_kind(kind));
  CORUN_ASSIGN(m.unit, in.text("unit"));
  CORUN_ASSIGN(m.rate, in.number("rate"));
  return Message(std::move(m));
}

Result<Message> parse_progress(const Reader& in) {
  ProgressMessage m;
  CORUN_ASSIGN(m.window, in.window());
  CORUN_ASSIGN(m.t_us, in.numbers("t_us"));
  CORUN_ASSIGN(m.items, in.counts("items"));
  if (m.t_us.size() != m.items.size()) return failed("'t_us' and 'items' differ in length");
  if (!never_falls(m.t_us) || !never_falls(m.items)) return failed("'t_us' or 'items' falls");
  return Message(std::move(m));
}

Result<Message> parse_requests(const Reader& in) {
  RequestsMessage m;
  CORUN_ASSIGN(m.window, in.window());
  CORUN_ASSIGN(m.scheduled_us, in.numbers("scheduled_us"));
  CORUN_ASSIGN(m.start_us, in.numbers("start_us"));
  CORUN_ASSIGN(m.end_us, in.numbers("end_us"));
  const size_t n = m.scheduled_us.size();
  if (m.start_us.size() != n || m.end_us.size() != n) {
    return failed("'scheduled_us', 'start_us' and 'end_us' differ in length");
  }
  if (!all_at_least(m.start_us, m.scheduled_us) || !all_at_least(m.end_us, m.start_us)) {
    return failed("a request starts before it is scheduled, or ends before it starts");
  }
  return Message(std::move(m));
}

Result<Message> parse_done(const Reader& in) {
  DoneMessage m;
  CORUN_ASSIGN(m.window, in.window());
  CORUN_ASSIGN(m.items, in.count("items"));
  CORUN_ASSIGN(m.t_us, in.number("t_us"));
  if (in.has("unanswered")) {
    CORUN_ASSIGN(m.unanswered, in.count("unanswered"));
  }
  if (in.has("checksum")) {
    CORUN_ASSIGN(m.checksum, in.text("checksum"));
  }
  if (in.has("checksum_ok")) {
    CORUN_ASSIGN(m.checksum_ok, in.boolean("checksum_ok"));
  }
  if (in.has("memory_bytes")) {
    CORUN_ASSIGN(m.memory_bytes, in.count("memory_bytes"));
  }
  return Message(std::move(m));
}

Result<Message> parse_note(const Reader& in) {
  CORUN_ASSIGN(std::string text, in.text("text"));
  return Message(NoteMessage{std::move(text)});
}

Result<Message> parse_error(const Reader& in) {
  CORUN_ASSIGN(std::string text, in.text("text"));
  return Message(ErrorMessage{std::move(text)});
}

struct MessageType {
  std::string_view name;
  Result<Message> (*parse)(const Reader&);
};
constexpr MessageType kMessageTypes[] = {
    {"initialised", parse_initialised},
    {"ready", parse_ready},
    {"progress", parse_progress},
    {"requests", parse_requests},
    {"done", parse_done},
    {"note", parse_note},
    {"error", parse_error},
};

Result<Command> parse_warm(const Reader& in) {
  WarmCommand c;
  CORUN_ASSIGN(c.max_s, in.number("max_s"));
  CORUN_ASSIGN(c.window_s, in.number("window_s"));
  if (in.has("tolerance")) {
    CORUN_ASSIGN(c.tolerance, in.number("tolerance"));
  }
  return Command(c);
}

Result<Command> parse_start(const Reader& in) {
  StartCommand c;
  CORUN_ASSIGN(c.window, in.window());
  CORUN_ASSIGN(const uint64_t at_ns, in.count("at_ns"));
  if (at_ns > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
    return bad_key("at_ns", "a time");
  }
  c.at = Instant{static_cast<int64_t>(at_ns)};
  CORUN_ASSIGN(c.seconds, in.number("seconds"));
  CORUN_ASSIGN(c.seed, in.count("seed"));
  return Command(c);
}

Result<Command> parse_stop(const Reader&) { return Command(StopCommand{}); }

struct CommandType {
  std::string_view name;
  Result<Command> (*parse)(const Reader&);
};
constexpr CommandType kCommandTypes[] = {
    {"warm", parse_warm}, {"start", parse_start}, {"stop", parse_stop}};

/// Any depth of nesting beyond this is no message; it bounds the parser's stack.
constexpr int kMaxDepth = 8;

/// The line as a JSON object without exceptions; nothing when it is not one.
std::optional<Json> parse_object(std::string_view line) {
  bool too_deep = false;
  const Json::parser_callback_t bound = [&too_deep](int depth, Json::parse_event_t, Json&) {
    too_deep |= depth > kMaxDepth;
    return !too_deep;
  };
  if (line.size() > kMaxRowLine) return std::nullopt;
  Json value = Json::parse(line, bound, /*allow_exceptions=*/false);
  if (too_deep || !value.is_object()) return std::nullopt;
  return value;
}

template <typename Value, typename Table>
Result<Value> parse_by(const Table& table, const char* selector, std::string_view line) {
  const auto object = parse_object(line);
  if (!object) return failed("not a JSON object: " + quoted(line));
  const Reader in(*object);
  auto name = in.text(selector);
  if (!name) return failed(name.error().what + ": " + quoted(line));
  for (const auto& type : table) {
    if (type.name != *name) continue;
    auto value = type.parse(in);
    if (!value) {
      return failed(std::string(type.name) + ": " + value.error().what + ": " + quoted(line));
    }
    return value;
  }
  return failed("unknown " + std::string(selector) + ": " + quoted(line));
}

Json json_of(const InitialisedMessage&) { return {{"type", "initialised"}}; }
Json json_of(const ReadyMessage& m) {
  return {{"type", "ready"}, {"kind", to_string(m.kind)}, {"unit", m.unit}, {"rate", m.rate}};
}
Json json_of(const ProgressMessage& m) {
  return {{"type", "progress"}, {"window", m.window}, {"t_us", m.t_us}, {"items", m.items}};
}
Json json_of(const RequestsMessage& m) {
  return {{"type", "requests"},
          {"window", m.window},
          {"scheduled_us", m.scheduled_us},
          {"start_us", m.start_us},
          {"end_us", m.end_us}};
}
Json json_of(const DoneMessage& m) {
  Json out{{"type", "done"}, {"window", m.window}, {"items", m.items}, {"t_us", m.t_us}};
  if (m.unanswered > 0) out["unanswered"] = m.unanswered;
  if (m.checksum) out["checksum"] = *m.checksum;
  if (m.checksum_ok) out["checksum_ok"] = *m.checksum_ok;
  if (m.memory_bytes) out["memory_bytes"] = *m.memory_bytes;
  return out;
}
Json json_of(const NoteMessage& m) { return {{"type", "note"}, {"text", m.text}}; }
Json json_of(const ErrorMessage& m) { return {{"type", "error"}, {"text", m.text}}; }

Json json_of(const WarmCommand& c) {
  return {
      {"cmd", "warm"}, {"max_s", c.max_s}, {"window_s", c.window_s}, {"tolerance", c.tolerance}};
}
Json json_of(const StartCommand& c) {
  return {{"cmd", "start"},
          {"window", c.window},
          {"at_ns", c.at.ns},
          {"seconds", c.seconds},
          {"seed", c.seed}};
}
Json json_of(const StopCommand&) { return {{"cmd", "stop"}}; }

}  // namespace

Result<Message> parse_message(std::string_view line) {
  return parse_by<Message>(kMessageTypes, "type", line);
}

Result<Command> parse_command(std::string_view line) {
  return parse_by<Command>(kCommandTypes, "cmd", line);
}

std::string to_line(const Message& message) {
  return std::visit([](const auto& m) { return to_line(json_of(m)); }, message);
}

std::string to_line(const Command& command) {
  return std::visit([](const auto& c) { return to_line(json_of(c)); }, command);
}

}  // namespace corun
