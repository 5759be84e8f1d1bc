// The server that the generator starts for itself.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/process.h"
#include "workloads/inference/load/server_address.h"

namespace corun::inference {

/// The command with every "{port}" as the number; a program without '/' that lies in `beside` is
/// taken from there.
std::vector<std::string> server_command(std::vector<std::string> words, uint16_t port,
                                        const std::filesystem::path& beside);

/// Starts it. It does not hear of the harness: its generator speaks for both.
Result<Process> start_server(const std::vector<std::string>& command);

/// Waits until the server says that it is ready. Errors: (unsupported) it ended with exit code 3;
/// (failed) it ended otherwise, or is not ready within `limit`.
Status wait_ready(const ServerAddress& endpoint, std::optional<Process>& server, Nanos limit);

}  // namespace corun::inference
