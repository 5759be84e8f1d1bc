// The calls of LibTorch that are not the same in all its versions from 1.13 on. They stand in
// torch_compat.cc alone.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
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

/// Lets the libraries look for the fastest convolution of each shape.
void tune_convolutions();

}  // namespace corun::libtorch
