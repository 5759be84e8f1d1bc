// Waiting for one of many descriptors.
#pragma once

#include <span>
#include <vector>

#include "core/clock.h"

namespace corun {

/// Waits until one of `fds` is readable or at its end, or until `deadline` (CLOCK_MONOTONIC).
/// Returns one bool per descriptor, all false on time-out; negative descriptors are skipped. A
/// signal that is caught ends the wait early, as a time-out.
std::vector<bool> wait_readable(std::span<const int> fds, Instant deadline);

}  // namespace corun
