// Which work an event stands behind: a small table, newest entry wins. An event that was pushed out
// only means that its synchronisation ends no burst; the shim's thread then does.
#pragma once

#include <cstdint>

#include "engine/shim/lock.h"
#include "engine/shim/streams.h"

namespace corun::shim {

class EventMarks {
 public:
  struct Mark {
    EventHandle event = nullptr;
    StreamState* state = nullptr;
    uint64_t key = 0;  ///< of the stream: the state may serve another one by now
    uint64_t submitted = 0;
  };

  void set(const Mark& mark) {
    const Held held(lock_);
    marks_[slot(mark.event)] = mark;
  }
  bool find(EventHandle event, Mark* mark) {
    const Held held(lock_);
    *mark = marks_[slot(event)];
    return mark->event == event && event != nullptr;
  }
  void reset() {
    lock_.reset();
    for (Mark& mark : marks_) {
      mark = {};
    }
  }

 private:
  static constexpr uint64_t kMarks = 256;
  static uint64_t slot(EventHandle event) {
    return (reinterpret_cast<uint64_t>(event) * 0x9E3779B97F4A7C15U) >> 56;
  }
  static_assert(kMarks == 256, "slot() gives 8 bits");

  Lock lock_;
  Mark marks_[kMarks];
};

}  // namespace corun::shim
