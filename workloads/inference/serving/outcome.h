// How a request to a model can end, other than with its answer, and what it took.
#pragma once

#include <cstddef>
#include <string>

#include "core/clock.h"

namespace corun::inference {

enum class Reason {
  kNotReady,  ///< the model is being loaded, or could not be
  kDraining,  ///< the server ends
  kFull,      ///< the queue is full: try again after a while
  kExpired,   ///< its deadline was past before it could be run
  kFailed,    ///< the model could not do it
};
inline constexpr size_t kReasons = 5;

struct Refusal {
  Reason reason = Reason::kFailed;
  std::string text;
  Nanos retry_after{0};  ///< kFull: when there may be room
};

/// When a request came, when its batch began to run, and when its outputs were there.
struct Timing {
  Instant arrival;
  Instant start;
  Instant end;
};

}  // namespace corun::inference
