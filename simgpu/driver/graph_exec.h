// Executable graphs, as the calls that change them see them.
#pragma once

#include "simgpu/driver/driver.h"

namespace corun::simgpu::driver {

/// The executable graph of a handle.
cuda::Code exec_of(const Entered& call, cuda::GraphExecHandle handle, GraphExec** exec);
/// The parts of an executable graph with these nodes.
std::vector<GraphExec::Part> parts_of(const std::vector<GraphNode*>& order);
/// Sends the graph to the server again if it has changed. What is in flight goes on as it was.
cuda::Code refresh(Driver& driver, GraphExec& exec);

}  // namespace corun::simgpu::driver
