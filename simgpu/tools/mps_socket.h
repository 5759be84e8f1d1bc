// The socket PIPE/control between the control program and its daemon.
#pragma once

#include <string>

#include "core/fd.h"
#include "core/result.h"

namespace corun::simgpu {

/// Errors: no such folder, nobody listens.
Result<Fd> connect_control(const std::string& pipe_folder);
/// Errors: no such folder, another daemon listens.
Result<Fd> listen_control(const std::string& pipe_folder);

}  // namespace corun::simgpu
