#include "workloads/inference/protocol/tensor_json.h"

#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <type_traits>

namespace corun::inference {

namespace {

Error no_json(DataType type) {
  return usage_error(fmt::format("{} has no JSON form", name_of(type)),
                     "send and ask for it as binary data (binary_data_size, binary_data)");
}

template <typename T>
void append_element(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

/// False when `value` is no T.
template <typename T>
bool append_number(std::string& out, const Json& value) {
  if constexpr (std::is_same_v<T, bool>) {
    if (!value.is_boolean()) return false;
    out += value.get<bool>() ? '\1' : '\0';
  } else if constexpr (std::is_floating_point_v<T>) {
    if (!value.is_number()) return false;
    const double number = value.get<double>();
    if (std::abs(number) > static_cast<double>(std::numeric_limits<T>::max())) return false;
    append_element(out, static_cast<T>(number));
  } else if (value.is_number_unsigned()) {
    const auto number = value.get<uint64_t>();
    if (number > static_cast<uint64_t>(std::numeric_limits<T>::max())) return false;
    append_element(out, static_cast<T>(number));
  } else {
    if (!value.is_number_integer() || std::is_unsigned_v<T>) return false;
    const auto number = value.get<int64_t>();
    if (number < static_cast<int64_t>(std::numeric_limits<T>::min())) return false;
    append_element(out, static_cast<T>(number));
  }
  return true;
}

bool append_text(std::string& out, const Json& value) {
  if (!value.is_string()) return false;
  append_string(out, value.get_ref<const std::string&>());
  return true;
}

using Append = bool (*)(std::string& out, const Json& value);

/// How one element is read; null for a type without a JSON form.
Append reader_of(DataType type) {
  switch (type) {
    case DataType::kBool:
      return append_number<bool>;
    case DataType::kUint8:
      return append_number<uint8_t>;
    case DataType::kUint16:
      return append_number<uint16_t>;
    case DataType::kUint32:
      return append_number<uint32_t>;
    case DataType::kUint64:
      return append_number<uint64_t>;
    case DataType::kInt8:
      return append_number<int8_t>;
    case DataType::kInt16:
      return append_number<int16_t>;
    case DataType::kInt32:
      return append_number<int32_t>;
    case DataType::kInt64:
      return append_number<int64_t>;
    case DataType::kFp32:
      return append_number<float>;
    case DataType::kFp64:
      return append_number<double>;
    case DataType::kBytes:
      return append_text;
    case DataType::kFp16:
    case DataType::kBf16:
      return nullptr;
  }
  return nullptr;
}

/// One tensor's data on the way from JSON to bytes.
struct Flattening {
  DataType type;
  Append append;
  uint64_t wanted;
  uint64_t found = 0;
  std::string bytes = {};

  Status add(const Json& data, size_t levels_left) {
    for (const Json& value : data) {
      if (value.is_array()) {
        if (levels_left <= 1) return usage_error("'data' is nested deeper than its shape");
        CORUN_TRY(add(value, levels_left - 1));
        continue;
      }
      if (++found > wanted) continue;  // only counted
      if (!append(bytes, value)) {
        return usage_error(fmt::format("element {} of 'data' is no {}", found, name_of(type)));
      }
    }
    return {};
  }
};

template <typename T>
void append_numbers(std::string& out, std::string_view bytes) {
  for (size_t at = 0; at < bytes.size(); at += sizeof(T)) {
    T value;
    std::memcpy(&value, bytes.data() + at, sizeof value);
    if (at > 0) out += ',';
    if constexpr (std::is_floating_point_v<T>) {
      if (!std::isfinite(value)) {
        out += "null";
        continue;
      }
    }
    fmt::format_to(std::back_inserter(out), "{}", value);
  }
}

void append_bools(std::string& out, std::string_view bytes) {
  for (size_t at = 0; at < bytes.size(); ++at) {
    out += at > 0 ? "," : "";
    out += bytes[at] == '\0' ? "false" : "true";
  }
}

void append_strings(std::string& out, std::string_view bytes) {
  bool first = true;
  for_each_string(bytes, [&](std::string_view element) {
    out += std::exchange(first, false) ? "" : ",";
    out += to_line(Json(std::string(element)));
  });
}

}  // namespace

Result<std::string> bytes_from_json(DataType type, const Shape& shape, const Json& data) {
  if (!data.is_array()) return usage_error("'data' is no array");
  CORUN_ASSIGN(const uint64_t elements, element_count(shape));
  const Append append = reader_of(type);
  if (append == nullptr) return no_json(type);
  Flattening flat{.type = type, .append = append, .wanted = elements};
  CORUN_TRY(flat.add(data, std::max<size_t>(shape.size(), 1)));
  if (flat.found != elements) {
    return usage_error(fmt::format("'data' has {} elements, its shape {} has {}", flat.found,
                                   text_of(shape), elements));
  }
  return std::move(flat.bytes);
}

Status append_json(std::string& out, const Tensor& tensor) {
  out += '[';
  switch (tensor.type) {
    case DataType::kBool:
      append_bools(out, tensor.bytes);
      break;
    case DataType::kUint8:
      append_numbers<uint8_t>(out, tensor.bytes);
      break;
    case DataType::kUint16:
      append_numbers<uint16_t>(out, tensor.bytes);
      break;
    case DataType::kUint32:
      append_numbers<uint32_t>(out, tensor.bytes);
      break;
    case DataType::kUint64:
      append_numbers<uint64_t>(out, tensor.bytes);
      break;
    case DataType::kInt8:
      append_numbers<int8_t>(out, tensor.bytes);
      break;
    case DataType::kInt16:
      append_numbers<int16_t>(out, tensor.bytes);
      break;
    case DataType::kInt32:
      append_numbers<int32_t>(out, tensor.bytes);
      break;
    case DataType::kInt64:
      append_numbers<int64_t>(out, tensor.bytes);
      break;
    case DataType::kFp32:
      append_numbers<float>(out, tensor.bytes);
      break;
    case DataType::kFp64:
      append_numbers<double>(out, tensor.bytes);
      break;
    case DataType::kBytes:
      append_strings(out, tensor.bytes);
      break;
    case DataType::kFp16:
    case DataType::kBf16:
      return no_json(tensor.type);
  }
  out += ']';
  return {};
}

}  // namespace corun::inference
