// The last entries of a log that numbers them.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <utility>

namespace corun::daemon {

/// Keeps the last `capacity` entries; the first one ever has number 1. T has a field `seq`.
template <typename T>
class Ring {
 public:
  explicit Ring(size_t capacity) : capacity_(capacity) {}

  const T& add(T entry) {
    entry.seq = next_++;
    if (entries_.size() == capacity_) entries_.pop_front();
    entries_.push_back(std::move(entry));
    return entries_.back();
  }
  const std::deque<T>& entries() const { return entries_; }
  /// The number of the next entry.
  uint64_t next() const { return next_; }
  /// Whether entries from `since` on are gone.
  bool missed(uint64_t since) const {
    const uint64_t first = next_ - entries_.size();
    return since > 0 && since < first;
  }

 private:
  size_t capacity_;
  uint64_t next_ = 1;
  std::deque<T> entries_;
};

}  // namespace corun::daemon
