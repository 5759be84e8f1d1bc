// What the shim's thread does for one device each time it wakes.
#pragma once

#include <cstdint>

#include "engine/shim/machine.h"

namespace corun::shim {

/// Heartbeat, lease, orders, slices, burst. Returns when to come again at the latest, ns.
uint64_t serve(DeviceState& device, uint64_t now_ns);

}  // namespace corun::shim
