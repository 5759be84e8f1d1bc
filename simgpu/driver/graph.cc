#include "simgpu/driver/graph.h"

#include <algorithm>

namespace corun::simgpu::driver {

cuda::GraphNodeType type_of(const Node& work) {
  if (work.function != nullptr) return cuda::GraphNodeType::kKernel;  // also one that polls words
  switch (work.op.kind) {
    case wire::OpKind::kKernel:
      return cuda::GraphNodeType::kKernel;
    case wire::OpKind::kCopyHostToDevice:
    case wire::OpKind::kCopyDeviceToHost:
    case wire::OpKind::kCopyDeviceToDevice:
      return cuda::GraphNodeType::kMemcpy;
    case wire::OpKind::kMemset:
      return cuda::GraphNodeType::kMemset;
    case wire::OpKind::kHost:
      return cuda::GraphNodeType::kHost;
    case wire::OpKind::kWordWait:
    case wire::OpKind::kWordWrite:
      return cuda::GraphNodeType::kBatchMemoryOp;
    case wire::OpKind::kMarker:  // an asynchronous free
      return cuda::GraphNodeType::kMemoryFree;
    case wire::OpKind::kWait:
    case wire::OpKind::kGraph:
      break;
  }
  return cuda::GraphNodeType::kEmpty;
}

GraphNode& add_node(Driver& driver, Graph& graph, cuda::GraphNodeType type,
                    std::set<GraphNode*> after) {
  auto made = std::make_unique<GraphNode>();
  made->graph = &graph;
  made->type = type;
  made->after = std::move(after);
  driver.graph_nodes.insert(made.get());
  graph.nodes.push_back(std::move(made));
  return *graph.nodes.back();
}

void remove_node(Driver& driver, GraphNode& node) {
  Graph& graph = *node.graph;
  for (const auto& other : graph.nodes) other->after.erase(&node);
  std::erase_if(graph.clones, [&](const auto& pair) { return pair.second == &node; });
  driver.graph_nodes.erase(&node);
  std::erase_if(graph.nodes, [&](const auto& one) { return one.get() == &node; });
}

void destroy_graph(Driver& driver, Graph* graph) {
  for (const auto& node : graph->nodes) driver.graph_nodes.erase(node.get());
  delete graph;
}

std::unique_ptr<Graph> clone_graph(Driver& driver, const Graph& graph) {
  auto made = std::make_unique<Graph>();
  for (const auto& node : graph.nodes) {
    GraphNode& copy = add_node(driver, *made, node->type, {});
    copy.work = node->work;
    copy.operations = node->operations;
    made->clones[node.get()] = &copy;
  }
  for (const auto& node : graph.nodes) {
    for (const GraphNode* before : node->after) {
      made->clones[node.get()]->after.insert(made->clones[before]);
    }
  }
  return made;
}

std::vector<GraphNode*> in_order(const Graph& graph) {
  std::map<const GraphNode*, size_t> waits_for;
  std::map<const GraphNode*, std::vector<size_t>> before;
  std::set<size_t> ready;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const GraphNode* node = graph.nodes[i].get();
    waits_for[node] = node->after.size();
    if (node->after.empty()) ready.insert(i);
    for (const GraphNode* one : node->after) before[one].push_back(i);
  }
  std::vector<GraphNode*> order;
  while (!ready.empty()) {
    GraphNode* node = graph.nodes[*ready.begin()].get();
    ready.erase(ready.begin());
    order.push_back(node);
    for (const size_t next : before[node]) {
      if (--waits_for[graph.nodes[next].get()] == 0) ready.insert(next);
    }
  }
  return order;
}

}  // namespace corun::simgpu::driver
