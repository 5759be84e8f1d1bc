#include "workloads/inference/torch/tensors.h"

#include <fmt/format.h>

#include <utility>

namespace corun::inference {

namespace {

constexpr std::pair<DataType, at::ScalarType> kTypes[] = {
    {DataType::kBool, at::kBool},    {DataType::kUint8, at::kByte}, {DataType::kInt8, at::kChar},
    {DataType::kInt16, at::kShort},  {DataType::kInt32, at::kInt},  {DataType::kInt64, at::kLong},
    {DataType::kFp16, at::kHalf},    {DataType::kFp32, at::kFloat}, {DataType::kFp64, at::kDouble},
    {DataType::kBf16, at::kBFloat16}};

}  // namespace

Result<at::ScalarType> torch_type(DataType type) {
  for (const auto& [ours, theirs] : kTypes) {
    if (ours == type) return theirs;
  }
  return usage_error(fmt::format("LibTorch has no tensors of {}", name_of(type)));
}

Result<DataType> protocol_type(at::ScalarType type) {
  for (const auto& [ours, theirs] : kTypes) {
    if (theirs == type) return ours;
  }
  return usage_error(fmt::format("the protocol has no tensors of {}", at::toString(type)));
}

std::vector<at::Tensor> host_tensors(const std::vector<TensorSpec>& specs, int64_t rows,
                                     bool pinned) {
  std::vector<at::Tensor> tensors;
  for (const TensorSpec& spec : specs) {
    Shape shape = spec.shape;
    if (rows > 0) shape.insert(shape.begin(), rows);
    const at::ScalarType type = torch_type(spec.type).value();
    tensors.push_back(at::zeros(shape, at::TensorOptions().dtype(type).pinned_memory(pinned)));
  }
  return tensors;
}

void fill_randomly(const TensorSpec& spec, at::Tensor& tensor) {
  if (at::isFloatingType(tensor.scalar_type())) {
    tensor.copy_(at::randn(tensor.sizes()));
    return;
  }
  const bool bits = tensor.scalar_type() == at::kBool;
  const int64_t below = spec.below > 0 ? spec.below : (bits ? 2 : 100);
  tensor.copy_(at::randint(below, tensor.sizes(), at::kLong));
}

std::string bytes_of(const at::Tensor& tensor) {
  return {static_cast<const char*>(tensor.data_ptr()), static_cast<size_t>(tensor.nbytes())};
}

}  // namespace corun::inference
