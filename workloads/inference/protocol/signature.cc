#include "workloads/inference/protocol/signature.h"

#include <nlohmann/json.hpp>

#include "core/json.h"
#include "core/text.h"

namespace corun::inference {

namespace {

Json spec_json(const TensorSpec& spec, bool batched) {
  Shape shape = spec.shape;
  if (batched) shape.insert(shape.begin(), -1);
  return {{"name", spec.name}, {"datatype", name_of(spec.type)}, {"shape", shape}};
}

Json specs_json(const std::vector<TensorSpec>& specs, bool batched) {
  Json all = Json::array();
  for (const TensorSpec& spec : specs) all.push_back(spec_json(spec, batched));
  return all;
}

}  // namespace

std::string model_metadata(const Signature& signature) {
  const bool batched = signature.max_batch > 0;
  return to_line({{"name", signature.name},
                  {"versions", {signature.version}},
                  {"platform", signature.platform},
                  {"inputs", specs_json(signature.inputs, batched)},
                  {"outputs", specs_json(signature.outputs, batched)}});
}

std::string server_metadata(const std::string& version) {
  return to_line({{"name", "corun-inference"},
                  {"version", version},
                  {"extensions", {"binary_tensor_data", "generate"}}});
}

std::string model_ready(const Signature& signature, bool ready) {
  return to_line({{"name", signature.name}, {"ready", ready}});
}

std::string server_health(const char* what, bool yes) { return to_line({{what, yes}}); }

std::string error_body(std::string_view text) { return to_line({{"error", one_line(text)}}); }

}  // namespace corun::inference
