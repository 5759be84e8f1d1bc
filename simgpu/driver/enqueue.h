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
cuda::Code poll_node(Driver& driver, const Function& function, Node& node);

/// The node of a copy between any two addresses, of which `kind` says what they are.
cuda::Code copy_node(const Driver& driver, wire::OpKind kind, uint64_t to, uint64_t from,
                     size_t bytes, Node& node);
/// The node of a memset: `count` elements of `unit` bytes.
cuda::Code fill_node(const Driver& driver, uint64_t to, uint32_t value, size_t count, size_t unit,
                     Node& node);
/// The nodes of a batch of stream memory operations; at most kMostOperations.
cuda::Code batch_nodes(Driver& driver, unsigned count, const cuda::BatchMemoryOp* operations,
                       std::vector<Node>& nodes);
inline constexpr unsigned kMostOperations = 256;  // the CUDA driver API's limit of a batch

/// Appends a node to the capture that the stream is in, behind what the stream has captured.
cuda::Code capture(Entered& call, Stream& stream, cuda::GraphNodeType type, std::vector<Node> work,
                   GraphNode** added = nullptr);
/// Submits `node` to the stream, or appends it to the capture that the stream is in.
/// `op_id`, if given, becomes the operation's number (0 when captured).
cuda::Code enqueue(Entered& call, Stream& stream, Node node, uint64_t* op_id = nullptr);

}  // namespace corun::simgpu::driver
