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

  /// False when too many wait.
  bool add(std::function<void()> task) {
    const std::lock_guard lock(mutex_);
    if (stopping_ || tasks_.size() >= most_) return false;
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
      lock.unlock();
      task();
      lock.lock();
    }
  }

  const size_t most_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> tasks_;  ///< guarded by mutex_
  bool stopping_ = false;                    ///< guarded by mutex_
  std::thread thread_;
};

}  // namespace corun::monitoring
