// The kernels of kernels/decoder.cu, for tensors.
#pragma once

#include <ATen/ATen.h>

#include <memory>

#include "gpu/module.h"

namespace corun::inference {

/// The text of kernels/decoder.ptx, written by cmake/EmbedPtx.cmake.
extern const char kDecoderPtx[];

/// All tensors are contiguous and in bfloat16 on the GPU for which this was loaded; kernels go to
/// LibTorch's current stream. Failed launches throw, as LibTorch's own do.
class DecoderKernels {
 public:
  /// Sets LibTorch's CUDA up on that GPU. Errors: unsupported where this was built without CUDA's
  /// headers; the driver refuses the PTX.
  static Result<std::unique_ptr<DecoderKernels>> load(at::Device device);

  /// Where the tokens of a pass stand.
  struct Places {
    at::Tensor places;     ///< [rows, tokens] of 64 bits
    int64_t first = 0;     ///< slot of the first row
    at::Tensor rotations;  ///< complex [context, width / 2]: by how much a place turns
    double scale = 1;      ///< of queries
  };
  /// Of qkv [rows, tokens, heads + 2 kv_heads, width]: the queries, turned, [rows, tokens, heads,
  /// width]; keys, turned, and values go into `cache` [2, slots, kv_heads, context, width].
  at::Tensor turn(const at::Tensor& qkv, const Places& at, at::Tensor& cache) const;
  /// silu(first half) * second half of the last dimension.
  at::Tensor gate(const at::Tensor& both) const;
  /// x / rms(x) * weight over the last dimension, a multiple of 8.
  at::Tensor norm(const at::Tensor& x, const at::Tensor& weight, double epsilon) const;

 private:
  DecoderKernels(std::unique_ptr<gpu::Driver> driver, gpu::Module module, gpu::Kernel turn,
                 gpu::Kernel gate, gpu::Kernel norm)
      : driver_(std::move(driver)),
        module_(std::move(module)),
        turn_(turn),
        gate_(gate),
        norm_(norm) {}

  std::unique_ptr<gpu::Driver> driver_;
  gpu::Module module_;
  gpu::Kernel turn_, gate_, norm_;
};

}  // namespace corun::inference
