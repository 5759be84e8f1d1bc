// The shim's own thread, one per process: it shows that the workload lives, carries out the
// daemon's orders on the channel groups, opens the gate after its linger, and notices the daemon's
// end.
#pragma once

#include <cstdint>

#include "engine/shim/machine.h"

namespace corun::shim {

/// Starts the thread, once per process. All signals are blocked in it. False: there can be none.
bool start_keeper();
/// Wakes the thread if it would sleep past `due_ns` (0: in any case).
void kick_keeper(uint64_t due_ns);
/// In the child of a fork: there is no thread.
void reset_keeper();

using IoctlFunction = int (*)(int fd, unsigned long request, ...);
/// The ioctl after this library's.
IoctlFunction next_ioctl();

}  // namespace corun::shim
