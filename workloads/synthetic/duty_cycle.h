// How an aggressor of less than full intensity spreads its work: some pieces, then a pause.
#pragma once

#include <cstdint>

#include "core/clock.h"

namespace corun::synthetic {

class DutyCycle {
 public:
  /// `intensity` in (0, 1]; `piece` is the duration of one piece of work alone.
  DutyCycle(double intensity, Nanos piece);

  /// Whether there are no pauses.
  bool continuous() const { return continuous_; }
  /// Pieces to do in one period.
  uint64_t pieces() const { return pieces_; }
  /// When the period after the one that began at `began` begins, given that its work has ended at
  /// `now`. Time that a neighbour has cost is not made up for: late work moves all that follows.
  Instant next(Instant began, Instant now) const;

 private:
  bool continuous_;
  uint64_t pieces_;
  Nanos period_;
};

}  // namespace corun::synthetic
