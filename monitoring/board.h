// Where news is put up: the newest snapshot for everybody who asks, and each cycle's news for those
// who listen.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>

#include "monitoring/readings.h"

namespace corun::monitoring {

class Board {
 public:
  /// Called on the thread that publishes; must not block, nor subscribe or unsubscribe.
  using Listener = std::function<void(const std::shared_ptr<const News>& news)>;

  void publish(News news) {
    const auto shared = std::make_shared<const News>(std::move(news));
    const std::lock_guard lock(mutex_);
    newest_ = shared->snapshot;
    for (const auto& [id, listener] : listeners_) listener(shared);
  }
  /// Null before the first.
  std::shared_ptr<const Snapshot> newest() const {
    const std::lock_guard lock(mutex_);
    return newest_;
  }
  int subscribe(Listener listener) {
    const std::lock_guard lock(mutex_);
    listeners_.emplace(++last_id_, std::move(listener));
    return last_id_;
  }
  /// When it returns, the listener is not running and never called again.
  void unsubscribe(int id) {
    const std::lock_guard lock(mutex_);
    listeners_.erase(id);
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const Snapshot> newest_;
  std::map<int, Listener> listeners_;
  int last_id_ = 0;
};

}  // namespace corun::monitoring
