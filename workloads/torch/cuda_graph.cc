// What needs CUDA's own headers, and falls back where there were none when this was compiled.
#ifdef CORUN_TORCH_CUDA
#include <cuda.h>  // first: CUDAGraph has members that depend on CUDA_VERSION
#endif
#ifdef CORUN_TORCH_CUDA
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAStream.h>
#endif

#include "core/check.h"
#include "workloads/torch/torch_compat.h"
#include "workloads/torch/torch_version.h"

namespace corun::libtorch {

#ifdef CORUN_TORCH_CUDA

namespace {

using PoolId = decltype(at::cuda::graph_pool_handle());

void begin_capture(at::cuda::CUDAGraph& graph, const PoolId& pool) {
#if CORUN_TORCH_AT_LEAST(2, 1)
  // Other threads may allocate meanwhile: only this thread's calls are watched.
  graph.capture_begin(pool, cudaStreamCaptureModeThreadLocal);
#else
  graph.capture_begin(pool);
#endif
}

/// A capture that ends in any case: the stream must not stay in it when something is thrown.
class Capture {
 public:
  Capture(at::cuda::CUDAGraph& graph, const PoolId& pool) : graph_(graph) {
    begin_capture(graph_, pool);
  }
  ~Capture() {
    if (!running_) return;
    try {
      graph_.capture_end();
    } catch (const std::exception&) {  // what failed first is told
    }
  }
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;
  void end() {
    running_ = false;
    graph_.capture_end();
  }

 private:
  at::cuda::CUDAGraph& graph_;
  bool running_ = true;
};

class CudaGraph final : public Graph {
 public:
  CudaGraph(const PoolId& pool, const std::function<void()>& work) {
    Capture capture(graph_, pool);
    work();
    capture.end();
  }
  void replay() override { graph_.replay(); }

 private:
  at::cuda::CUDAGraph graph_;
};

class CudaGraphPool final : public GraphPool {
 public:
  std::unique_ptr<Graph> capture(const std::function<void()>& work) override {
    return std::make_unique<CudaGraph>(id_, work);
  }

 private:
  PoolId id_ = at::cuda::graph_pool_handle();
};

}  // namespace

bool has_graphs() { return has_cuda(); }

void* current_cuda_stream(at::Device device) {
  return c10::cuda::getCurrentCUDAStream(device.index()).stream();
}

std::unique_ptr<GraphPool> make_graph_pool() { return std::make_unique<CudaGraphPool>(); }

void release_cached_memory(at::Device device) {
  if (device.is_cuda()) c10::cuda::CUDACachingAllocator::emptyCache();
}

#else

bool has_graphs() { return false; }

void* current_cuda_stream(at::Device /*device*/) {
  CORUN_CHECK(false, "has_graphs()");
  return nullptr;
}

std::unique_ptr<GraphPool> make_graph_pool() {
  CORUN_CHECK(false, "has_graphs()");
  return nullptr;
}

void release_cached_memory(at::Device /*device*/) {}

#endif

}  // namespace corun::libtorch
