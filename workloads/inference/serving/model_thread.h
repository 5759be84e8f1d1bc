// The thread of one model: loads it, works its queue down, runs errands between batches, ends when
// it is told to and nothing waits any more.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "http/client.h"
#include "workloads/inference/serving/batch_queue.h"
#include "workloads/inference/serving/metrics.h"
#include "workloads/inference/serving/model.h"

namespace corun::inference {

/// Called for every answered request, on the model's thread; `items`: requests or tokens.
using Observer = std::function<void(const Timing& timing, uint64_t items)>;

class ModelThread {
 public:
  /// `clock` judges deadlines and delays; it outlives this object.
  ModelThread(AnyModel& model, const BatchRules& rules, const Clock& clock);
  /// A class derived from this one drains in its destructor: its work() must be there till then.
  virtual ~ModelThread() = default;
  ModelThread(const ModelThread&) = delete;
  ModelThread& operator=(const ModelThread&) = delete;

  const Signature& signature() const { return any_model_.signature(); }
  const ModelMetrics& metrics() const { return metrics_; }
  uint64_t memory_bytes() const { return memory_bytes_; }
  size_t max_queue() const { return max_queue_; }

  /// Starts the thread and waits until the model is loaded. Errors: the model's.
  Status start();
  /// Whether requests are taken.
  bool ready() const;
  /// Takes no more requests from here on; does not wait.
  void begin_drain();
  /// Waits until all that was taken is answered; false when `until` comes first. A model that never
  /// started has nothing to answer.
  bool drained(Instant until);
  /// begin_drain(), and waits until the thread has ended.
  void drain();
  /// The model's results so far; waits for the batch that runs.
  Result<std::optional<tenant::Verification>> verify();
  /// Replaces the observer; once it returns, the old one is not called any more.
  void observe(Observer observer);

 protected:
  /// Rests until then, or until something happens.
  struct Rest {
    std::optional<Instant> until;
  };
  /// With `lock` held, does one piece of work (giving the lock up meanwhile); or tells how long to
  /// rest, since there is none.
  virtual std::optional<Rest> work(std::unique_lock<std::mutex>& lock) = 0;
  /// Whether nothing waits or runs; `lock` is held.
  virtual bool idle() const = 0;

  /// Nothing, or why no request can be taken; `mutex_` is held.
  std::optional<Refusal> refusal() const;
  /// To be called after a batch, without the lock: teaches how long the queue takes.
  void worked(int64_t rows, Nanos duration);
  void tell(const Timing& timing, uint64_t items);
  bool draining() const { return draining_; }
  Instant now() const { return clock_.now(); }

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  BatchQueue queue_;  // guarded by mutex_
  ModelMetrics metrics_;

 private:
  void run();
  void wait(std::unique_lock<std::mutex>& lock, const Rest& rest);

  AnyModel& any_model_;
  const Clock& clock_;
  const size_t max_queue_;
  std::thread thread_;
  std::atomic<uint64_t> memory_bytes_{0};
  // Guarded by mutex_:
  enum class State { kNew, kLoading, kServing, kEnded };
  State state_ = State::kNew;
  Status loaded_;
  bool draining_ = false;
  std::deque<std::function<void()>> errands_;
  Observer observer_;
  double row_s_ = 0;  ///< seconds a row, smoothed; 0: not known
};

}  // namespace corun::inference
