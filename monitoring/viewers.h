// Those who watch over Server-Sent Events. Each gets at most the rate it asked for; what a viewer
// is too slow for is dropped, never queued.
#pragma once

#include <atomic>
#include <memory>

#include "http/exchange.h"
#include "monitoring/board.h"

namespace corun::monitoring {

class Viewers {
 public:
  struct Counts {
    std::atomic<uint64_t> now{0};      ///< gauge
    std::atomic<uint64_t> sent{0};     ///< snapshots
    std::atomic<uint64_t> dropped{0};  ///< times that a viewer was behind and got nothing
  };
  static constexpr size_t kMost = 512;

  /// Listens to `board`, which outlives it.
  explicit Viewers(Board& board);
  ~Viewers();
  Viewers(const Viewers&) = delete;
  Viewers& operator=(const Viewers&) = delete;

  /// Begins a stream of at most `hz` snapshots a second; false when there are too many viewers. On
  /// the exchange's thread.
  bool add(const std::shared_ptr<http::Exchange>& exchange, double hz);
  /// Ends all streams; nobody is added any more.
  void stop();
  const Counts& counts() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
  Board& board_;
  int subscription_ = 0;
};

/// One event of a stream: "event: NAME\ndata: DATA\n\n".
std::string sse_event(std::string_view name, std::string_view data);

}  // namespace corun::monitoring
