// What a graph's nodes do, from and to the structures in which the application says it.
#pragma once

#include "simgpu/driver/driver.h"

namespace corun::simgpu::driver {

/// The graph, or the node, of a handle.
cuda::Code graph_of(const Entered& call, cuda::GraphHandle handle, Graph** graph);
cuda::Code node_of(const Entered& call, cuda::GraphNodeHandle handle, GraphNode** node);

/// Makes `node` do what `params` say. Nothing is changed where they are refused.
cuda::Code describe(Driver& driver, const cuda::KernelNodeParams& params, GraphNode& node);
cuda::Code describe(Driver& driver, const cuda::Memcpy3d& params, GraphNode& node);
cuda::Code describe(Driver& driver, const cuda::MemsetNodeParams& params, GraphNode& node);
cuda::Code describe(Driver& driver, const cuda::BatchMemoryOpNodeParams& params, GraphNode& node);

}  // namespace corun::simgpu::driver
