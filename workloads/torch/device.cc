#include "workloads/torch/device.h"

#include <fmt/format.h>

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

}  // namespace corun::libtorch
