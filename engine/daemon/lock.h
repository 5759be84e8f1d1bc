// One daemon per GPU: a lock on a file that ends with its holder.
#pragma once

#include <filesystem>

#include "core/fd.h"
#include "core/result.h"

namespace corun::daemon {

/// Takes the lock and writes who holds it; it is held as long as the descriptor is open.
/// Errors (failed): another process holds it, with its PID and user.
Result<Fd> take_lock(const std::filesystem::path& path, const std::string& gpu_uuid);

}  // namespace corun::daemon
