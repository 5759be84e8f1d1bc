// Building graphs, cloning them, and looking into them.
#include "simgpu/driver/api.h"
#include "simgpu/driver/graph.h"
#include "simgpu/driver/graph_params.h"

namespace corun::simgpu::driver {

cuda::Code graph_of(const Entered& call, cuda::GraphHandle handle, Graph** graph) {
  if (call.code() != cuda::Code::kSuccess) return call.code();
  *graph = reinterpret_cast<Graph*>(handle);
  return call.driver.graphs.contains(*graph) ? cuda::Code::kSuccess : cuda::Code::kInvalidHandle;
}

cuda::Code node_of(const Entered& call, cuda::GraphNodeHandle handle, GraphNode** node) {
  if (call.code() != cuda::Code::kSuccess) return call.code();
  *node = reinterpret_cast<GraphNode*>(handle);
  return call.driver.graph_nodes.contains(*node) ? cuda::Code::kSuccess
                                                 : cuda::Code::kInvalidHandle;
}

namespace api {

namespace {

/// Copies a list to the caller: `count` says how much room there is, and then how much was filled
/// in, or (without room) how much there is.
template <typename List, typename Fill>
void give_list(const List& list, bool room, size_t* count, Fill fill) {
  if (room) {
    for (size_t i = 0; i < *count; ++i) fill(i, i < list.size());
  }
  *count = list.size();
}

/// The nodes of a list of handles, all of one graph.
Code nodes_of(const Entered& call, const Graph& graph, const GraphNodeHandle* handles, size_t count,
              std::vector<GraphNode*>* nodes) {
  if (handles == nullptr && count > 0) return Code::kInvalidValue;
  for (size_t i = 0; i < count; ++i) {
    GraphNode* node = nullptr;
    if (const Code code = node_of(call, handles[i], &node); code != Code::kSuccess) return code;
    if (node->graph != &graph) return Code::kInvalidValue;
    nodes->push_back(node);
  }
  return Code::kSuccess;
}

/// Adds a node that `describe` fills in.
template <typename Describe>
Code add(GraphNodeHandle* added, GraphHandle handle, const GraphNodeHandle* after, size_t count,
         GraphNodeType type, Describe describe) {
  if (added == nullptr) return Code::kInvalidValue;
  const Entered call;
  Graph* graph = nullptr;
  if (const Code code = graph_of(call, handle, &graph); code != Code::kSuccess) return code;
  if (graph->nodes.size() >= wire::kMaxGraphNodes) return Code::kOutOfMemory;
  std::vector<GraphNode*> before;
  Code code = nodes_of(call, *graph, after, count, &before);
  if (code != Code::kSuccess) return code;
  GraphNode described;
  code = describe(call.driver, described);
  if (code != Code::kSuccess) return code;
  GraphNode& node = add_node(call.driver, *graph, type, {before.begin(), before.end()});
  node.work = std::move(described.work);
  node.operations = std::move(described.operations);
  *added = reinterpret_cast<GraphNodeHandle>(&node);
  return Code::kSuccess;
}

struct Edge {
  GraphNode* from;
  GraphNode* to;
};

std::vector<Edge> edges_of(const Graph& graph) {
  std::vector<Edge> edges;
  for (const auto& node : graph.nodes) {
    for (GraphNode* before : node->after) edges.push_back({before, node.get()});
  }
  return edges;
}

/// Both ends of edges that are to be added or removed.
Code ends_of(const Entered& call, GraphHandle handle, const GraphNodeHandle* from,
             const GraphNodeHandle* to, size_t count, std::vector<Edge>* edges) {
  Graph* graph = nullptr;
  if (const Code code = graph_of(call, handle, &graph); code != Code::kSuccess) return code;
  std::vector<GraphNode*> starts;
  std::vector<GraphNode*> ends;
  Code code = nodes_of(call, *graph, from, count, &starts);
  if (code == Code::kSuccess) code = nodes_of(call, *graph, to, count, &ends);
  for (size_t i = 0; i < count && code == Code::kSuccess; ++i) {
    edges->push_back({starts[i], ends[i]});
  }
  return code;
}

}  // namespace

Code cuGraphCreate(GraphHandle* graph, unsigned flags) {
  if (graph == nullptr || flags != 0) return Code::kInvalidValue;
  const Entered call;
  if (call.code() != Code::kSuccess) return call.code();
  auto* made = new Graph();
  call.driver.graphs.insert(made);
  *graph = reinterpret_cast<GraphHandle>(made);
  return Code::kSuccess;
}

Code cuGraphDestroy(GraphHandle handle) {
  const Entered call;
  if (call.context == nullptr) return call.code();
  auto* graph = reinterpret_cast<Graph*>(handle);
  if (call.driver.graphs.erase(graph) == 0) return Code::kInvalidHandle;
  destroy_graph(call.driver, graph);
  return Code::kSuccess;
}

Code cuGraphClone(GraphHandle* clone, GraphHandle handle) {
  if (clone == nullptr) return Code::kInvalidValue;
  const Entered call;
  Graph* graph = nullptr;
  if (const Code code = graph_of(call, handle, &graph); code != Code::kSuccess) return code;
  for (const auto& node : graph->nodes) {
    // As documented: graphs with memory nodes cannot be cloned.
    if (node->type == GraphNodeType::kMemoryFree) return Code::kNotSupported;
  }
  Graph* made = clone_graph(call.driver, *graph).release();
  call.driver.graphs.insert(made);
  *clone = reinterpret_cast<GraphHandle>(made);
  return Code::kSuccess;
}

Code cuGraphNodeFindInClone(GraphNodeHandle* node, GraphNodeHandle original, GraphHandle clone) {
  if (node == nullptr) return Code::kInvalidValue;
  const Entered call;
  Graph* graph = nullptr;
  if (const Code code = graph_of(call, clone, &graph); code != Code::kSuccess) return code;
  const auto found = graph->clones.find(reinterpret_cast<GraphNode*>(original));
  if (found == graph->clones.end()) return Code::kInvalidValue;
  *node = reinterpret_cast<GraphNodeHandle>(found->second);
  return Code::kSuccess;
}

Code cuGraphDestroyNode(GraphNodeHandle handle) {
  const Entered call;
  GraphNode* node = nullptr;
  if (const Code code = node_of(call, handle, &node); code != Code::kSuccess) return code;
  remove_node(call.driver, *node);
  return Code::kSuccess;
}

Code cuGraphGetNodes(GraphHandle handle, GraphNodeHandle* nodes, size_t* count) {
  if (count == nullptr) return Code::kInvalidValue;
  const Entered call;
  Graph* graph = nullptr;
  if (const Code code = graph_of(call, handle, &graph); code != Code::kSuccess) return code;
  give_list(graph->nodes, nodes != nullptr, count, [&](size_t i, bool there) {
    nodes[i] = there ? reinterpret_cast<GraphNodeHandle>(graph->nodes[i].get()) : nullptr;
  });
  return Code::kSuccess;
}

Code cuGraphGetEdges(GraphHandle handle, GraphNodeHandle* from, GraphNodeHandle* to,
                     size_t* count) {
  if (count == nullptr || (from == nullptr) != (to == nullptr)) return Code::kInvalidValue;
  const Entered call;
  Graph* graph = nullptr;
  if (const Code code = graph_of(call, handle, &graph); code != Code::kSuccess) return code;
  const std::vector<Edge> edges = edges_of(*graph);
  give_list(edges, from != nullptr, count, [&](size_t i, bool there) {
    from[i] = there ? reinterpret_cast<GraphNodeHandle>(edges[i].from) : nullptr;
    to[i] = there ? reinterpret_cast<GraphNodeHandle>(edges[i].to) : nullptr;
  });
  return Code::kSuccess;
}

Code cuGraphAddDependencies(GraphHandle handle, const GraphNodeHandle* from,
                            const GraphNodeHandle* to, size_t count) {
  const Entered call;
  std::vector<Edge> edges;
  const Code code = ends_of(call, handle, from, to, count, &edges);
  if (code != Code::kSuccess) return code;
  for (const Edge& edge : edges) {
    if (edge.from == edge.to || edge.to->after.contains(edge.from)) return Code::kInvalidValue;
  }
  for (const Edge& edge : edges) edge.to->after.insert(edge.from);
  return Code::kSuccess;
}

Code cuGraphRemoveDependencies(GraphHandle handle, const GraphNodeHandle* from,
                               const GraphNodeHandle* to, size_t count) {
  const Entered call;
  std::vector<Edge> edges;
  const Code code = ends_of(call, handle, from, to, count, &edges);
  if (code != Code::kSuccess) return code;
  for (const Edge& edge : edges) {
    if (!edge.to->after.contains(edge.from)) return Code::kInvalidValue;
  }
  for (const Edge& edge : edges) edge.to->after.erase(edge.from);
  return Code::kSuccess;
}

Code cuGraphNodeGetType(GraphNodeHandle handle, GraphNodeType* type) {
  if (type == nullptr) return Code::kInvalidValue;
  const Entered call;
  GraphNode* node = nullptr;
  if (const Code code = node_of(call, handle, &node); code != Code::kSuccess) return code;
  *type = node->type;
  return Code::kSuccess;
}

Code cuGraphAddEmptyNode(GraphNodeHandle* node, GraphHandle graph, const GraphNodeHandle* after,
                         size_t count) {
  return add(node, graph, after, count, GraphNodeType::kEmpty,
             [](Driver&, GraphNode&) { return Code::kSuccess; });
}

Code cuGraphAddKernelNode(GraphNodeHandle* node, GraphHandle graph, const GraphNodeHandle* after,
                          size_t count, const KernelNodeParams* params) {
  if (params == nullptr) return Code::kInvalidValue;
  return add(node, graph, after, count, GraphNodeType::kKernel,
             [&](Driver& driver, GraphNode& made) { return describe(driver, *params, made); });
}

Code cuGraphAddMemcpyNode(GraphNodeHandle* node, GraphHandle graph, const GraphNodeHandle* after,
                          size_t count, const Memcpy3d* params, ContextHandle) {
  if (params == nullptr) return Code::kInvalidValue;
  return add(node, graph, after, count, GraphNodeType::kMemcpy,
             [&](Driver& driver, GraphNode& made) { return describe(driver, *params, made); });
}

Code cuGraphAddMemsetNode(GraphNodeHandle* node, GraphHandle graph, const GraphNodeHandle* after,
                          size_t count, const MemsetNodeParams* params, ContextHandle) {
  if (params == nullptr) return Code::kInvalidValue;
  return add(node, graph, after, count, GraphNodeType::kMemset,
             [&](Driver& driver, GraphNode& made) { return describe(driver, *params, made); });
}

Code cuGraphAddBatchMemOpNode(GraphNodeHandle* node, GraphHandle graph,
                              const GraphNodeHandle* after, size_t count,
                              const BatchMemoryOpNodeParams* params) {
  if (params == nullptr) return Code::kInvalidValue;
  return add(node, graph, after, count, GraphNodeType::kBatchMemoryOp,
             [&](Driver& driver, GraphNode& made) { return describe(driver, *params, made); });
}

}  // namespace api

}  // namespace corun::simgpu::driver
