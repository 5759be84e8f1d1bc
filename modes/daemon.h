// A corund of our own, and one that governs a GPU already.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/model/gpu.h"
#include "core/process.h"
#include "core/result.h"
#include "engine/client/client.h"
#include "modes/daemon_choice.h"
#include "modes/engine_files.h"

namespace corun::modes {

struct RunningDaemon {
  std::filesystem::path run_dir;
  client::DaemonStatus status;
};
/// All that answer this user here; where CORUN_SIM_NODE is set, those of that node only. They are
/// looked for in CORUN_RUN_DIR, with holders of `corun run`, with modes in force (corun bench), and
/// in the folders of this user and of the node.
std::vector<RunningDaemon> running_daemons();
/// The daemon that governs this GPU and answers this user, or nothing.
std::optional<RunningDaemon> find_daemon(const GpuInfo& gpu);
/// Nothing, or how the daemon's settings differ from what was chosen (kind: failed).
Status check_choice(const RunningDaemon& daemon, const DaemonChoice& choice);

/// How a daemon is started.
struct DaemonStart {
  std::filesystem::path run_dir;  ///< is made
  std::filesystem::path log;      ///< its standard output and error
  bool mps = false;
  std::optional<std::string> slices;
  std::map<std::string, std::string> env;  ///< binds it to its GPU; and to the MPS daemon
};
/// The command and environment of a corund in the foreground.
ProcessOptions daemon_process(const EngineFiles& files, const GpuInfo& gpu,
                              const DaemonStart& start);
/// Waits until the daemon answers, and gives it the chosen settings. `ended` tells whether its
/// process is gone. Errors (failed): it ended (with its last words), or does not answer in time.
Status wait_for_daemon(const GpuInfo& gpu, const DaemonStart& start, const DaemonChoice& choice,
                       const std::function<bool()>& ended);

/// Ends the daemon of this run folder: asks, waits, kills; whoever started it. Idempotent.
/// Errors (failed): it cannot be killed.
Status stop_daemon(const std::filesystem::path& run_dir, const std::string& gpu_uuid);

}  // namespace corun::modes
