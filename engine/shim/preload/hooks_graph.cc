// Executable graphs come, change and go. The application's own is made and changed first; what it
// does not take is not done to the second one either.
#include "engine/shim/preload/process.h"

namespace corun::shim {

namespace {

Code made(Code code, const GraphExecHandle* exec, GraphHandle graph, uint64_t flags) {
  if (code == Code::kSuccess && exec != nullptr && outermost()) {
    machine.on_graph_made(*exec, graph, flags);
  }
  return code;
}

template <Slot kSlot, DefaultStream>
Code graph_instantiate(GraphExecHandle* exec, GraphHandle graph, GraphNodeHandle* error_node,
                       char* log, size_t log_bytes) {
  before_other_call();
  return made(next<kSlot>(exec, graph, error_node, log, log_bytes), exec, graph, 0);
}

template <Slot kSlot, DefaultStream>
Code graph_instantiate_flags(GraphExecHandle* exec, GraphHandle graph, unsigned long long flags) {
  before_other_call();
  return made(next<kSlot>(exec, graph, flags), exec, graph, flags);
}

template <Slot kSlot, DefaultStream>
Code graph_instantiate_params(GraphExecHandle* exec, GraphHandle graph,
                              cuda::GraphInstantiateParams* params) {
  before_other_call();
  const uint64_t flags = params == nullptr ? 0 : params->flags;
  return made(next<kSlot>(exec, graph, params), exec, graph, flags);
}

template <Slot kSlot, DefaultStream>
Code graph_update(GraphExecHandle exec, GraphHandle graph, GraphNodeHandle* error_node,
                  cuda::GraphUpdateResult* result) {
  before_other_call();
  const Code code = next<kSlot>(exec, graph, error_node, result);
  if (code == Code::kSuccess && outermost()) {
    machine.on_graph_updated(exec, graph);
  }
  return code;
}

template <Slot kSlot, DefaultStream>
Code graph_update_v2(GraphExecHandle exec, GraphHandle graph, cuda::GraphUpdateInfo* info) {
  before_other_call();
  const Code code = next<kSlot>(exec, graph, info);
  if (code == Code::kSuccess && outermost()) {
    machine.on_graph_updated(exec, graph);
  }
  return code;
}

/// One of Driver's functions that change a node of a graph.
using SetNode = Code (*Driver::*)(GraphNodeHandle node, const void* params);

/// Changes a node of the application's executable, then the same node of the clone by `set` and
/// of the second executable. `more`: what else the call takes.
template <Slot kSlot, class... More>
Code change_node(GraphExecHandle exec, GraphNodeHandle node, const void* params, SetNode set,
                 More... more) {
  before_other_call();
  const Code code = next<kSlot>(exec, node, params, more...);
  if (code != Code::kSuccess || !outermost()) {
    return code;
  }
  GraphNodeHandle in_clone = nullptr;
  Graphs::Entry* entry = machine.before_node_change(exec, node, &in_clone);
  if (entry != nullptr) {
    const Inside inside;
    const auto set_in_clone = machine.driver().*set;
    const bool mirrored =
        set_in_clone != nullptr && set_in_clone(in_clone, params) == Code::kSuccess &&
        (entry->segmented == nullptr ||
         next<kSlot>(entry->segmented, in_clone, params, more...) == Code::kSuccess);
    machine.after_node_change(entry, mirrored);
  }
  return code;
}

template <Slot kSlot, DefaultStream>
Code graph_set_kernel(GraphExecHandle exec, GraphNodeHandle node, const void* params) {
  return change_node<kSlot>(exec, node, params, &Driver::set_kernel_v1);
}

template <Slot kSlot, DefaultStream>
Code graph_set_kernel_v2(GraphExecHandle exec, GraphNodeHandle node, const void* params) {
  return change_node<kSlot>(exec, node, params, &Driver::set_kernel);
}

template <Slot kSlot, DefaultStream>
Code graph_set_memcpy(GraphExecHandle exec, GraphNodeHandle node, const void* params,
                      ContextHandle context) {
  return change_node<kSlot>(exec, node, params, &Driver::set_memcpy, context);
}

template <Slot kSlot, DefaultStream>
Code graph_set_memset(GraphExecHandle exec, GraphNodeHandle node, const void* params,
                      ContextHandle context) {
  return change_node<kSlot>(exec, node, params, &Driver::set_memset, context);
}

/// A change that is not followed: the graph is gated whole from now on.
template <Slot kSlot, DefaultStream>
Code graph_set_other(GraphExecHandle exec, GraphNodeHandle node, void* params) {
  before_other_call();
  const Code code = next<kSlot>(exec, node, params);
  if (code == Code::kSuccess && outermost()) {
    machine.on_graph_updated(exec, nullptr);
  }
  return code;
}

template <Slot kSlot, DefaultStream>
Code graph_set_enabled(GraphExecHandle exec, GraphNodeHandle node, unsigned enabled) {
  before_other_call();
  const Code code = next<kSlot>(exec, node, enabled);
  if (code == Code::kSuccess && outermost()) {
    machine.on_graph_updated(exec, nullptr);
  }
  return code;
}

/// Out of the book before the driver may give the handle out again.
template <Slot kSlot, DefaultStream>
Code graph_exec_destroy(GraphExecHandle exec) {
  before_other_call();
  Graphs::Entry* entry = outermost() ? machine.before_graph_gone(exec) : nullptr;
  const Code code = next<kSlot>(exec);
  machine.on_graph_gone(entry);
  return code;
}

}  // namespace

#define CORUN_DEFINE(symbol, handler, stream, since) \
  CORUN_DEFINE_HOOK(symbol, (&handler<Slot::symbol, DefaultStream::stream>))
CORUN_GRAPH_HOOKS(CORUN_DEFINE)
#undef CORUN_DEFINE

}  // namespace corun::shim
