// The calls of LibTorch that are not the same in all its versions from 1.13 on. They stand in
// torch_compat.cc alone.
#pragma once

#include <ATen/ATen.h>
#include <c10/core/Stream.h>

#include <cstdint>
#include <functional>
#include <memory>

namespace corun::libtorch {

bool has_cuda();

/// While it lives, operations that are safe in 16 bits compute in bfloat16.
class Autocast {
 public:
  Autocast(at::DeviceType device, bool enabled);
  ~Autocast();
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;

 private:
  at::DeviceType device_;
  bool enabled_;
};

/// softmax(q kᵀ / √d) v of [batch, heads, tokens, d]; `causal`: a token sees none after it.
at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, bool causal);

/// softmax(q kᵀ + mask) v of q [rows, heads, tokens, d], k and v [rows, kv_heads, span, d]: as many
/// queries in a row share their keys as there are heads for one of theirs. `mask` [rows, 1, tokens,
/// span]. Where the library has no such kernel, and where that is wanted, it is computed step by
/// step.
at::Tensor grouped_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                             const at::Tensor& mask, bool step_by_step = false);

/// x / rms(x) * weight over the last dimension; the mean in 32 bits.
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double epsilon);

/// A point in the device's work.
class Fence {
 public:
  virtual ~Fence() = default;
  /// After all that was given to the device until now.
  virtual void record() = 0;
  virtual void wait() = 0;
};
/// A CPU's has nothing to wait for.
std::unique_ptr<Fence> make_fence(at::DeviceType device);

/// Device memory that LibTorch holds; 0: a CPU, or not told by this version.
uint64_t device_memory_bytes(at::DeviceType device);

/// A stream beside the default one, from which no CUDA graph can be captured; a processor's only
/// one. c10::StreamGuard makes it this thread's.
c10::Stream own_stream(at::Device device);
/// The driver's handle (CUstream) of this thread's stream. Precondition: has_graphs().
void* current_cuda_stream(at::Device device);
/// Waits for all that was given to it.
void synchronize(const c10::Stream& stream);

/// A CUDA graph of what `work` gives to the GPU: its kernels with the memory that they used, to be
/// run again with one call.
class Graph {
 public:
  virtual ~Graph() = default;
  virtual void replay() = 0;
};
/// Whether this program can capture graphs: it was built with CUDA's headers, and sees a GPU.
bool has_graphs();
/// Precondition: has_graphs(), an own_stream() is this thread's; `work` has run before, so that
/// nothing is set up in it.
/// Graphs of one `pool` share memory: they run one at a time, and what one gives stays as it is.
class GraphPool {
 public:
  virtual ~GraphPool() = default;
  virtual std::unique_ptr<Graph> capture(const std::function<void()>& work) = 0;
};
std::unique_ptr<GraphPool> make_graph_pool();
/// Memory that LibTorch keeps for later goes back to the device.
void release_cached_memory(at::Device device);

/// Lets the libraries look for the fastest convolution of each shape.
void tune_convolutions();

}  // namespace corun::libtorch
