// Dynamic batching as a pure decision: which waiting requests make the next batch, and when.
//
// Requests wait in order of arrival. The next batch is a prefix of the queue whose members may
// share a batch (same group) and whose rows fit. It is run
// - at once, when it is full, or can grow no more since the next request does not fit or belongs to
//   another group;
// - at once, when a prefix has exactly one of the preferred sizes (the largest such one);
// - otherwise when its oldest member has waited for max_delay. Without a delay that is at once.
// A request past its deadline leaves the queue before it costs anything.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.h"

namespace corun::inference {

struct BatchRules {
  int64_t max_batch = 1;           ///< rows
  std::vector<int64_t> preferred;  ///< batch sizes that need not wait for more rows
  Nanos max_delay{0};              ///< of the oldest request, for the sake of a larger batch
  size_t max_queue = 256;          ///< requests that may wait
};

struct Waiting {
  uint64_t id = 0;
  int64_t rows = 1;   ///< at most BatchRules::max_batch
  std::string group;  ///< only requests of one group share a batch
  Instant arrival;
  std::optional<Instant> deadline;
};

/// Not thread-safe.
class BatchQueue {
 public:
  explicit BatchQueue(BatchRules rules) : rules_(std::move(rules)) {}

  bool full() const { return waiting_.size() >= rules_.max_queue; }
  size_t size() const { return waiting_.size(); }
  /// Rows of all that wait.
  int64_t rows() const;
  const std::deque<Waiting>& waiting() const { return waiting_; }

  /// Precondition: !full().
  void add(Waiting request);
  /// Takes out a request whose client is gone; false when it is not here.
  bool remove(uint64_t id);

  struct Step {
    std::vector<uint64_t> expired;  ///< out of the queue: too late
    std::vector<uint64_t> batch;    ///< out of the queue: to be run together; may be empty
    std::optional<Instant> wake;    ///< nothing to run before then, unless a request comes
  };
  /// `hurry`: nobody waits for more rows (the server drains). `most`: rows that may run.
  Step next(Instant now, bool hurry, int64_t most);
  Step next(Instant now, bool hurry = false) { return next(now, hurry, rules_.max_batch); }

 private:
  std::vector<uint64_t> take_expired(Instant now);
  /// Members of the next batch if it is to run now; 0: later.
  size_t batch_size(Instant now, bool hurry, int64_t most) const;

  BatchRules rules_;
  std::deque<Waiting> waiting_;
};

}  // namespace corun::inference
