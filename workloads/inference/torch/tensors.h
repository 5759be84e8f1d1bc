// Between the protocol's tensors and LibTorch's.
#pragma once

#include <ATen/ATen.h>

#include <vector>

#include "workloads/inference/protocol/tensor.h"

namespace corun::inference {

/// Errors (usage): LibTorch has no such type.
Result<at::ScalarType> torch_type(DataType type);
/// Errors (usage): the protocol has no such type.
Result<DataType> protocol_type(at::ScalarType type);

/// Tensors on the host as `specs` say, with `rows` in front (0: no batch dimension). Precondition:
/// no size is free, and every type is one of torch_type().
std::vector<at::Tensor> host_tensors(const std::vector<TensorSpec>& specs, int64_t rows,
                                     bool pinned);
/// Random values that `spec` allows, drawn from LibTorch's generator of the processor.
void fill_randomly(const TensorSpec& spec, at::Tensor& tensor);
/// Copies a tensor on the host, which is contiguous, as bytes.
std::string bytes_of(const at::Tensor& tensor);

}  // namespace corun::inference
