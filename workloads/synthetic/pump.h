// Keeps the GPU fed: a bounded number of pieces of work in flight, each followed by an event.
#pragma once

#include <deque>
#include <functional>
#include <vector>

#include "workloads/synthetic/gpu_session.h"

namespace corun::synthetic {

class Pump {
 public:
  /// At most `depth` pieces in flight. `done` is called for each piece that is finished, in the
  /// order of submission, with the items it was submitted with.
  Pump(const GpuSession& gpu, uint32_t depth, std::function<void(uint64_t items)> done);

  /// Waits for the oldest piece when `depth` are in flight; then calls `enqueue`, which puts work
  /// into `stream`, and notes its end.
  Status submit(const gpu::Stream& stream, uint64_t items, const std::function<Status()>& enqueue);
  /// Waits for all pieces.
  Status drain();

 private:
  struct Piece {
    gpu::Event end;
    uint64_t items;
  };
  Status retire();
  Result<gpu::Event> unused_event();

  const GpuSession& gpu_;
  size_t depth_;
  std::function<void(uint64_t)> done_;
  std::deque<Piece> in_flight_;
  std::vector<gpu::Event> unused_;
};

}  // namespace corun::synthetic
