#include "gpu/graph.h"

namespace corun::gpu {

Result<Graph> Graph::capture(const Stream& stream, const std::function<Status()>& enqueue) {
  const Driver& driver = stream.driver();
  CORUN_CUDA(driver, cuStreamBeginCapture, stream.get(), cuda::CaptureMode::kThreadLocal);
  const Status enqueued = enqueue();
  cuda::GraphHandle handle = nullptr;
  const cuda::Code ended = driver.cuStreamEndCapture(stream.get(), &handle);
  const Owned<cuda::GraphHandle, &Driver::cuGraphDestroy> graph(driver, handle);
  if (!enqueued) return enqueued.error();
  CORUN_TRY(driver.check(ended, "cuStreamEndCapture"));
  size_t nodes = 0;
  CORUN_CUDA(driver, cuGraphGetNodes, graph.get(), nullptr, &nodes);
  cuda::GraphExecHandle exec = nullptr;
  CORUN_CUDA(driver, cuGraphInstantiate, &exec, graph.get(), 0);
  return Graph(Handle(driver, exec), nodes);
}

Status Graph::launch(cuda::StreamHandle stream) const {
  const Driver& driver = exec_.driver();
  return driver.check(driver.cuGraphLaunch(exec_.get(), stream), "cuGraphLaunch");
}

}  // namespace corun::gpu
