// A GPU that runs one channel group at a time, round robin: a slice of q us does q - 33 us of work
// and the change to the next group takes 179 us (measured, results/h200/first-readings). A group
// without work yields at once.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

namespace corun::sim {

inline constexpr int64_t kUs = 1000;
inline constexpr int64_t kMs = 1000 * kUs;
inline constexpr int64_t kSecond = 1000 * kMs;
inline constexpr int64_t kEndless = std::numeric_limits<int64_t>::max();
inline constexpr int64_t kSwitch = (33 + 179) * kUs;

struct Group {
  int64_t work = 0;  ///< that it may do now, ns; kEndless: no end
  int64_t slice = 2000 * kUs;
  int64_t done = 0;
};

class Gpu {
 public:
  /// Runs the groups from `now` to `to`; returns the time when the first of them ran out of work,
  /// or `to`.
  int64_t run(std::vector<Group>& groups, int64_t now, int64_t to) {
    while (now < to) {
      if (!choose(groups)) return to;
      if (switch_left_ > 0) {
        const int64_t step = std::min(switch_left_, to - now);
        switch_left_ -= step;
        now += step;
        continue;
      }
      Group& group = groups[current_];
      int64_t step = std::min(group.work, to - now);
      if (rivals_) step = std::min(step, slice_left_);
      now += step;
      group.done += step;
      if (group.work != kEndless) group.work -= step;
      slice_left_ -= step;
      if (slice_left_ <= 0) slice_over(groups);
      if (group.work == 0) return now;
    }
    return to;
  }

  /// A new slice acts at once, also on the group that runs.
  void set_slice(std::vector<Group>& groups, size_t index, int64_t slice) {
    groups[index].slice = slice;
    if (index == current_) slice_left_ = std::min(slice_left_, work_of(groups[index]));
  }

 private:
  static int64_t work_of(const Group& group) { return std::max(group.slice - 33 * kUs, kUs); }

  /// The group that runs next; false: none has work.
  bool choose(const std::vector<Group>& groups) {
    size_t runnable = 0;
    for (const Group& group : groups) runnable += group.work > 0 ? 1 : 0;
    if (runnable == 0) return false;
    rivals_ = runnable > 1;
    if (current_ < groups.size() && groups[current_].work > 0) return true;
    next(groups);
    return true;
  }

  void slice_over(const std::vector<Group>& groups) {
    if (rivals_) return next(groups);
    const int64_t work = work_of(groups[current_]);
    slice_left_ = work - (-slice_left_) % work;
  }

  void next(const std::vector<Group>& groups) {
    size_t at = current_;
    do {
      at = at + 1 < groups.size() ? at + 1 : 0;
    } while (groups[at].work <= 0);
    if (at != current_) switch_left_ = kSwitch;
    current_ = at;
    slice_left_ = work_of(groups[at]);
  }

  size_t current_ = 0;
  int64_t slice_left_ = 0;
  int64_t switch_left_ = 0;
  bool rivals_ = false;
};

}  // namespace corun::sim
