// Stream capture. A captured node waits for what its stream has captured before, and for the other
// streams' nodes that events have brought in.
#include "simgpu/driver/api.h"
#include "simgpu/driver/driver.h"
#include "simgpu/driver/graph.h"

namespace corun::simgpu::driver::api {

Code cuStreamBeginCapture(StreamHandle handle, CaptureMode mode) {
  Entered call;
  if (call.code() != Code::kSuccess) return call.code();
  Stream* stream = call.driver.stream(*call.context, handle);
  if (stream == nullptr) return Code::kInvalidHandle;
  if (stream == &call.context->legacy) return Code::kStreamCaptureUnsupported;
  if (stream->capture) return Code::kIllegalState;
  stream->capture = std::make_shared<Capture>();
  stream->captured.clear();
  stream->capture->origin = stream;
  stream->capture->mode = mode;
  stream->capture->thread = std::this_thread::get_id();
  stream->capture->own = std::make_unique<Graph>();
  stream->capture->graph = stream->capture->own.get();
  stream->capture->streams.insert(stream);
  return Code::kSuccess;
}

Code cuStreamBeginCaptureToGraph(StreamHandle handle, GraphHandle graph_handle,
                                 const GraphNodeHandle* after, const void* edge_data, size_t count,
                                 CaptureMode mode) {
  std::set<GraphNode*> captured;
  {
    const Entered call;
    if (call.code() != Code::kSuccess) return call.code();
    if (edge_data != nullptr) {
      say_once("cuStreamBeginCaptureToGraph: data of edges is not simulated");
      return Code::kNotSupported;
    }
    auto* graph = reinterpret_cast<Graph*>(graph_handle);
    if (!call.driver.graphs.contains(graph)) return Code::kInvalidHandle;
    for (size_t i = 0; i < count; ++i) {
      auto* node = reinterpret_cast<GraphNode*>(after[i]);
      if (!call.driver.graph_nodes.contains(node) || node->graph != graph) {
        return Code::kInvalidValue;
      }
      captured.insert(node);
    }
  }
  const Code code = api::cuStreamBeginCapture(handle, mode);
  if (code != Code::kSuccess) return code;
  const Entered call;
  Stream* stream = call.driver.stream(*call.context, handle);
  stream->capture->own.reset();
  stream->capture->graph = reinterpret_cast<Graph*>(graph_handle);
  stream->captured = std::move(captured);
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
  for (Stream* one : capture->streams) {
    one->capture.reset();
    one->captured.clear();
  }
  if (capture->invalid) {
    if (capture->own) destroy_graph(call.driver, capture->own.release());
    return Code::kStreamCaptureInvalidated;
  }
  if (capture->own) call.driver.graphs.insert(capture->own.release());
  *graph = reinterpret_cast<GraphHandle>(capture->graph);
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

Code cuThreadExchangeStreamCaptureMode(CaptureMode* mode) {
  thread_local CaptureMode own = CaptureMode::kGlobal;
  if (mode == nullptr) return Code::kInvalidValue;
  std::swap(own, *mode);
  return Code::kSuccess;
}

}  // namespace corun::simgpu::driver::api
