#include "workloads/inference/load/target.h"

#include <fmt/format.h>

#include <charconv>
#include <nlohmann/json.hpp>

#include "core/json.h"
#include "core/stats/random.h"
#include "core/text.h"
#include "workloads/inference/protocol/tensor_json.h"

namespace corun::inference {

namespace {

constexpr Nanos kFetchTime = std::chrono::seconds(30);
constexpr uint64_t kMaxBytes = uint64_t{256} << 20;

template <typename T>
void append(std::string& bytes, T value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

/// One element: small numbers, which are valid indices and tokens of any model too.
void append_element(std::string& bytes, DataType type, stats::Random& random) {
  if (type == DataType::kBytes) return append_string(bytes, "corun");
  if (type == DataType::kFp32) return append(bytes, static_cast<float>(random.uniform()));
  if (type == DataType::kFp64) return append(bytes, random.uniform());
  const uint64_t value = random.below(type == DataType::kBool ? 2 : 100);
  // 16-bit floats as subnormals near zero.
  bytes.append(reinterpret_cast<const char*>(&value), element_bytes(type));
}

Result<Shape> shape_for(const Json& input, const std::string& name, const TargetOptions& options) {
  Shape shape = input.at("shape").get<Shape>();
  const auto given = options.shapes.find(name);
  if (given != options.shapes.end() && given->second.size() != shape.size()) {
    return usage_error(fmt::format("--shape {}={}: the model takes {}", name,
                                   text_of(given->second), text_of(shape)));
  }
  for (size_t i = 0; i < shape.size(); ++i) {
    const int64_t free_size = i == 0 ? options.rows : 1;
    if (shape[i] < 0) shape[i] = free_size;
    if (given != options.shapes.end()) shape[i] = given->second[i];
  }
  return shape;
}

Result<Tensor> tensor_for(const Json& input, const TargetOptions& options, stats::Random& random) {
  Tensor tensor;
  tensor.name = input.at("name").get<std::string>();
  const std::string type_name = input.at("datatype").get<std::string>();
  const auto type = data_type_of(type_name);
  if (!type) return failed("the model takes an unknown type, " + one_line(type_name));
  tensor.type = *type;
  CORUN_ASSIGN(tensor.shape, shape_for(input, tensor.name, options));
  CORUN_ASSIGN(const uint64_t elements, element_count(tensor.shape));
  if (elements > kMaxBytes) return usage_error("a request of this shape is too large");
  for (uint64_t i = 0; i < elements; ++i) append_element(tensor.bytes, tensor.type, random);
  return tensor;
}

std::string infer_message(const TargetOptions& options, const std::string& authority,
                          const std::string& json, const std::string& binary) {
  const std::string length_header =
      binary.empty() ? "" : fmt::format("Inference-Header-Content-Length: {}\r\n", json.size());
  return fmt::format(
      "POST /v2/models/{}/infer HTTP/1.1\r\nHost: {}\r\nContent-Type: {}\r\n{}Content-Length: "
      "{}\r\n\r\n{}{}",
      options.model, authority, binary.empty() ? "application/json" : "application/octet-stream",
      length_header, json.size() + binary.size(), json, binary);
}

Result<std::string> make_infer_request(const Json& model, const std::string& authority,
                                       const TargetOptions& options) {
  stats::Random random(options.seed);
  std::string json = "{\"inputs\":[";
  std::string binary;
  for (const Json& input : model.at("inputs")) {
    CORUN_ASSIGN(const Tensor tensor, tensor_for(input, options, random));
    json += json.ends_with('[') ? "" : ",";
    json += fmt::format(R"({{"name":{},"datatype":"{}","shape":{},)", to_line(Json(tensor.name)),
                        name_of(tensor.type), text_of(tensor.shape));
    if (options.json) {
      json += R"("data":)";
      CORUN_TRY(append_json(json, tensor));
      json += '}';
    } else {
      json += fmt::format(R"("parameters":{{"binary_data_size":{}}}}})", tensor.bytes.size());
      binary += tensor.bytes;
    }
  }
  json += options.json ? "]}" : R"(],"parameters":{"binary_data_output":true}})";
  return infer_message(options, authority, json, binary);
}

}  // namespace

Result<std::pair<std::string, Shape>> parse_input_shape(std::string_view text) {
  const Error wrong = usage_error(fmt::format("--shape '{}' is not of the form INPUT=2x3", text));
  const size_t equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0) return wrong;
  std::pair<std::string, Shape> parsed(text.substr(0, equals), Shape());
  for (std::string_view rest = text.substr(equals + 1);; rest.remove_prefix(1)) {
    int64_t size = 0;
    const auto [end, code] = std::from_chars(rest.data(), rest.data() + rest.size(), size);
    if (code != std::errc() || size < 0) return wrong;
    parsed.second.push_back(size);
    rest.remove_prefix(static_cast<size_t>(end - rest.data()));
    if (rest.empty()) return parsed;
    if (rest.front() != 'x') return wrong;
  }
}

Result<std::string> infer_request_bytes(const std::string& metadata, const std::string& authority,
                                        const TargetOptions& options) {
  CORUN_ASSIGN(const Json model, parse_json(metadata, "the model's metadata"));
  try {
    return make_infer_request(model, authority, options);
  } catch (const Json::exception& error) {
    return failed(fmt::format("the model's metadata is not the protocol's: {}", error.what()));
  }
}

Result<Target> Target::describe(const ServerAddress& endpoint, const TargetOptions& options) {
  const std::string path = "/v2/models/" + options.model;
  CORUN_ASSIGN(const Fetched model, fetch(endpoint, path, kFetchTime));
  if (model.status != 200) {
    return failed(fmt::format("{}{}: status {}: {}", endpoint.authority(), path, model.status,
                              one_line(model.body.substr(0, 200))),
                  "name the model with --model");
  }
  Target target;
  target.text_ = options.text;
  if (options.text) {
    target.head_ = fmt::format(
        "POST {}/generate_stream HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n"
        "Content-Length: ",
        path, endpoint.authority());
    return target;
  }
  CORUN_ASSIGN(target.request_, infer_request_bytes(model.body, endpoint.authority(), options));
  return target;
}

const std::string& Target::request_for(const TraceRow& arrival) {
  const bool same = made_for_.context_tokens == arrival.context_tokens &&
                    made_for_.generated_tokens == arrival.generated_tokens;
  if (!text_ || (same && !request_.empty())) return request_;
  const std::string prompt(arrival.context_tokens, 'a');
  const std::string body =
      fmt::format(R"({{"text_input":"{}","max_tokens":{}}})", prompt, arrival.generated_tokens);
  request_ = fmt::format("{}{}\r\n\r\n{}", head_, body.size(), body);
  made_for_ = arrival;
  return request_;
}

}  // namespace corun::inference
