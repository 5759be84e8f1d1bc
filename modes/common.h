// What the modes have in common. Internal to the room.
#pragma once

#include <map>
#include <span>
#include <string>

#include "modes/mode.h"

namespace corun::modes {

/// Errors (usage): shares that no GPU could give (names, percentages) or not this one (memory).
Status check_shares(const GpuInfo& gpu, std::span<const Share> shares);

/// Errors (unsupported): a GPU on which several processes cannot have contexts of their own.
/// `through_server`: one MPS server holds the context, so exclusive-process is no obstacle.
Status check_shareable(const GpuInfo& gpu, bool through_server);

/// A private, empty folder (mode 0700) with its parents.
Status make_private_folder(const std::string& path);

/// The plan's own folder with all its content, if it is there.
Status remove_run_dir(const Plan& plan);

/// The environment that binds a workload to the plan's GPU and to nothing of MPS but `pipe`.
std::map<std::string, std::string> gpu_environment(const GpuInfo& gpu, const std::string& pipe);

/// A private, empty pipe folder below the plan's run_dir: no daemon answers there.
std::string empty_pipe_dir(const Plan& plan);

/// Errors (failed): a tenant that looks for MPS elsewhere than in `pipe`, or a daemon in `pipe`.
Status check_without_mps(const std::string& pipe, std::span<const Tenant> tenants);

}  // namespace corun::modes
