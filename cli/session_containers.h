// Which container each process of a daemon's workloads is in.
#pragma once

#include <filesystem>
#include <map>
#include <span>
#include <vector>

#include "containers/container.h"
#include "core/clock.h"
#include "core/json.h"
#include "engine/client/status.h"

namespace corun::cli {

/// By PID of a session; those in no container are left out.
using SessionContainers = std::map<int, containers::Container>;

/// Of each daemon's sessions, read from `proc` (/proc). Nothing of a daemon of another PID
/// namespace: its PIDs mean other processes here. Names and images stay empty.
std::vector<SessionContainers> find_session_containers(
    std::span<const client::DaemonStatus> daemons, const std::filesystem::path& proc);

/// Gives them name, image and pod, where one of these engines tells within `patience`.
void name_session_containers(std::span<SessionContainers> all,
                             std::span<const std::filesystem::path> engines, Nanos patience);

/// `status` of docs/control-api.md, where each session has its `container` or null
/// (docs/verbs/status.md).
Json status_json(const client::DaemonStatus& status, const SessionContainers& containers);

}  // namespace corun::cli
