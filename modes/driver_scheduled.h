// The two modes that leave the GPU to the driver's own scheduler. Internal to the room.
#pragma once

#include <memory>

#include "modes/mode.h"

namespace corun::modes {

/// Each workload alone in its turn.
std::unique_ptr<Mode> make_exclusive();
/// All at once, time-sliced by the driver as it is by default.
std::unique_ptr<Mode> make_time_slicing();

}  // namespace corun::modes
