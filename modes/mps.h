// Multi-Process Service: all workloads in one GPU context, side by side. Internal to the room.
#pragma once

#include <memory>

#include "modes/mode.h"

namespace corun::modes {

/// Every client alike, but for the limits its share asks for.
std::unique_ptr<Mode> make_mps();
/// Besides, best-effort workloads get the lower client priority.
std::unique_ptr<Mode> make_mps_priority();

}  // namespace corun::modes
