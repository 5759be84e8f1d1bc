// The body of an answer to an inference request.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "workloads/inference/protocol/infer_request.h"

namespace corun::inference {

struct InferBody {
  std::string bytes;
  /// Length of the JSON in front of binary data; nothing when all of it is JSON.
  std::optional<size_t> json_bytes;
};

/// `outputs`: all of the model's, by the names of its signature; only the wanted ones are told.
/// Errors (usage): an output that is wanted as JSON and has no JSON form.
Result<InferBody> infer_body(const Signature& signature, const std::optional<std::string>& id,
                             const std::vector<RequestedOutput>& wanted,
                             const std::vector<Tensor>& outputs);

}  // namespace corun::inference
