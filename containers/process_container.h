// Which container a process of this machine is in.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "containers/container.h"

namespace corun::containers {

/// The container that the process's cgroup tells of, else that whose keeper is an ancestor of the
/// process (attribution.h); nothing for a process of none, and for one that is gone. Name and image
/// stay empty. `proc`: /proc, or a test's folder.
std::optional<Container> container_of_process(const std::filesystem::path& proc, int pid);

/// Whether this process keeps the container of the full id `id` (attribution.h).
bool keeps_container(const std::filesystem::path& proc, int pid, const std::string& id);
/// The process that does, whose descendants are all processes of the container. Nothing when it has
/// ended, or nobody keeps it here. Reads all of `proc`.
std::optional<int> keeper_of_container(const std::filesystem::path& proc, const std::string& id);

}  // namespace corun::containers
