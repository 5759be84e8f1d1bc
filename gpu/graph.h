// CUDA graphs: work captured once from a stream and launched as one.
#pragma once

#include <functional>

#include "gpu/stream.h"

namespace corun::gpu {

/// A graph that is ready to launch.
class Graph {
 public:
  /// Captures what `enqueue` puts into `stream` (nothing runs) and instantiates it. Calls that the
  /// driver forbids during a capture fail it; only this thread's calls matter.
  /// Errors: those of `enqueue`, of the capture, of the instantiation.
  static Result<Graph> capture(const Stream& stream, const std::function<Status()>& enqueue);
  Status launch(cuda::StreamHandle stream) const;
  /// Nodes that were captured.
  size_t node_count() const { return node_count_; }
  cuda::GraphExecHandle get() const { return exec_.get(); }

 private:
  using Handle = Owned<cuda::GraphExecHandle, &Driver::cuGraphExecDestroy>;
  Graph(Handle exec, size_t node_count) : exec_(std::move(exec)), node_count_(node_count) {}
  Handle exec_;
  size_t node_count_;
};

}  // namespace corun::gpu
