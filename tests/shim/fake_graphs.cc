#include "tests/shim/fake_graphs.h"

#include <algorithm>

namespace corun::shim::testing {

namespace {

FakeGraphs* alive = nullptr;

FakeGraph& graph_at(GraphHandle handle) { return *reinterpret_cast<FakeGraph*>(handle); }
FakeNode& node_at(GraphNodeHandle handle) { return *reinterpret_cast<FakeNode*>(handle); }

std::string text_of(const FakeNode& node) {
  std::string text;
  switch (static_cast<int>(node.type)) {
    case static_cast<int>(cuda::GraphNodeType::kKernel):
      return "k " + std::to_string(node.function) + " " + std::to_string(node.value);
    case static_cast<int>(cuda::GraphNodeType::kBatchMemoryOp):
      text = "w";
      for (const DevicePtr word : node.words) text += " " + std::to_string(word);
      return text;
    default:
      return std::to_string(static_cast<int>(node.type));
  }
}

std::vector<FakeNode*> in_order(const FakeGraph& graph) {
  std::vector<FakeNode*> order;
  std::set<const FakeNode*> done;
  for (bool grew = true; grew;) {
    grew = false;
    for (const auto& node : graph.nodes) {
      const bool ready = std::all_of(node->after.begin(), node->after.end(),
                                     [&](FakeNode* before) { return done.contains(before); });
      if (ready && done.insert(node.get()).second) {
        order.push_back(node.get());
        grew = true;
      }
    }
  }
  return order;
}

GraphExecHandle instantiate(const FakeGraph& graph) {
  auto made = std::make_unique<FakeExec>();
  for (const FakeNode* node : in_order(graph)) {
    made->place[node] = made->parts.size();
    made->parts.push_back(text_of(*node));
  }
  alive->execs.push_back(std::move(made));
  return reinterpret_cast<GraphExecHandle>(alive->execs.back().get());
}

Code clone(GraphHandle* made, GraphHandle handle) {
  const FakeGraph& graph = graph_at(handle);
  if (!graph.clonable) return Code::kNotSupported;
  auto* copy = new FakeGraph();
  copy->edge_data = graph.edge_data;
  for (const auto& node : graph.nodes) copy->clones[node.get()] = copy->add(*node);
  for (const auto& node : copy->nodes) {
    std::set<FakeNode*> after;
    for (FakeNode* before : node->after) after.insert(copy->clones[before]);
    node->after = after;
  }
  alive->clones.insert(copy);
  *made = reinterpret_cast<GraphHandle>(copy);
  return Code::kSuccess;
}

Code edges(GraphHandle handle, GraphNodeHandle* from, GraphNodeHandle* to, size_t* count) {
  const FakeGraph& graph = graph_at(handle);
  if (graph.edge_data) return Code::kInvalidValue;
  size_t found = 0;
  for (const auto& node : graph.nodes) {
    for (FakeNode* before : node->after) {
      if (from != nullptr) {
        from[found] = FakeGraphs::handle(*before);
        to[found] = FakeGraphs::handle(*node);
      }
      ++found;
    }
  }
  *count = found;
  return Code::kSuccess;
}

std::vector<DevicePtr> words_of(const cuda::BatchMemoryOpNodeParams& params) {
  std::vector<DevicePtr> words;
  for (unsigned i = 0; i < params.count; ++i) words.push_back(params.operations[i].address);
  return words;
}

void fill_building(Driver& driver) {
  driver.graph_clone = clone;
  driver.graph_destroy = [](GraphHandle handle) {
    if (alive->clones.erase(&graph_at(handle)) == 0) return Code::kInvalidHandle;
    delete &graph_at(handle);
    return Code::kSuccess;
  };
  driver.graph_nodes = [](GraphHandle handle, GraphNodeHandle* nodes, size_t* count) {
    const FakeGraph& graph = graph_at(handle);
    for (size_t i = 0; nodes != nullptr && i < graph.nodes.size(); ++i) {
      nodes[i] = FakeGraphs::handle(*graph.nodes[i]);
    }
    *count = graph.nodes.size();
    return Code::kSuccess;
  };
  driver.graph_edges = edges;
  driver.graph_add_edges = [](GraphHandle, const GraphNodeHandle* from, const GraphNodeHandle* to,
                              size_t count) {
    for (size_t i = 0; i < count; ++i) node_at(to[i]).after.insert(&node_at(from[i]));
    return Code::kSuccess;
  };
  driver.graph_remove_edges = [](GraphHandle, const GraphNodeHandle* from,
                                 const GraphNodeHandle* to, size_t count) {
    for (size_t i = 0; i < count; ++i) {
      if (node_at(to[i]).after.erase(&node_at(from[i])) == 0) return Code::kInvalidValue;
    }
    return Code::kSuccess;
  };
  driver.graph_add_wait = [](GraphNodeHandle* node, GraphHandle graph, const GraphNodeHandle* after,
                             size_t count, const cuda::BatchMemoryOpNodeParams* params) {
    FakeNode wait;
    wait.type = cuda::GraphNodeType::kBatchMemoryOp;
    wait.words = words_of(*params);
    for (size_t i = 0; i < count; ++i) wait.after.insert(&node_at(after[i]));
    *node = FakeGraphs::handle(*graph_at(graph).add(std::move(wait)));
    return Code::kSuccess;
  };
  driver.graph_set_wait = [](GraphNodeHandle node, const cuda::BatchMemoryOpNodeParams* params) {
    node_at(node).words = words_of(*params);
    return Code::kSuccess;
  };
  driver.graph_find_in_clone = [](GraphNodeHandle* node, GraphNodeHandle original,
                                  GraphHandle clone) {
    const auto found = graph_at(clone).clones.find(&node_at(original));
    if (found == graph_at(clone).clones.end()) return Code::kInvalidValue;
    *node = FakeGraphs::handle(*found->second);
    return Code::kSuccess;
  };
}

void fill_nodes(Driver& driver) {
  driver.node_type = [](GraphNodeHandle node, cuda::GraphNodeType* type) {
    *type = node_at(node).type;
    return Code::kSuccess;
  };
  driver.node_child = [](GraphNodeHandle node, GraphHandle* graph) {
    *graph = reinterpret_cast<GraphHandle>(node_at(node).child);
    return *graph != nullptr ? Code::kSuccess : Code::kInvalidValue;
  };
  driver.node_kernel = [](GraphNodeHandle node, cuda::KernelNodeParams* params) {
    *params = {};
    // NOLINTNEXTLINE(performance-no-int-to-ptr): a handle
    params->function = reinterpret_cast<FunctionHandle>(node_at(node).function);
    params->grid_x = params->grid_y = params->grid_z = 1;
    params->block_x = params->block_y = params->block_z = 1;
    return Code::kSuccess;
  };
}

void fill_running(Driver& driver) {
  driver.graph_instantiate = [](GraphExecHandle* exec, GraphHandle graph, unsigned long long) {
    if (!alive->instantiates) return Code::kOutOfMemory;
    *exec = instantiate(graph_at(graph));
    return Code::kSuccess;
  };
  driver.graph_exec_destroy = [](GraphExecHandle exec) {
    FakeGraphs::exec(exec).live = false;
    return Code::kSuccess;
  };
  driver.stream_wait_event = [](StreamHandle stream, EventHandle, unsigned) {
    alive->waited_for_event.push_back(stream);
    return Code::kSuccess;
  };
  driver.stream_synchronize = [](StreamHandle) {
    ++alive->synchronised;
    return Code::kSuccess;
  };
  driver.event_create = [](EventHandle* event, unsigned flags) {
    alive->events += flags == cuda::kEventDisableTiming ? 1 : 0;
    // NOLINTNEXTLINE(performance-no-int-to-ptr): a handle
    *event = reinterpret_cast<EventHandle>(uintptr_t{flags == 0 ? 0x9000U : 0x9100U});
    return Code::kSuccess;
  };
  driver.event_destroy = [](EventHandle event) {
    alive->events -= reinterpret_cast<uintptr_t>(event) == 0x9100U ? 1 : 0;
    return Code::kSuccess;
  };
  driver.event_record = [](EventHandle event, StreamHandle stream) {
    if (reinterpret_cast<uintptr_t>(event) == 0x9100U) {
      if (alive->record_code != Code::kSuccess) return alive->record_code;
      alive->recorded.push_back(stream);
    }
    return Code::kSuccess;
  };
}

}  // namespace

FakeNode* FakeGraph::add(FakeNode node) {
  nodes.push_back(std::make_unique<FakeNode>(std::move(node)));
  return nodes.back().get();
}

FakeGraph FakeGraph::chain(uintptr_t function, int count) {
  FakeGraph graph;
  FakeNode* before = nullptr;
  for (int i = 0; i < count; ++i) {
    FakeNode node;
    node.function = function;
    node.value = i;
    if (before != nullptr) node.after.insert(before);
    before = graph.add(std::move(node));
  }
  return graph;
}

size_t FakeExec::waits() const {
  return static_cast<size_t>(std::count_if(
      parts.begin(), parts.end(), [](const std::string& part) { return part.starts_with("w"); }));
}

FakeGraphs::FakeGraphs(FakeGpu& gpu) {
  alive = this;
  fill_building(gpu.driver);
  fill_nodes(gpu.driver);
  fill_running(gpu.driver);
}

FakeGraphs::~FakeGraphs() {
  for (FakeGraph* graph : clones) delete graph;
  alive = nullptr;
}

GraphExecHandle FakeGraphs::make(const FakeGraph& graph) { return instantiate(graph); }

size_t FakeGraphs::live_execs() const {
  return static_cast<size_t>(
      std::count_if(execs.begin(), execs.end(), [](const auto& exec) { return exec->live; }));
}

FakeGraphs& fake_graphs() { return *alive; }

}  // namespace corun::shim::testing
