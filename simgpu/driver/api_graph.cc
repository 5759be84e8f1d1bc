// Stream capture and graphs. A graph's nodes run one after another, in the order of their capture.
#include "simgpu/driver/api.h"
#include "simgpu/driver/driver.h"

namespace corun::simgpu::driver::api {

namespace {

/// Sends the graph to the server, node by node. `id` becomes the server's name of it.
Code upload(Driver& driver, const Context& context, const std::vector<Node>& nodes, uint32_t* id) {
  wire::GraphCreate create;
  create.context = context.id;
  create.nodes = static_cast<uint32_t>(nodes.size());
  const auto created = driver.call(wire::Type::kGraphCreate, create);
  if (!created) return Code::kUnknown;
  if (created->code != wire::Code::kOk) return to_cuda(created->code);
  *id = created->count;
  for (const Node& node : nodes) {
    wire::GraphNode message;
    message.graph = *id;
    message.op = node.op;
    driver.post(wire::Type::kGraphNode, message, node.params);
  }
  wire::IdCall finish;
  finish.id = *id;
  const auto finished = driver.call(wire::Type::kGraphFinish, finish);
  return finished ? to_cuda(finished->code) : Code::kUnknown;
}

bool has_host_function(const std::vector<Node>& nodes) {
  for (const Node& node : nodes) {
    if (node.op.kind == wire::OpKind::kHost) return true;
  }
  return false;
}

}  // namespace

Code cuStreamBeginCapture(StreamHandle handle, CaptureMode mode) {
  Entered call;
  if (call.code() != Code::kSuccess) return call.code();
  Stream* stream = call.driver.stream(*call.context, handle);
  if (stream == nullptr) return Code::kInvalidHandle;
  if (stream == &call.context->legacy) return Code::kStreamCaptureUnsupported;
  if (stream->capture) return Code::kIllegalState;
  stream->capture = std::make_shared<Capture>();
  stream->capture->origin = stream;
  stream->capture->mode = mode;
  stream->capture->thread = std::this_thread::get_id();
  stream->capture->streams.insert(stream);
  return Code::kSuccess;
}

Code cuStreamEndCapture(StreamHandle handle, GraphHandle* graph) {
  if (graph == nullptr) return Code::kInvalidValue;
  *graph = nullptr;
  Entered call;
  if (call.code() != Code::kSuccess) return call.code();
  Stream* stream = call.driver.stream(*call.context, handle);
  if (stream == nullptr) return Code::kInvalidHandle;
  const std::shared_ptr<Capture> capture = stream->capture;
  if (!capture || capture->origin != stream) return Code::kIllegalState;
  if (capture->mode != CaptureMode::kRelaxed && capture->thread != std::this_thread::get_id()) {
    return Code::kStreamCaptureWrongThread;
  }
  for (Stream* one : capture->streams) one->capture.reset();
  if (capture->invalid) return Code::kStreamCaptureInvalidated;
  auto made = std::make_unique<Graph>();
  made->nodes = std::move(capture->nodes);
  *graph = reinterpret_cast<GraphHandle>(made.get());
  call.driver.graphs.insert(made.release());
  return Code::kSuccess;
}

Code cuStreamIsCapturing(StreamHandle handle, CaptureStatus* status) {
  if (status == nullptr) return Code::kInvalidValue;
  Entered call;
  if (call.code() != Code::kSuccess) return call.code();
  const Stream* stream = call.driver.stream(*call.context, handle);
  if (stream == nullptr) return Code::kInvalidHandle;
  *status = CaptureStatus::kNone;
  if (stream->capture) {
    *status = stream->capture->invalid ? CaptureStatus::kInvalidated : CaptureStatus::kActive;
  }
  return Code::kSuccess;
}

Code cuGraphInstantiate(GraphExecHandle* exec, GraphHandle handle, unsigned long long) {
  if (exec == nullptr) return Code::kInvalidValue;
  Entered call;
  if (call.code() != Code::kSuccess) return call.code();
  auto* graph = reinterpret_cast<Graph*>(handle);
  if (!call.driver.graphs.contains(graph)) return Code::kInvalidHandle;
  auto made = std::make_unique<GraphExec>();
  made->context = call.context;
  made->nodes = std::make_shared<const std::vector<Node>>(graph->nodes);
  const Code code = upload(call.driver, *call.context, *made->nodes, &made->id);
  if (code != Code::kSuccess) return code;
  if (has_host_function(*made->nodes)) call.driver.start_host_thread();
  *exec = reinterpret_cast<GraphExecHandle>(made.get());
  call.driver.execs.insert(made.release());
  return Code::kSuccess;
}

Code cuGraphUpload(GraphExecHandle handle, StreamHandle) {
  const Entered call;
  if (call.code() != Code::kSuccess) return call.code();
  const bool known = call.driver.execs.contains(reinterpret_cast<GraphExec*>(handle));
  return known ? Code::kSuccess : Code::kInvalidHandle;
}

Code cuGraphLaunch(GraphExecHandle handle, StreamHandle stream_handle) {
  Entered call;
  if (call.code() != Code::kSuccess) return call.code();
  auto* exec = reinterpret_cast<GraphExec*>(handle);
  Stream* stream = call.driver.stream(*call.context, stream_handle);
  if (stream == nullptr || !call.driver.execs.contains(exec)) return Code::kInvalidHandle;
  if (stream->capture) {
    say_once("cuGraphLaunch into a captured stream is not simulated");
    stream->capture->invalid = true;
    return Code::kNotSupported;
  }
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
  wire::IdCall message;
  message.id = exec->id;
  call.driver.post(wire::Type::kGraphDestroy, message);
  delete exec;
  return Code::kSuccess;
}

Code cuGraphDestroy(GraphHandle handle) {
  const Entered call;
  if (call.context == nullptr) return call.code();
  auto* graph = reinterpret_cast<Graph*>(handle);
  if (call.driver.graphs.erase(graph) == 0) return Code::kInvalidHandle;
  delete graph;
  return Code::kSuccess;
}

Code cuGraphGetNodes(GraphHandle handle, GraphNodeHandle* nodes, size_t* count) {
  if (count == nullptr) return Code::kInvalidValue;
  const Entered call;
  if (call.code() != Code::kSuccess) return call.code();
  auto* graph = reinterpret_cast<Graph*>(handle);
  if (!call.driver.graphs.contains(graph)) return Code::kInvalidHandle;
  if (nodes != nullptr) {
    for (size_t i = 0; i < *count; ++i) {
      nodes[i] =
          i < graph->nodes.size() ? reinterpret_cast<GraphNodeHandle>(&graph->nodes[i]) : nullptr;
    }
  }
  *count = graph->nodes.size();
  return Code::kSuccess;
}

}  // namespace corun::simgpu::driver::api
