// The messages of docs/row-protocol.md as values. Both ends use them: RowChannel (the harness) and
// RowWriter (the workload). Parsing is pure and takes any bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/clock.h"
#include "core/model/workload.h"
#include "core/result.h"

namespace corun {

/// The longest line of the protocol, without its line feed.
inline constexpr size_t kMaxRowLine = size_t{1} << 20;

// What a workload writes. `t_us` and `*_us` are microseconds after the window's start.

struct InitialisedMessage {
  bool operator==(const InitialisedMessage&) const = default;
};
struct ReadyMessage {
  WorkloadKind kind = WorkloadKind::kCommand;
  std::string unit;  ///< "requests/s", ...
  double rate = 0;   ///< items/s of the last warm-up window, >= 0
  bool operator==(const ReadyMessage&) const = default;
};
struct ProgressMessage {
  int window = 0;
  std::vector<double> t_us;     ///< not falling
  std::vector<uint64_t> items;  ///< cumulative, not falling; as many as t_us
  bool operator==(const ProgressMessage&) const = default;
};
struct RequestsMessage {
  int window = 0;
  std::vector<double> scheduled_us;
  std::vector<double> start_us;  ///< >= scheduled_us, entry by entry
  std::vector<double> end_us;    ///< >= start_us, entry by entry
  bool operator==(const RequestsMessage&) const = default;
};
struct DoneMessage {
  int window = 0;
  uint64_t items = 0;
  double t_us = 0;
  uint64_t unanswered = 0;
  std::optional<std::string> checksum;
  std::optional<bool> checksum_ok;
  std::optional<uint64_t> memory_bytes;
  bool operator==(const DoneMessage&) const = default;
};
struct NoteMessage {
  std::string text;
  bool operator==(const NoteMessage&) const = default;
};
struct ErrorMessage {
  std::string text;
  bool operator==(const ErrorMessage&) const = default;
};
using Message = std::variant<InitialisedMessage, ReadyMessage, ProgressMessage, RequestsMessage,
                             DoneMessage, NoteMessage, ErrorMessage>;

/// One line without its line feed. Errors (failed): what is wrong, and the text cut to 200
/// characters. Keys that are not in the protocol are ignored.
Result<Message> parse_message(std::string_view line);
/// Without a line feed.
std::string to_line(const Message& message);

// What a workload reads.

struct WarmCommand {
  double max_s = 10;
  double window_s = 1;
  double tolerance = 0.02;  ///< of three consecutive windows: largest minus smallest over the mean
  bool operator==(const WarmCommand&) const = default;
};
struct StartCommand {
  int window = 1;
  Instant at;  ///< the window's start
  double seconds = 0;
  uint64_t seed = 0;
  bool operator==(const StartCommand&) const = default;
};
struct StopCommand {
  bool operator==(const StopCommand&) const = default;
};
using Command = std::variant<WarmCommand, StartCommand, StopCommand>;

Result<Command> parse_command(std::string_view line);
std::string to_line(const Command& command);

}  // namespace corun
