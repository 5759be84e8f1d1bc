#include "workloads/inference/protocol/infer_response.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/json.h"
#include "workloads/inference/protocol/tensor_json.h"

namespace corun::inference {

namespace {

std::string quoted(const std::string& text) { return to_line(Json(text)); }

Status append_output(std::string& json, const Tensor& tensor, bool binary) {
  fmt::format_to(std::back_inserter(json), R"({{"name":{},"datatype":"{}","shape":[{}],)",
                 quoted(tensor.name), name_of(tensor.type), fmt::join(tensor.shape, ","));
  if (binary) {
    fmt::format_to(std::back_inserter(json), R"("parameters":{{"binary_data_size":{}}}}})",
                   tensor.bytes.size());
    return {};
  }
  json += R"("data":)";
  if (Status appended = append_json(json, tensor); !appended) {
    return usage_error(fmt::format("output '{}': {}", tensor.name, appended.error().what),
                       appended.error().todo);
  }
  json += '}';
  return {};
}

}  // namespace

Result<InferBody> infer_body(const Signature& signature, const std::optional<std::string>& id,
                             const std::vector<RequestedOutput>& wanted,
                             const std::vector<Tensor>& outputs) {
  InferBody body;
  std::string& json = body.bytes;
  json = fmt::format(R"({{"model_name":{},"model_version":{},)", quoted(signature.name),
                     quoted(signature.version));
  if (id) json += R"("id":)" + quoted(*id) + ",";
  json += R"("outputs":[)";
  std::vector<const Tensor*> binary;
  bool first = true;
  for (const RequestedOutput& output : wanted) {
    const auto tensor = std::find_if(outputs.begin(), outputs.end(),
                                     [&](const Tensor& t) { return t.name == output.name; });
    CORUN_CHECK(tensor != outputs.end(), "the model gives what its signature promises");
    json += std::exchange(first, false) ? "" : ",";
    CORUN_TRY(append_output(json, *tensor, output.binary));
    if (output.binary) binary.push_back(&*tensor);
  }
  json += "]}";
  if (binary.empty()) return body;
  body.json_bytes = json.size();
  for (const Tensor* tensor : binary) body.bytes += tensor->bytes;
  return body;
}

}  // namespace corun::inference
