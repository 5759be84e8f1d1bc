// Tensors as the Open Inference Protocol has them, as plain values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace corun::inference {

enum class DataType {
  kBool,
  kUint8,
  kUint16,
  kUint32,
  kUint64,
  kInt8,
  kInt16,
  kInt32,
  kInt64,
  kFp16,
  kFp32,
  kFp64,
  kBf16,
  kBytes,  ///< strings: each a 4-byte length (little endian) and so many bytes
};

/// "FP32", as it stands in requests.
std::string_view name_of(DataType type);
std::optional<DataType> data_type_of(std::string_view name);
/// Bytes of one element; 0 for kBytes, whose elements have no fixed size.
size_t element_bytes(DataType type);

using Shape = std::vector<int64_t>;
/// "[2,-1]".
std::string text_of(const Shape& shape);

/// What a model takes or gives.
struct TensorSpec {
  std::string name;
  DataType type = DataType::kFp32;
  Shape shape;        ///< -1: any size
  int64_t below = 0;  ///< elements (INT32, INT64) are 0 to below - 1; 0: any
  bool operator==(const TensorSpec&) const = default;
};

struct Tensor {
  std::string name;
  DataType type = DataType::kFp32;
  Shape shape;
  std::string bytes;  ///< elements in row-major order, little endian, without gaps
  bool operator==(const Tensor&) const = default;
};

/// Elements of a tensor of this shape. Errors (usage): a negative size; more than 2^40 elements.
Result<uint64_t> element_count(const Shape& shape);

/// Checks that `bytes` are so many elements of this type. Errors (usage): they are not.
Status check_bytes(DataType type, uint64_t elements, std::string_view bytes);

/// Calls `each` with the content of every element of a kBytes tensor. Precondition: check_bytes.
template <typename Each>
void for_each_string(std::string_view bytes, Each each);

/// The 4-byte length in front of an element of a kBytes tensor.
inline constexpr size_t kLengthBytes = 4;
uint32_t length_at(std::string_view bytes);
void append_string(std::string& bytes, std::string_view element);

template <typename Each>
void for_each_string(std::string_view bytes, Each each) {
  while (bytes.size() >= kLengthBytes) {
    const uint32_t length = length_at(bytes);
    each(bytes.substr(kLengthBytes, length));
    bytes.remove_prefix(kLengthBytes + length);
  }
}

}  // namespace corun::inference
