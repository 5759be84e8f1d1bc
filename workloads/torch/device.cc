#include "workloads/torch/device.h"

#include <c10/core/StreamGuard.h>
#include <fmt/format.h>

#include "core/clock.h"
#include "workloads/torch/torch_compat.h"

namespace corun::libtorch {

Result<Placement> placement(const std::string& device, const std::string& type) {
  if (device != "auto" && device != "cuda" && device != "cpu") {
    return usage_error(fmt::format("there is no device '{}'", device), "use auto, cuda or cpu");
  }
  const bool gpu = device != "cpu" && has_cuda();
  if (device == "cuda" && !gpu) {
    return unsupported("LibTorch sees no GPU here", "use device cpu, or a LibTorch with CUDA");
  }
  Placement place{.device = gpu ? at::Device(at::kCUDA, 0) : at::Device(at::kCPU)};
  if (type == "bf16" || (type == "auto" && gpu)) {
    place.type = at::kBFloat16;
  } else if (type == "fp16") {
    if (!gpu) return unsupported("fp16 needs a GPU", "use bf16 or fp32");
    place.type = at::kHalf;
  } else if (type != "fp32" && type != "auto") {
    return usage_error(fmt::format("there is no type '{}'", type), "use bf16, fp16 or fp32");
  }
  return place;
}

std::string type_word(at::ScalarType type) {
  if (type == at::kBFloat16) return "bf16";
  return type == at::kHalf ? "fp16" : "fp32";
}

double copy_bandwidth(at::Device device) {
  const int64_t bytes = device.is_cpu() ? int64_t{64} << 20 : int64_t{1} << 30;
  constexpr int kCopies = 20;
  const c10::Stream stream = own_stream(device);
  const c10::StreamGuard guard(stream);
  const at::TensorOptions options = at::TensorOptions().device(device).dtype(at::kByte);
  const at::Tensor from = at::zeros({bytes}, options);
  at::Tensor to = at::empty({bytes}, options);
  to.copy_(from);
  synchronize(stream);
  const Instant start = monotonic_now();
  for (int i = 0; i < kCopies; ++i) to.copy_(from);
  synchronize(stream);
  return 2.0 * kCopies * static_cast<double>(bytes) / to_seconds(monotonic_now() - start);
}

}  // namespace corun::libtorch
