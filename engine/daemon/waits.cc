#include "engine/daemon/waits.h"

#include <algorithm>

namespace corun::daemon {

void WaitTime::set_turn_closed(bool closed, uint64_t waits, Instant now) {
  if (closed == turn_.has_value()) return;
  if (closed) {
    turn_ = Closed{now, waits};
  } else {
    count_turn(waits, now);
    turn_.reset();
  }
}

void WaitTime::count_turn(uint64_t waits, Instant now) {
  if (!turn_ || waits == turn_->waits) return;  // nothing waits
  total_ += std::max(Nanos(0), now - turn_->counted_to);
  turn_->counted_to = now;
}

void WaitTime::look(Nanos gates_closed, uint64_t waits, Instant now) {
  count_turn(waits, now);
  const bool waited = waits > waits_;
  const Nanos since = looked_ ? now - *looked_ : Nanos(0);
  // A wait that was enqueued before the last look may have lasted until after it.
  const bool turn_counts = turn_ && waits != turn_->waits;
  if ((waited || waited_before_) && !turn_counts) {
    total_ += std::clamp(gates_closed, Nanos(0), std::max(Nanos(0), since));
  }
  looked_ = now;
  waits_ = waits;
  waited_before_ = waited;
}

}  // namespace corun::daemon
