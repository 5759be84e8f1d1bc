// Room in host memory for what the driver moves there when the process is parked.
//
// The driver takes one large private map and touches it page by page in one thread: 3.9 s for 8 GiB
// of 6.0 s in all (results/h200/parking-2). While it does so, threads of the shim touch the same
// map from other ends, in huge pages. That changes no content, and pages that the driver does not
// take in the end go with the map.
#pragma once

#include <cstdint>

#include "engine/shim/machine.h"

namespace corun::shim {

/// By the shim's thread, before the daemon may begin to move: looks for new maps until the process
/// is back, or is parked for long. `bytes`: of device memory that it has; no more than a quarter
/// above that is touched.
void begin_making_room(const DeviceState& device, uint64_t bytes);
/// In the child of a fork: nobody looks.
void reset_room();

}  // namespace corun::shim
