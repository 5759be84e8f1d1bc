// Under what one `corun run` runs: a GPU, the daemon that governs it, and what makes a command a
// workload of both.
#pragma once

#include <string>
#include <vector>

#include "cli/node.h"
#include "cli/run_options.h"
#include "core/fd.h"
#include "modes/daemon.h"

namespace corun::cli {

struct RunPlace {
  GpuInfo gpu;
  modes::RunningDaemon daemon;
  std::string mode;  ///< "managed" or "managed-mps"
  Edits edits;       ///< of the mode, for the share
  std::map<std::string, std::string> node_prepend_env;
  Edits container;  ///< of the node, for a command that runs a container
  Fd user;          ///< while it is open, the holder keeps everything in force; or none
};

/// Joins the daemon of the GPU, or starts one. Sets CORUN_SIM_NODE and CORUN_DRIVER_DIR in this
/// process where the node is a simulated one. Errors: no GPU, no daemon and none may be started
/// (unsupported); another mode or other settings in force than those asked for (failed).
Result<RunPlace> enter_place(const RunOptions& options);

}  // namespace corun::cli
