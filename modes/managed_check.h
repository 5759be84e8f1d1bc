// What a daemon's status says about a plan's workloads; pure, but for a look at their processes.
// Internal to the room.
#pragma once

#include <map>
#include <span>
#include <string>

#include "engine/client/status.h"
#include "modes/mode.h"

namespace corun::modes {

/// Whether each tenant that loaded the driver is a session of the daemon, and has the slices that
/// were ordered where slices work. Errors (failed): the first of them that is not as it should be.
Status check_sessions(const client::DaemonStatus& status, std::span<const Tenant> tenants);

/// The counts of each tenant, over all its sessions. Tenants without a session are left out.
std::map<std::string, ManagedFigures> figures_of(const client::DaemonStatus& status,
                                                 std::span<const Tenant> tenants);

}  // namespace corun::modes
