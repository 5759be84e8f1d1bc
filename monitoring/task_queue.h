// Work that would hold up a connection's thread, on one thread of its own.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace corun::monitoring {

class TaskQueue {
 public:
  /// At most `most` tasks wait.
  explicit TaskQueue(size_t most) : most_(most), thread_([this] { run(); }) {}
  /// Finishes the task that runs; those that wait are dropped.
  ~TaskQueue() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      wake_.notify_all();
    }
    thread_.join();
  }
  TaskQueue(const TaskQueue&) = delete;
  TaskQueue& operator=(const TaskQueue&) = delete;

  /// Returns when all tasks that wait are done; takes no more.
  void finish() {
    std::unique_lock lock(mutex_);
    finishing_ = true;
    wake_.wait(lock, [this] { return stopping_ || (tasks_.empty() && !running_); });
  }
  /// False when too many wait.
  bool add(std::function<void()> task) {
    const std::lock_guard lock(mutex_);
    if (stopping_ || finishing_ || tasks_.size() >= most_) return false;
    tasks_.push_back(std::move(task));
    wake_.notify_all();
    return true;
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    while (true) {
      wake_.wait(lock, [this] { return stopping_ || !tasks_.empty(); });
      if (stopping_) return;
      const std::function<void()> task = std::move(tasks_.front());
      tasks_.pop_front();
      running_ = true;
      lock.unlock();
      task();
      lock.lock();
      running_ = false;
      if (finishing_) wake_.notify_all();
    }
  }

  const size_t most_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> tasks_;  ///< guarded by mutex_
  // Guarded by mutex_.
  bool stopping_ = false;
  bool finishing_ = false;
  bool running_ = false;
  std::thread thread_;
};

}  // namespace corun::monitoring
