#include "workloads/torch/torch_compat.h"

#include <ATen/autocast_mode.h>
#include <c10/core/Event.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <cmath>

#include "workloads/torch/torch_version.h"

// Headers without CUDA's own are enough here: a GPU is used through LibTorch's device-independent
// calls. Those that need CUDA's stand in cuda_graph.cc.
#if CORUN_TORCH_AT_LEAST(2, 9)
#include <c10/core/CachingDeviceAllocator.h>
#endif

namespace corun::libtorch {

bool has_cuda() {
  return c10::impl::hasDeviceGuardImpl(at::kCUDA) &&
         c10::impl::VirtualGuardImpl(at::kCUDA).deviceCount() > 0;
}

#if CORUN_TORCH_AT_LEAST(2, 4)
namespace {
void set_autocast(at::DeviceType device, bool enabled) {
  at::autocast::set_autocast_enabled(device, enabled);
  if (enabled) at::autocast::set_autocast_dtype(device, at::kBFloat16);
}
}  // namespace
#else
namespace {
void set_autocast(at::DeviceType device, bool enabled) {
  if (device == at::kCPU) {
    at::autocast::set_cpu_enabled(enabled);
    if (enabled) at::autocast::set_autocast_cpu_dtype(at::kBFloat16);
  } else {
    at::autocast::set_enabled(enabled);
    if (enabled) at::autocast::set_autocast_gpu_dtype(at::kBFloat16);
  }
}
}  // namespace
#endif

Autocast::Autocast(at::DeviceType device, bool enabled) : device_(device), enabled_(enabled) {
  if (!enabled_) return;
  set_autocast(device_, true);
  at::autocast::increment_nesting();
}

Autocast::~Autocast() {
  if (!enabled_) return;
  // The copies of the weights in 16 bits are those of this step only.
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
  set_autocast(device_, false);
}

at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, bool causal) {
#if CORUN_TORCH_AT_LEAST(2, 0)
  return at::scaled_dot_product_attention(q, k, v, {}, 0.0, causal);
#else
  const double scale = 1 / std::sqrt(static_cast<double>(q.size(-1)));
  at::Tensor scores = at::matmul(q, k.transpose(-2, -1)).mul(scale);
  if (causal) {
    const int64_t tokens = q.size(-2);
    const at::Tensor hidden = at::ones({tokens, tokens}, q.options().dtype(at::kBool)).triu(1);
    scores = scores.masked_fill(hidden, -INFINITY);
  }
  return at::matmul(at::softmax(scores, -1), v);
#endif
}

namespace {
/// The queries of a group are rows of one product with their common keys.
at::Tensor grouped_step_by_step(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                const at::Tensor& mask) {
  const int64_t rows = q.size(0), heads = q.size(1), tokens = q.size(2), head = q.size(3);
  const int64_t kv_heads = k.size(1), span = k.size(2), group = heads / kv_heads;
  const at::Tensor together = q.reshape({rows, kv_heads, group * tokens, head});
  const at::Tensor scores = at::matmul(together, k.transpose(-2, -1))
                                .view({rows, kv_heads, group, tokens, span})
                                .add_(mask.unsqueeze(1));
  const at::Tensor weights = at::softmax(scores, -1).view({rows, kv_heads, group * tokens, span});
  return at::matmul(weights, v).view({rows, heads, tokens, head});
}
}  // namespace

at::Tensor grouped_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                             const at::Tensor& mask, [[maybe_unused]] bool step_by_step) {
#if CORUN_TORCH_AT_LEAST(2, 8)
  if (q.is_cuda() && !step_by_step) {  // 8 us for a token at 2048 places on an H200, instead of 18
    return at::scaled_dot_product_attention(q, k, v, mask, 0.0, false, 1.0, /*enable_gqa=*/true);
  }
#endif
  return grouped_step_by_step(q, k, v, mask);
}

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double epsilon) {
#if CORUN_TORCH_AT_LEAST(2, 8)  // one kernel on a GPU from then on
  return at::rms_norm(x, weight.sizes(), weight, epsilon);
#else
  const at::Tensor wide = x.to(at::kFloat);
  const at::Tensor scale =
      wide.square().mean(at::IntArrayRef{-1}, /*keepdim=*/true).add_(epsilon).rsqrt_();
  return wide.mul(scale).to(x.scalar_type()).mul_(weight);
#endif
}

c10::Stream own_stream(at::Device device) {
  const c10::impl::VirtualGuardImpl guard(device.type());
  return device.is_cpu() ? guard.getStream(device) : guard.getStreamFromGlobalPool(device);
}

void synchronize(const c10::Stream& stream) {
  if (stream.device_type() == at::kCPU) return;
  c10::impl::VirtualGuardImpl(stream.device_type()).synchronizeStream(stream);
}

namespace {

class NoFence final : public Fence {
 public:
  void record() override {}
  void wait() override {}
};

#if CORUN_TORCH_AT_LEAST(2, 6)
class EventFence final : public Fence {
 public:
  explicit EventFence(at::DeviceType device) : guard_(device), event_(device) {}
  void record() override { event_.record(guard_.getStream(guard_.getDevice())); }
  void wait() override { event_.synchronize(); }

 private:
  c10::impl::VirtualGuardImpl guard_;
  c10::Event event_;
};
#else
class EventFence final : public Fence {
 public:
  explicit EventFence(at::DeviceType device) : guard_(device), event_(device) {}
  void record() override { event_.record(guard_.getStream(guard_.getDevice())); }
  void wait() override {
    // An event cannot be waited for here; all work of its stream can.
    if (!event_.query()) guard_.synchronizeStream(guard_.getStream(guard_.getDevice()));
  }

 private:
  c10::impl::VirtualGuardImpl guard_;
  c10::Event event_;
};
#endif

}  // namespace

std::unique_ptr<Fence> make_fence(at::DeviceType device) {
  if (device == at::kCPU) return std::make_unique<NoFence>();
  return std::make_unique<EventFence>(device);
}

uint64_t device_memory_bytes(at::DeviceType device) {
#if CORUN_TORCH_AT_LEAST(2, 9)
  auto* const allocator = dynamic_cast<c10::DeviceAllocator*>(c10::GetAllocator(device));
  if (device == at::kCPU || allocator == nullptr) return 0;
  const auto stats = allocator->getDeviceStats(0);
  return static_cast<uint64_t>(stats.reserved_bytes[0].current);  // [0]: of all pools
#else
  static_cast<void>(device);
  return 0;
#endif
}

void tune_convolutions() { at::globalContext().setBenchmarkCuDNN(true); }

}  // namespace corun::libtorch
