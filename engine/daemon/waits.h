// How long a session's streams stood before closed gates, or while it was not its turn. Estimated:
// the GPU tells nobody how long a stream waited, so the time counts for which what it waits for was
// closed while it had work that waits (its count of enqueued waits rose).
#pragma once

#include <cstdint>
#include <optional>

#include "core/clock.h"

namespace corun::daemon {

class WaitTime {
 public:
  /// Its turn word is closed from now on, and it waits for it; or not. `waits`: enqueued so far.
  void set_turn_closed(bool closed, uint64_t waits, Instant now);
  /// Since the last look the gates that it waits for were closed for `gates_closed` in all.
  void look(Nanos gates_closed, uint64_t waits, Instant now);

  Nanos total() const { return total_; }

 private:
  struct Closed {
    Instant counted_to;
    uint64_t waits = 0;  ///< when it was closed
  };
  void count_turn(uint64_t waits, Instant now);

  Nanos total_{};
  std::optional<Closed> turn_;
  std::optional<Instant> looked_;
  uint64_t waits_ = 0;          ///< at the last look
  bool waited_before_ = false;  ///< between the last two looks
};

}  // namespace corun::daemon
