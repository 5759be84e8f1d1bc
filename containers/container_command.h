// Commands that run a new container ("podman run ...", "docker run ..."): what is changed for a
// workload has to reach the container, which sees neither this process's environment nor its files.
// Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/model/workload.h"

namespace corun::containers {

/// Where options of the container may be put into `command`: behind the word "run" or "create" of
/// podman, docker or nerdctl. Nothing for any other command.
std::optional<size_t> container_options_at(const std::vector<std::string>& command);

/// Whether such a command ends before its container does: "create", "run --detach". Options of the
/// engine that are not known here are taken for ones with a value.
bool leaves_container_behind(const std::vector<std::string>& command);

/// The same command, whose container has these variables, files and devices: options in front of
/// those that it has. PATH and the like are the image's own. Any other command: as it is.
std::vector<std::string> with_container_edits(std::vector<std::string> command, const Edits& edits);

}  // namespace corun::containers
