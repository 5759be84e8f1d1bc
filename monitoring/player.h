// Plays a recording to a board: at its own pace or another, paused, or from another time on.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "monitoring/api.h"
#include "monitoring/recording.h"

namespace corun::monitoring {

class Player {
 public:
  /// Begins at the recording's begin. Both outlive it.
  Player(const Recording& recording, Board& board);
  ~Player();
  Player(const Player&) = delete;
  Player& operator=(const Player&) = delete;

  /// Errors (usage): a time outside the recording.
  Status order(const ReplayOrder& order);

 private:
  void run();
  void show(size_t index);
  /// Where playing stands at `now`. With mutex_ held.
  double position(Instant now) const;

  const Recording& recording_;
  Board& board_;
  std::mutex mutex_;
  std::condition_variable wake_;
  // Guarded by mutex_.
  bool stopping_ = false;
  bool changed_ = false;  ///< by an order
  Replay state_;          ///< `at` is the position at since_
  Instant since_;
  std::thread thread_;
};

}  // namespace corun::monitoring
