// The generate extension: text in, text out, whole or token by token as server-sent events.
//   https://github.com/triton-inference-server/server (docs/protocol/extension_generate.md)
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "workloads/inference/protocol/signature.h"

namespace corun::inference {

struct GenerateRequest {
  std::optional<std::string> id;
  std::string text_input;
  uint64_t max_tokens = 16;
  std::optional<Nanos> timeout;  ///< parameter "timeout", in microseconds
};

inline constexpr uint64_t kMaxTokens = 1 << 20;

/// `max_tokens` and `timeout` stand at the top or below "parameters"; others are ignored, since
/// clients send sampling settings that a given model does not have.
/// Takes any bytes. Errors (usage): one line.
Result<GenerateRequest> parse_generate_request(std::string_view body);

/// The answer to generate, and the JSON of one event.
std::string generate_body(const Signature& signature, const std::optional<std::string>& id,
                          std::string_view text);

/// `data: JSON` and an empty line. See
/// https://html.spec.whatwg.org/multipage/server-sent-events.html
std::string sse_event(std::string_view json);

}  // namespace corun::inference
