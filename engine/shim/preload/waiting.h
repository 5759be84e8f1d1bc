// Where the application's threads wait for the daemon: while the process is parked, and for memory.
#pragma once

#include <cstdint>

#include "engine/shim/machine.h"

namespace corun::shim {

/// Waits until the process is not parked: the daemon says so, or, where there is none any more, the
/// shim's thread, which asks the driver.
void hold_call(DeviceState& device);
/// The same before the process ends, but not for longer than this.
void await_return(DeviceState& device, uint64_t until_ns);
/// Tells the daemon that `bytes` are wanted and waits for its answer, as long as its orders say.
/// True: the allocation is to be tried once more.
bool await_memory(DeviceState& device, uint64_t bytes);
/// After that, where the driver still has none: waits a moment. False: `until_ns` is over.
bool await_release(DeviceState& device, uint64_t until_ns);
/// Wakes the threads that wait for this word (HotOrders::armed of the neutral page).
void wake_held(std::atomic<uint32_t>& armed);
/// In the child of a fork: nobody waits.
void reset_waiting();

}  // namespace corun::shim
