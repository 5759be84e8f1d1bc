// What happened and what was decided, as JSON lines: a log that can be read, and replayed through
// decide() with the same result.
//
//   {"at":N,"event":"settings","settings":{...}}
//   {"at":N,"event":"joined","session":3,"workload":{...}}
//   {"at":N,"event":"left","session":3,"why":"..."}
//   {"at":N,"event":"tick","readings":[{"session":3,"launches":...},...],"device_used_bytes":N}
//   {"at":N,"event":"changed","workload":{...}}
//   {"at":N,"event":"park-changed","key":"1000/train","state":"parked","ok":true,...}
//   {"at":N,"event":"resume-asked","key":"1000/train"}
//   {"at":N,"decided":[{"order":"slice","session":3,"value":2000,"why":"..."},...]}
//
// `at` is in ns of CLOCK_MONOTONIC. A line of decisions belongs to the event before it and may be
// missing; where it is there, a replay compares. A log starts from an empty State with default
// settings (a daemon writes its settings first).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/policy/policy.h"

namespace corun::policy {

struct RecordedEvent {
  Instant at;
  Event event;
};

/// One line each, without a line feed.
std::string event_line(const Event& event, Instant at);
std::string decided_line(const std::vector<Action>& actions, Instant at);

/// Reads a line of event_line(). Errors (usage) name the key; `origin` names the line.
Result<RecordedEvent> parse_event_line(std::string_view line, std::string_view origin);

struct Replayed {
  State state;
  size_t events = 0;
  size_t compared = 0;               ///< lines of decisions that came out the same
  std::vector<std::string> decided;  ///< decided_line() of every event, in order
};
/// Decides every event of a log again. An error names the line that cannot be read, whose time goes
/// back, or where another decision is recorded. Empty lines are skipped.
Result<Replayed> replay(std::string_view log, std::string_view origin);

}  // namespace corun::policy
