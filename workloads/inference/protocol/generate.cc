#include "workloads/inference/protocol/generate.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "core/json.h"
#include "workloads/inference/protocol/infer_request.h"
#include "workloads/inference/protocol/json_depth.h"

namespace corun::inference {

namespace {

constexpr size_t kMaxDepth = 24;
constexpr uint64_t kMaxWaitUs = uint64_t{86'400} * 1'000'000;

/// `key` at the top or below "parameters"; null when it is at neither place.
const Json* setting(const Json& object, const char* key) {
  if (const auto found = object.find(key); found != object.end()) return &*found;
  const auto parameters = object.find("parameters");
  if (parameters == object.end()) return nullptr;
  const auto found = parameters->find(key);
  return found == parameters->end() ? nullptr : &*found;
}

Result<std::optional<uint64_t>> number(const Json& object, const char* key, uint64_t least,
                                       uint64_t most) {
  const Json* value = setting(object, key);
  if (value == nullptr) return std::optional<uint64_t>();
  const bool inside = value->is_number_unsigned() && value->get<uint64_t>() >= least &&
                      value->get<uint64_t>() <= most;
  if (inside) return std::optional<uint64_t>(value->get<uint64_t>());
  return usage_error(
      fmt::format("request: '{}' is no whole number from {} to {}", key, least, most));
}

}  // namespace

Result<GenerateRequest> parse_generate_request(std::string_view body) {
  if (body.size() > kMaxJsonBytes) {
    return usage_error(fmt::format("{} bytes of JSON; at most {}", body.size(), kMaxJsonBytes));
  }
  if (deeper_than(body, kMaxDepth)) {
    return usage_error(fmt::format("request: JSON nested deeper than {} levels", kMaxDepth));
  }
  CORUN_ASSIGN(const Json object, parse_json(body, "request"));
  if (!object.is_object()) return usage_error("request: no JSON object");
  const auto text = object.find("text_input");
  if (text == object.end()) return usage_error("request: 'text_input' is missing");
  if (!text->is_string()) return usage_error("request: 'text_input' is no string");
  if (object.contains("parameters") && !object["parameters"].is_object()) {
    return usage_error("request: 'parameters' is no object");
  }
  GenerateRequest request;
  request.text_input = text->get<std::string>();
  if (const auto id = object.find("id"); id != object.end()) {
    if (!id->is_string()) return usage_error("request: 'id' is no string");
    request.id = id->get<std::string>();
  }
  CORUN_ASSIGN(const auto tokens, number(object, "max_tokens", 1, kMaxTokens));
  CORUN_ASSIGN(const auto timeout_us, number(object, "timeout", 0, kMaxWaitUs));
  request.max_tokens = tokens.value_or(request.max_tokens);
  if (timeout_us.value_or(0) > 0) request.timeout = std::chrono::microseconds(*timeout_us);
  return request;
}

std::string generate_body(const Signature& signature, const std::optional<std::string>& id,
                          std::string_view text) {
  Json body = {{"model_name", signature.name},
               {"model_version", signature.version},
               {"text_output", std::string(text)}};
  if (id) body["id"] = *id;
  return to_line(body);
}

std::string sse_event(std::string_view json) { return fmt::format("data: {}\n\n", json); }

}  // namespace corun::inference
