// Executable graphs. A graph's nodes run one after another, each behind what it waits for and
// otherwise in the order in which they were added.
#include "simgpu/driver/api.h"
#include "simgpu/driver/graph.h"
#include "simgpu/driver/graph_exec.h"

namespace corun::simgpu::driver {

namespace {

/// Sends the work to the server, one by one. `id` becomes the server's name of it.
cuda::Code upload(Driver& driver, const Context& context, const std::vector<Node>& nodes,
                  uint32_t* id) {
  wire::GraphCreate create;
  create.context = context.id;
  create.nodes = static_cast<uint32_t>(nodes.size());
  const auto created = driver.call(wire::Type::kGraphCreate, create);
  if (!created) return cuda::Code::kUnknown;
  if (created->code != wire::Code::kOk) return to_cuda(created->code);
  *id = created->count;
  for (const Node& node : nodes) {
    wire::GraphNode message;
    message.graph = *id;
    message.op = node.op;
    message.op.param_bytes = static_cast<uint32_t>(node.params.size());
    driver.post(wire::Type::kGraphNode, message, node.params);
  }
  wire::IdCall finish;
  finish.id = *id;
  const auto finished = driver.call(wire::Type::kGraphFinish, finish);
  return finished ? to_cuda(finished->code) : cuda::Code::kUnknown;
}

void drop_upload(Driver& driver, const GraphExec& exec) {
  if (exec.id == 0) return;
  wire::IdCall message;
  message.id = exec.id;
  driver.post(wire::Type::kGraphDestroy, message);
}

}  // namespace

std::vector<GraphExec::Part> parts_of(const std::vector<GraphNode*>& order) {
  std::vector<GraphExec::Part> parts;
  parts.reserve(order.size());
  for (const GraphNode* node : order) {
    parts.push_back({.node = node, .type = node->type, .work = node->work, .enabled = true});
  }
  return parts;
}

cuda::Code refresh(Driver& driver, GraphExec& exec) {
  if (!exec.changed) return cuda::Code::kSuccess;
  auto nodes = std::make_shared<std::vector<Node>>();
  bool host_functions = false;
  for (const GraphExec::Part& part : exec.parts) {
    if (!part.enabled) continue;
    nodes->insert(nodes->end(), part.work.begin(), part.work.end());
    host_functions = host_functions || part.type == cuda::GraphNodeType::kHost;
  }
  uint32_t id = 0;
  const cuda::Code code = upload(driver, *exec.context, *nodes, &id);
  if (code != cuda::Code::kSuccess) return code;
  drop_upload(driver, exec);
  exec.id = id;
  exec.nodes = std::move(nodes);
  exec.changed = false;
  if (host_functions) driver.start_host_thread();
  return cuda::Code::kSuccess;
}

cuda::Code exec_of(const Entered& call, cuda::GraphExecHandle handle, GraphExec** exec) {
  if (call.code() != cuda::Code::kSuccess) return call.code();
  *exec = reinterpret_cast<GraphExec*>(handle);
  return call.driver.execs.contains(*exec) ? cuda::Code::kSuccess : cuda::Code::kInvalidHandle;
}

namespace api {

namespace {

Code instantiate(GraphExecHandle* exec, GraphHandle handle, uint64_t flags) {
  constexpr uint64_t kKnown = kGraphAutoFree | kGraphUpload | kGraphNodePriority;
  if (exec == nullptr) return Code::kInvalidValue;
  if ((flags & kGraphDeviceLaunch) != 0) {
    say_once("graphs that the device launches are not simulated");
    return Code::kNotSupported;
  }
  if ((flags & ~kKnown) != 0) return Code::kInvalidValue;
  Entered call;
  if (call.code() != Code::kSuccess) return call.code();
  auto* graph = reinterpret_cast<Graph*>(handle);
  if (!call.driver.graphs.contains(graph)) return Code::kInvalidHandle;
  const std::vector<GraphNode*> order = in_order(*graph);
  if (order.size() != graph->nodes.size()) return Code::kInvalidValue;  // a cycle
  auto made = std::make_unique<GraphExec>();
  made->context = call.context;
  made->flags = flags;
  made->parts = parts_of(order);
  made->changed = true;
  const Code code = refresh(call.driver, *made);
  if (code != Code::kSuccess) return code;
  *exec = reinterpret_cast<GraphExecHandle>(made.get());
  call.driver.execs.insert(made.release());
  return Code::kSuccess;
}

/// Why an executable graph cannot take over a graph with these nodes.
GraphUpdateResult difference(const GraphExec& exec, const std::vector<GraphNode*>& order,
                             GraphNode** where) {
  if (order.size() != exec.parts.size()) return GraphUpdateResult::kTopologyChanged;
  for (size_t i = 0; i < order.size(); ++i) {
    *where = order[i];
    if (order[i]->type != exec.parts[i].type) return GraphUpdateResult::kNodeTypeChanged;
  }
  *where = nullptr;
  return GraphUpdateResult::kSuccess;
}

}  // namespace

Code cuGraphInstantiate(GraphExecHandle* exec, GraphHandle graph, unsigned long long flags) {
  return (flags & kGraphUpload) != 0 ? Code::kInvalidValue : instantiate(exec, graph, flags);
}

Code cuGraphInstantiate_v1(GraphExecHandle* exec, GraphHandle graph, GraphNodeHandle* error_node,
                           char* log, size_t log_bytes) {
  if (error_node != nullptr) *error_node = nullptr;
  if (log != nullptr && log_bytes > 0) *log = '\0';
  return instantiate(exec, graph, 0);
}

Code cuGraphInstantiate_v2(GraphExecHandle* exec, GraphHandle graph, GraphNodeHandle* error_node,
                           char* log, size_t log_bytes) {
  return api::cuGraphInstantiate_v1(exec, graph, error_node, log, log_bytes);
}

Code cuGraphInstantiateWithParams(GraphExecHandle* exec, GraphHandle graph,
                                  GraphInstantiateParams* params) {
  if (params == nullptr) return Code::kInvalidValue;
  params->error_node = nullptr;
  const Code code = instantiate(exec, graph, params->flags);
  params->result = code == Code::kSuccess ? 0 : 1;
  return code;
}

Code cuGraphExecGetFlags(GraphExecHandle handle, uint64_t* flags) {
  if (flags == nullptr) return Code::kInvalidValue;
  const Entered call;
  GraphExec* exec = nullptr;
  if (const Code code = exec_of(call, handle, &exec); code != Code::kSuccess) return code;
  *flags = exec->flags & ~kGraphUpload;
  return Code::kSuccess;
}

Code cuGraphExecUpdate(GraphExecHandle handle, GraphHandle graph_handle, GraphUpdateInfo* info) {
  if (info == nullptr) return Code::kInvalidValue;
  *info = {.result = GraphUpdateResult::kError, .error_node = nullptr, .error_from = nullptr};
  const Entered call;
  GraphExec* exec = nullptr;
  if (const Code code = exec_of(call, handle, &exec); code != Code::kSuccess) return code;
  auto* graph = reinterpret_cast<Graph*>(graph_handle);
  if (!call.driver.graphs.contains(graph)) return Code::kInvalidHandle;
  const std::vector<GraphNode*> order = in_order(*graph);
  GraphNode* where = nullptr;
  info->result = difference(*exec, order, &where);
  info->error_node = reinterpret_cast<GraphNodeHandle>(where);
  if (info->result != GraphUpdateResult::kSuccess) return Code::kGraphExecUpdateFailure;
  for (size_t i = 0; i < order.size(); ++i) exec->parts[i].work = order[i]->work;
  exec->changed = true;
  return Code::kSuccess;
}

Code cuGraphExecUpdate_v1(GraphExecHandle exec, GraphHandle graph, GraphNodeHandle* error_node,
                          GraphUpdateResult* result) {
  GraphUpdateInfo info{};
  const Code code = api::cuGraphExecUpdate(exec, graph, &info);
  if (error_node != nullptr) *error_node = info.error_node;
  if (result != nullptr) *result = info.result;
  return code;
}

Code cuGraphUpload(GraphExecHandle handle, StreamHandle) {
  const Entered call;
  GraphExec* exec = nullptr;
  const Code code = exec_of(call, handle, &exec);
  return code == Code::kSuccess ? refresh(call.driver, *exec) : code;
}

Code cuGraphLaunch(GraphExecHandle handle, StreamHandle stream_handle) {
  Entered call;
  GraphExec* exec = nullptr;
  Code code = exec_of(call, handle, &exec);
  if (code != Code::kSuccess) return code;
  Stream* stream = call.driver.stream(*call.context, stream_handle);
  if (stream == nullptr) return Code::kInvalidHandle;
  if (stream->capture) {
    say_once("cuGraphLaunch into a captured stream is not simulated");
    stream->capture->invalid = true;
    return Code::kNotSupported;
  }
  code = refresh(call.driver, *exec);
  if (code != Code::kSuccess) return code;
  wire::Op op;
  op.kind = wire::OpKind::kGraph;
  op.object = exec->id;
  Pending pending;
  pending.graph = exec->nodes;
  return call.driver.submit(call.lock, *stream, op, {}, std::move(pending));
}

Code cuGraphExecDestroy(GraphExecHandle handle) {
  const Entered call;
  if (call.context == nullptr) return call.code();
  auto* exec = reinterpret_cast<GraphExec*>(handle);
  if (call.driver.execs.erase(exec) == 0) return Code::kInvalidHandle;
  drop_upload(call.driver, *exec);
  delete exec;
  return Code::kSuccess;
}

}  // namespace api

}  // namespace corun::simgpu::driver
