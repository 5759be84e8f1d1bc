// Graphs as the application builds and changes them: nodes and what they wait for.
#pragma once

#include "simgpu/driver/driver.h"

namespace corun::simgpu::driver {

/// The kind of graph node that a piece of work makes.
cuda::GraphNodeType type_of(const Node& work);

/// Appends a node.
GraphNode& add_node(Driver& driver, Graph& graph, cuda::GraphNodeType type,
                    std::set<GraphNode*> after);
/// Removes a node and all edges from and to it.
void remove_node(Driver& driver, GraphNode& node);
/// Frees a graph and its nodes.
void destroy_graph(Driver& driver, Graph* graph);
/// A copy whose `clones` tells the copy of each node.
std::unique_ptr<Graph> clone_graph(Driver& driver, const Graph& graph);

/// Nodes in an order in which each comes behind what it waits for, otherwise as they were added.
/// Fewer than the graph has: it has a cycle.
std::vector<GraphNode*> in_order(const Graph& graph);

}  // namespace corun::simgpu::driver
