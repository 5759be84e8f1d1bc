// The daemons that the verbs of managed sharing speak to.
#pragma once

#include <string>
#include <vector>

#include "engine/client/client.h"
#include "modes/daemon.h"

namespace corun::cli {

/// Those that run here, or that of `run_dir` if it is given. Errors (unsupported): none runs, with
/// what to do.
Result<std::vector<modes::RunningDaemon>> require_daemons(const std::string& run_dir);

/// Whether `name` ("NAME" of this user's, or "UID/NAME") means this workload.
bool is_named(const client::WorkloadStatus& workload, const std::string& name);

/// The daemon that knows this workload ("NAME" or "UID/NAME"). Errors (usage): none does, naming
/// those that there are; (unsupported): no daemon runs.
Result<modes::RunningDaemon> daemon_of(const std::string& workload, const std::string& run_dir);
/// The only one that runs here, or in `run_dir`. Errors (usage): there are several; (unsupported):
/// none runs.
Result<modes::RunningDaemon> only_daemon(const std::string& run_dir);
Result<client::Client> connect_to(const modes::RunningDaemon& daemon);

}  // namespace corun::cli
