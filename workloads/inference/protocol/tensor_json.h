// Tensor data as JSON: arrays of numbers, booleans or strings, flat or nested.
#pragma once

#include <string>

#include "core/json.h"
#include "workloads/inference/protocol/tensor.h"

namespace corun::inference {

/// The elements of `data`, row-major, as a tensor's bytes. Errors (usage): another number of
/// elements than the shape has; an element of another type, or out of the type's range; nesting
/// deeper than the shape; FP16 and BF16, which JSON cannot carry.
Result<std::string> bytes_from_json(DataType type, const Shape& shape, const Json& data);

/// Appends the elements as one flat JSON array. Numbers are the shortest that read back the same;
/// those that JSON has no name for (NaN, infinities) become null.
/// Errors (usage): FP16 and BF16. Precondition: check_bytes.
Status append_json(std::string& out, const Tensor& tensor);

}  // namespace corun::inference
