#include "workloads/inference/protocol/tensor.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <bit>
#include <cstring>

namespace corun::inference {

static_assert(std::endian::native == std::endian::little, "tensors travel in the host's own order");

namespace {

struct TypeRow {
  DataType type;
  std::string_view name;
  size_t bytes;
};

constexpr TypeRow kTypes[] = {
    {DataType::kBool, "BOOL", 1},     {DataType::kUint8, "UINT8", 1},
    {DataType::kUint16, "UINT16", 2}, {DataType::kUint32, "UINT32", 4},
    {DataType::kUint64, "UINT64", 8}, {DataType::kInt8, "INT8", 1},
    {DataType::kInt16, "INT16", 2},   {DataType::kInt32, "INT32", 4},
    {DataType::kInt64, "INT64", 8},   {DataType::kFp16, "FP16", 2},
    {DataType::kFp32, "FP32", 4},     {DataType::kFp64, "FP64", 8},
    {DataType::kBf16, "BF16", 2},     {DataType::kBytes, "BYTES", 0},
};

constexpr uint64_t kMaxElements = uint64_t{1} << 40;

Status check_strings(uint64_t elements, std::string_view bytes) {
  uint64_t found = 0;
  for (; bytes.size() >= kLengthBytes; ++found) {
    const uint32_t length = length_at(bytes);
    bytes.remove_prefix(kLengthBytes);
    if (length > bytes.size()) {
      return usage_error(fmt::format("string {} of {} ends after {} of {} bytes", found + 1,
                                     elements, bytes.size(), length));
    }
    bytes.remove_prefix(length);
  }
  if (!bytes.empty()) return usage_error("the last string has no whole length");
  if (found == elements) return {};
  return usage_error(fmt::format("{} strings instead of {}", found, elements));
}

}  // namespace

std::string_view name_of(DataType type) { return kTypes[static_cast<size_t>(type)].name; }

std::optional<DataType> data_type_of(std::string_view name) {
  for (const TypeRow& row : kTypes) {
    if (row.name == name) return row.type;
  }
  return std::nullopt;
}

size_t element_bytes(DataType type) { return kTypes[static_cast<size_t>(type)].bytes; }

std::string text_of(const Shape& shape) { return fmt::format("[{}]", fmt::join(shape, ",")); }

Result<uint64_t> element_count(const Shape& shape) {
  uint64_t count = 1;
  bool empty = false;
  for (const int64_t size : shape) {
    if (size < 0) return usage_error(fmt::format("negative size in shape {}", text_of(shape)));
    empty = empty || size == 0;
    if (size > 0 && static_cast<uint64_t>(size) > kMaxElements / count) {
      return usage_error(fmt::format("shape {} has too many elements", text_of(shape)));
    }
    if (size > 0) count *= static_cast<uint64_t>(size);
  }
  return empty ? 0 : count;
}

Status check_bytes(DataType type, uint64_t elements, std::string_view bytes) {
  if (type == DataType::kBytes) return check_strings(elements, bytes);
  const uint64_t wanted = elements * element_bytes(type);
  if (bytes.size() == wanted) return {};
  return usage_error(fmt::format("{} bytes instead of {} ({} elements of {})", bytes.size(), wanted,
                                 elements, name_of(type)));
}

uint32_t length_at(std::string_view bytes) {
  uint32_t length = 0;
  std::memcpy(&length, bytes.data(), sizeof length);
  return length;
}

void append_string(std::string& bytes, std::string_view element) {
  const auto length = static_cast<uint32_t>(element.size());
  bytes.append(reinterpret_cast<const char*>(&length), sizeof length);
  bytes.append(element);
}

}  // namespace corun::inference
