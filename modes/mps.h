// Multi-Process Service: all workloads in one GPU context, side by side; and what containers need
// to be clients of a server of the node.
#pragma once

#include <filesystem>
#include <memory>

#include "modes/mode.h"

namespace corun::modes {

/// Every client alike, but for the limits its share asks for.
std::unique_ptr<Mode> make_mps();
/// Besides, best-effort workloads get the lower client priority.
std::unique_ptr<Mode> make_mps_priority();

/// What makes a container a client of the MPS daemon whose pipe folder this is: the folder itself,
/// and the host's shared memory, over which client and server speak.
Edits mps_client_edits(const std::filesystem::path& pipe);

/// The pipe folder of the MPS daemon that this node's clients join: CUDA_MPS_PIPE_DIRECTORY, else
/// NVIDIA's own. Errors (unsupported): no control program; no daemon answers there.
Result<std::filesystem::path> node_mps_pipe();

}  // namespace corun::modes
