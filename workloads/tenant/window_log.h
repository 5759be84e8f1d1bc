// What happened in one measured window, and the protocol lines that tell it.
#pragma once

#include <cstdint>
#include <optional>

#include "core/clock.h"
#include "core/row_message.h"

namespace corun::tenant {

/// Collects completions and gives them away as messages with times relative to the window's start.
/// Pure: time is an argument. Not thread-safe.
class WindowLog {
 public:
  WindowLog(int window, Instant start) : window_(window), start_(start) {}

  void add_items(uint64_t count) { items_ += count; }
  /// One request or cell.
  void add_request(Instant scheduled, Instant start, Instant end, uint64_t items = 1);
  /// Notes the items completed until now, for the next progress message.
  void sample(Instant now);

  uint64_t items() const { return items_; }
  double micros_after_start(Instant t) const { return to_micros(t - start_); }

  /// The samples since the last call; nothing when there are none.
  std::optional<ProgressMessage> take_progress();
  /// The requests since the last call; nothing when there are none.
  std::optional<RequestsMessage> take_requests();

 private:
  int window_;
  Instant start_;
  uint64_t items_ = 0;
  ProgressMessage progress_;
  RequestsMessage requests_;
};

}  // namespace corun::tenant
