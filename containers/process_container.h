// Which container a process of this machine is in.
#pragma once

#include <filesystem>
#include <optional>

#include "containers/container.h"

namespace corun::containers {

/// The container that the process's cgroup tells of, else that whose keeper is an ancestor of the
/// process (attribution.h); nothing for a process of none, and for one that is gone. Name and image
/// stay empty. `proc`: /proc, or a test's folder.
std::optional<Container> container_of_process(const std::filesystem::path& proc, int pid);

}  // namespace corun::containers
