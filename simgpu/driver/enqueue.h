// Turning calls into nodes, and nodes into work: submitted at once, or recorded by a capture.
#pragma once

#include "simgpu/driver/driver.h"

namespace corun::simgpu::driver {

struct LaunchRequest {
  unsigned grid[3];
  unsigned block[3];
  unsigned dynamic_shared_bytes;
  void** parameters;  ///< one pointer for each parameter, or null
  void** extra;       ///< all of them in one buffer, or null
};

/// The node of a kernel launch, with its parameters' bytes and its effect on memory.
cuda::Code launch_node(const Driver& driver, const Function& function, const LaunchRequest& request,
                       Node& node);

/// Turns the node of a kernel that polls words (wire::EffectKind::kPoll) into the wait that it is
/// for the device; leaves other nodes alone.
cuda::Code poll_node(Entered& call, const Function& function, Node& node);

/// Submits `node` to the stream, or appends it to the capture that the stream is in.
/// `op_id`, if given, becomes the operation's number (0 when captured).
cuda::Code enqueue(Entered& call, Stream& stream, Node node, uint64_t* op_id = nullptr);

}  // namespace corun::simgpu::driver
