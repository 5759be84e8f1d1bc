#include "workloads/inference/torch/decoder_kernels.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <vector>

#include "workloads/torch/torch_compat.h"

namespace corun::inference {

namespace {

constexpr unsigned kGateThreads = 256;
constexpr int64_t kLargestNorm = 1024;  ///< threads
constexpr int64_t kVector = 8;          ///< numbers

cuda::DevicePtr address(const at::Tensor& tensor) {
  return reinterpret_cast<cuda::DevicePtr>(tensor.data_ptr());
}

cuda::StreamHandle stream_of(const at::Tensor& tensor) {
  return static_cast<cuda::StreamHandle>(libtorch::current_cuda_stream(tensor.device()));
}

unsigned narrow(int64_t value) { return static_cast<unsigned>(value); }

void check(const Status& launched) {
  if (!launched) C10_THROW_ERROR(Error, launched.error().text());
}

}  // namespace

Result<std::unique_ptr<DecoderKernels>> DecoderKernels::load(at::Device device) {
  if (!libtorch::has_graphs()) return unsupported("this was built without CUDA's headers");
  at::zeros({1}, at::TensorOptions().device(device));  // LibTorch's context becomes the thread's
  CORUN_ASSIGN(std::unique_ptr<gpu::Driver> driver, gpu::Driver::load());
  CORUN_ASSIGN(gpu::Module module, gpu::Module::load_ptx(*driver, kDecoderPtx));
  CORUN_ASSIGN(const gpu::Kernel turn, module.kernel("corun_decoder_turn"));
  CORUN_ASSIGN(const gpu::Kernel gate, module.kernel("corun_decoder_gate"));
  CORUN_ASSIGN(const gpu::Kernel norm, module.kernel("corun_decoder_norm"));
  return std::unique_ptr<DecoderKernels>(
      new DecoderKernels(std::move(driver), std::move(module), turn, gate, norm));
}

at::Tensor DecoderKernels::turn(const at::Tensor& qkv, const Places& at, at::Tensor& cache) const {
  const int64_t rows = qkv.size(0), tokens = qkv.size(1), all = qkv.size(2), width = qkv.size(3);
  const int64_t kv_heads = cache.size(2), heads = all - 2 * kv_heads;
  const at::Tensor places = at.places.contiguous();
  at::Tensor q = at::empty({rows, tokens, heads, width}, qkv.options());
  check(turn_.launch(stream_of(qkv), {narrow(all), narrow(rows * tokens)}, {narrow(width / 2)}, 0,
                     address(qkv), address(at.rotations), address(places), address(q),
                     address(cache), narrow(heads), narrow(kv_heads), narrow(tokens),
                     narrow(at.first), narrow(cache.size(1)), narrow(cache.size(3)),
                     static_cast<float>(at.scale)));
  return q;
}

at::Tensor DecoderKernels::gate(const at::Tensor& both) const {
  const int64_t hidden = both.size(-1) / 2, rows = both.numel() / both.size(-1);
  std::vector<int64_t> sizes = both.sizes().vec();
  sizes.back() = hidden;
  at::Tensor out = at::empty(sizes, both.options());
  const unsigned words = narrow(hidden / 2);
  check(gate_.launch(stream_of(both), {(words + kGateThreads - 1) / kGateThreads, narrow(rows)},
                     {kGateThreads}, 0, address(both), address(out), words));
  return out;
}

at::Tensor DecoderKernels::norm(const at::Tensor& x, const at::Tensor& weight,
                                double epsilon) const {
  const int64_t vectors = x.size(-1) / kVector, rows = x.numel() / x.size(-1);
  at::Tensor out = at::empty_like(x);
  const int64_t threads = std::min((vectors + 31) / 32 * 32, kLargestNorm);
  check(norm_.launch(stream_of(x), {narrow(rows)}, {narrow(threads)}, 0, address(x),
                     address(weight), address(out), narrow(vectors), static_cast<float>(epsilon)));
  return out;
}

}  // namespace corun::inference
