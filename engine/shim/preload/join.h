// Joining a daemon: one packet each way, then pages (core/wire/join.h). Everything that can go
// wrong (no daemon, a slow one, another version, garbage) means: no session, at once.
#pragma once

#include "engine/shim/machine.h"

namespace corun::shim {

/// Class that this workload joins with, from its environment.
wire::WorkloadClass own_class();

/// Joins the daemon of the device's GPU and makes its pages visible to the hooks. Waits for at most
/// kJoinTimeoutMs. The caller is the shim's thread, or the device is not known to it yet.
bool join(Machine& machine, DeviceState& device);

/// The first join of a device, by the thread that uses it first; starts the shim's thread.
void join_at_once(DeviceState& device);

/// Whether the daemon's end of the session's socket is still there.
bool still_connected(DeviceState& device);
/// Lets the daemon look at the session's page. False: its socket takes nothing now.
bool send_notice(DeviceState& device);
/// Ends the session on this side.
void disconnect(DeviceState& device);
/// In the child of a fork: the sessions are the parent's.
void leave_after_fork(Machine& machine);

/// What a descriptor is open on; false if it is not open.
bool identify(int fd, FileIdentity* identity);

}  // namespace corun::shim
