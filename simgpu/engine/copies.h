// One copy engine: one direction of PCIe. The first copy of each context is under way, at an even
// share of the bandwidth; a context's further copies wait behind it.
#pragma once

#include <deque>
#include <map>
#include <vector>

#include "core/clock.h"
#include "simgpu/engine/ids.h"

namespace corun::simgpu {

class CopyEngine {
 public:
  explicit CopyEngine(double bytes_per_s) : bytes_per_ns_(bytes_per_s * 1e-9) {}

  void add(ContextId context, StreamId stream, uint64_t bytes, Instant t);
  /// Takes away the context's copies.
  void cancel(ContextId context, Instant t);
  /// When the next copy is done; kNever without one.
  Instant next() const { return next_; }
  /// Appends the streams whose copies are done at `t`.
  void step(Instant t, std::vector<StreamId>& done);
  /// Bytes moved until `t`.
  double moved(Instant t) const;

 private:
  struct Copy {
    StreamId stream;
    double remaining = 0;
  };

  double share() const;
  void progress(Instant t);
  void find_next();

  double bytes_per_ns_;
  std::map<ContextId, std::deque<Copy>> queues_;  // none is empty
  Instant since_;                                 // `remaining` and `moved_` are counted up to here
  Instant next_{INT64_MAX};
  double moved_ = 0;
};

}  // namespace corun::simgpu
