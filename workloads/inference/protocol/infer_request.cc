#include "workloads/inference/protocol/infer_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

#include "core/json_fields.h"
#include "core/text.h"
#include "workloads/inference/protocol/json_depth.h"
#include "workloads/inference/protocol/tensor_json.h"

namespace corun::inference {

namespace {

constexpr size_t kMaxTensors = 256;
constexpr size_t kMaxJsonDepth = 24;
constexpr int64_t kMaxTimeoutUs = int64_t{86'400} * 1'000'000;

Error in(const std::string& place, const Error& error) {
  return usage_error(place + ": " + error.what, error.todo);
}

/// The object below `key`, or null when there is none. Errors: it is no object.
Result<const Json*> parameters_of(const Json& object, const std::string& place) {
  const auto found = object.find("parameters");
  if (found == object.end()) return nullptr;
  if (!found->is_object()) return usage_error(place + ": 'parameters' is no object");
  return &*found;
}

Result<bool> flag(const Json* parameters, const char* key, const std::string& place,
                  bool otherwise) {
  if (parameters == nullptr || !parameters->contains(key)) return otherwise;
  const Json& value = (*parameters)[key];
  if (!value.is_boolean()) {
    return usage_error(fmt::format("{}: parameter '{}' is no boolean", place, key));
  }
  return value.get<bool>();
}

Result<std::optional<int64_t>> number(const Json* parameters, const char* key,
                                      const std::string& place, int64_t most) {
  if (parameters == nullptr || !parameters->contains(key)) return std::optional<int64_t>();
  const Json& value = (*parameters)[key];
  const bool whole = value.is_number_integer() &&
                     (!value.is_number_unsigned() || value.get<uint64_t>() <= INT64_MAX);
  if (!whole || value.get<int64_t>() < 0 || value.get<int64_t>() > most) {
    return usage_error(
        fmt::format("{}: parameter '{}' is no whole number from 0 to {}", place, key, most));
  }
  return std::optional<int64_t>(value.get<int64_t>());
}

Result<Shape> shape_of(const Json& input, const std::string& place) {
  const auto found = input.find("shape");
  if (found == input.end() || !found->is_array()) {
    return usage_error(place + ": 'shape' is missing or no array");
  }
  Shape shape;
  for (const Json& size : *found) {
    if (!size.is_number_unsigned() || size.get<uint64_t>() > INT64_MAX) {
      return usage_error(place + ": 'shape' holds something else than whole numbers from 0 on");
    }
    shape.push_back(size.get<int64_t>());
  }
  return shape;
}

Result<std::string> text_field(const Json& object, const char* key, const std::string& place) {
  const auto found = object.find(key);
  if (found == object.end()) return usage_error(fmt::format("{}: '{}' is missing", place, key));
  if (!found->is_string()) return usage_error(fmt::format("{}: '{}' is no string", place, key));
  return found->get<std::string>();
}

/// Hands out the binary part, tensor after tensor.
class BinaryPart {
 public:
  explicit BinaryPart(std::string_view bytes) : left_(bytes) {}

  Result<std::string_view> take(uint64_t size) {
    if (size > left_.size()) {
      return usage_error(fmt::format("the binary data has {} bytes left, binary_data_size is {}",
                                     left_.size(), size));
    }
    const std::string_view taken = left_.substr(0, size);
    left_.remove_prefix(size);
    return taken;
  }
  size_t left() const { return left_.size(); }

 private:
  std::string_view left_;
};

Result<std::string> data_of(const Json& input, const Tensor& tensor, const std::string& place,
                            BinaryPart& binary) {
  CORUN_ASSIGN(const Json* parameters, parameters_of(input, place));
  CORUN_ASSIGN(const auto size, number(parameters, "binary_data_size", place, INT64_MAX));
  const auto data = input.find("data");
  if (!size) {
    if (data == input.end()) {
      return usage_error(place + ": neither 'data' nor 'binary_data_size' is given");
    }
    return bytes_from_json(tensor.type, tensor.shape, *data);
  }
  if (data != input.end()) {
    return usage_error(place + ": both 'data' and 'binary_data_size' are given");
  }
  CORUN_ASSIGN(const uint64_t elements, element_count(tensor.shape));
  CORUN_ASSIGN(const std::string_view bytes, binary.take(static_cast<uint64_t>(*size)));
  CORUN_TRY(check_bytes(tensor.type, elements, bytes));
  return std::string(bytes);
}

Result<Tensor> parse_input(const Json& input, size_t index, BinaryPart& binary) {
  std::string place = fmt::format("input {}", index);
  if (!input.is_object()) return usage_error(place + " is no object");
  Tensor tensor;
  CORUN_ASSIGN(tensor.name, text_field(input, "name", place));
  place = fmt::format("input '{}'", one_line(tensor.name));
  CORUN_ASSIGN(tensor.shape, shape_of(input, place));
  CORUN_ASSIGN(const std::string type, text_field(input, "datatype", place));
  const std::optional<DataType> known = data_type_of(type);
  if (!known) {
    return usage_error(fmt::format("{}: unknown datatype '{}'", place, one_line(type)));
  }
  tensor.type = *known;
  auto bytes = data_of(input, tensor, place, binary);
  if (!bytes) {
    const bool placed = bytes.error().what.starts_with(place);
    return placed ? bytes.error() : in(place, bytes.error());
  }
  tensor.bytes = std::move(bytes).value();
  return tensor;
}

Status parse_inputs(const Json& object, BinaryPart& binary, InferRequest& request) {
  const auto inputs = object.find("inputs");
  if (inputs == object.end() || !inputs->is_array()) {
    return usage_error("'inputs' is missing or no array");
  }
  if (inputs->size() > kMaxTensors) {
    return usage_error(fmt::format("{} inputs; at most {}", inputs->size(), kMaxTensors));
  }
  for (size_t i = 0; i < inputs->size(); ++i) {
    CORUN_ASSIGN(Tensor tensor, parse_input((*inputs)[i], i, binary));
    request.inputs.push_back(std::move(tensor));
  }
  if (binary.left() == 0) return {};
  return usage_error(
      fmt::format("{} bytes after the JSON belong to no input", binary.left()),
      "every binary input needs parameters.binary_data_size, and Inference-Header-Content-Length "
      "the length of the JSON");
}

Status parse_outputs(const Json& object, InferRequest& request) {
  const auto outputs = object.find("outputs");
  if (outputs == object.end()) return {};
  if (!outputs->is_array()) return usage_error("'outputs' is no array");
  if (outputs->size() > kMaxTensors) {
    return usage_error(fmt::format("{} outputs; at most {}", outputs->size(), kMaxTensors));
  }
  for (size_t i = 0; i < outputs->size(); ++i) {
    std::string place = fmt::format("output {}", i);
    const Json& output = (*outputs)[i];
    if (!output.is_object()) return usage_error(place + " is no object");
    RequestedOutput wanted;
    CORUN_ASSIGN(wanted.name, text_field(output, "name", place));
    place = fmt::format("output '{}'", one_line(wanted.name));
    CORUN_ASSIGN(const Json* parameters, parameters_of(output, place));
    CORUN_ASSIGN(wanted.binary, flag(parameters, "binary_data", place, request.binary_outputs));
    request.outputs.push_back(std::move(wanted));
  }
  return {};
}

Status parse_rest(const Json& object, InferRequest& request) {
  const std::string place = "request";
  if (object.contains("id")) {
    CORUN_ASSIGN(request.id, text_field(object, "id", place));
  }
  CORUN_ASSIGN(const Json* parameters, parameters_of(object, place));
  CORUN_ASSIGN(request.binary_outputs, flag(parameters, "binary_data_output", place, false));
  CORUN_ASSIGN(const auto timeout_us, number(parameters, "timeout", place, kMaxTimeoutUs));
  // As in Triton: 0 is no timeout.
  if (timeout_us.value_or(0) > 0) request.timeout = std::chrono::microseconds(*timeout_us);
  return {};
}

Error mismatch(const Tensor& tensor, const std::string& what, const std::string& wanted,
               const std::string& found) {
  return usage_error(fmt::format("input '{}': {} is {}, the model takes {}", one_line(tensor.name),
                                 what, found, wanted));
}

/// Moves the input that `spec` names to place `index`.
Status place_input(const TensorSpec& spec, size_t index, std::vector<Tensor>& inputs) {
  const auto begin = inputs.begin() + static_cast<std::ptrdiff_t>(index);
  const auto found = std::find_if(begin, inputs.end(),
                                  [&](const Tensor& tensor) { return tensor.name == spec.name; });
  if (found == inputs.end()) return usage_error("input '" + spec.name + "' is missing");
  std::iter_swap(begin, found);
  return {};
}

/// The first element that is not 0 to below - 1.
template <typename Element>
std::optional<int64_t> first_outside(std::string_view bytes, int64_t below) {
  for (size_t at = 0; at + sizeof(Element) <= bytes.size(); at += sizeof(Element)) {
    Element element = 0;
    std::memcpy(&element, bytes.data() + at, sizeof element);
    if (element < 0 || element >= below) return element;
  }
  return std::nullopt;
}

Status check_input(const Signature& signature, const TensorSpec& spec, const Tensor& tensor) {
  if (tensor.type != spec.type) {
    return mismatch(tensor, "datatype", std::string(name_of(spec.type)),
                    std::string(name_of(tensor.type)));
  }
  Shape wanted = spec.shape;
  if (signature.max_batch > 0) wanted.insert(wanted.begin(), -1);
  if (!fits(wanted, tensor.shape)) {
    return mismatch(tensor, "shape", text_of(wanted), text_of(tensor.shape));
  }
  if (spec.below == 0) return {};
  const std::optional<int64_t> wrong = tensor.type == DataType::kInt32
                                           ? first_outside<int32_t>(tensor.bytes, spec.below)
                                           : first_outside<int64_t>(tensor.bytes, spec.below);
  if (!wrong) return {};
  return usage_error(fmt::format("input '{}' has the value {}; model '{}' takes 0 to {}",
                                 tensor.name, *wrong, signature.name, spec.below - 1));
}

Status check_outputs(const Signature& signature, InferRequest& request) {
  if (request.outputs.empty()) {
    for (const TensorSpec& spec : signature.outputs) {
      request.outputs.push_back({spec.name, request.binary_outputs});
    }
    return {};
  }
  for (const RequestedOutput& wanted : request.outputs) {
    const bool known =
        std::any_of(signature.outputs.begin(), signature.outputs.end(),
                    [&](const TensorSpec& spec) { return spec.name == wanted.name; });
    if (!known) {
      return usage_error(
          fmt::format("model '{}' has no output '{}'", signature.name, one_line(wanted.name)));
    }
  }
  return {};
}

}  // namespace

Result<InferRequest> parse_infer_request(std::string_view body,
                                         std::optional<uint64_t> json_bytes) {
  if (json_bytes && *json_bytes > body.size()) {
    return usage_error(fmt::format("Inference-Header-Content-Length is {}, the body has {} bytes",
                                   *json_bytes, body.size()));
  }
  const std::string_view text = body.substr(0, json_bytes.value_or(body.size()));
  if (text.size() > kMaxJsonBytes) {
    return usage_error(fmt::format("{} bytes of JSON; at most {}", text.size(), kMaxJsonBytes),
                       "send large tensors as binary data");
  }
  if (deeper_than(text, kMaxJsonDepth)) {
    return usage_error(fmt::format("request: JSON nested deeper than {} levels", kMaxJsonDepth));
  }
  CORUN_ASSIGN(const Json object, parse_json(text, "request"));
  if (!object.is_object()) return usage_error("request: no JSON object");
  InferRequest request;
  BinaryPart binary(body.substr(text.size()));
  CORUN_TRY(parse_rest(object, request));
  CORUN_TRY(parse_inputs(object, binary, request));
  CORUN_TRY(parse_outputs(object, request));
  return request;
}

Result<int64_t> fit_to_model(const Signature& signature, InferRequest& request) {
  for (size_t i = 0; i < signature.inputs.size(); ++i) {
    CORUN_TRY(place_input(signature.inputs[i], i, request.inputs));
    CORUN_TRY(check_input(signature, signature.inputs[i], request.inputs[i]));
  }
  if (request.inputs.size() > signature.inputs.size()) {
    const std::string& name = request.inputs[signature.inputs.size()].name;
    return usage_error(fmt::format("model '{}' takes no input '{}', or not twice", signature.name,
                                   one_line(name)));
  }
  CORUN_TRY(check_outputs(signature, request));
  if (signature.max_batch == 0 || request.inputs.empty()) return 1;
  const int64_t rows = request.inputs.front().shape.front();
  for (const Tensor& tensor : request.inputs) {
    if (tensor.shape.front() != rows) {
      return usage_error(fmt::format("input '{}' has batch size {}, input '{}' has {}",
                                     request.inputs.front().name, rows, tensor.name,
                                     tensor.shape.front()));
    }
  }
  if (rows >= 1 && rows <= signature.max_batch) return rows;
  return usage_error(fmt::format("batch size {}; model '{}' takes 1 to {}", rows, signature.name,
                                 signature.max_batch));
}

bool fits(const Shape& spec, const Shape& shape) {
  return std::equal(spec.begin(), spec.end(), shape.begin(), shape.end(),
                    [](int64_t wanted, int64_t size) { return wanted == -1 || wanted == size; });
}

}  // namespace corun::inference
