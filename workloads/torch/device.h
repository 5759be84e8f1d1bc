// Where a model computes, and in which type, as a user says it.
#pragma once

#include <ATen/ATen.h>

#include <string>

#include "core/result.h"

namespace corun::libtorch {

struct Placement {
  at::Device device = at::kCPU;
  at::ScalarType type = at::kFloat;
};

/// `device`: auto, cuda or cpu; `type`: auto (bf16 on a GPU, else fp32), bf16, fp16 or fp32.
/// Errors: usage; unsupported for cuda without a usable GPU, and for fp16 on a processor.
Result<Placement> placement(const std::string& device, const std::string& type);

/// "bf16", as in placement().
std::string type_word(at::ScalarType type);

/// What copies from device memory to device memory move, read and written bytes together, a second:
/// what work that only reads and writes memory can reach.
double copy_bandwidth(at::Device device);

}  // namespace corun::libtorch
