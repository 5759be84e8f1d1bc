// The body of POST v2/models/NAME/infer as values: JSON, followed by the binary data of those
// tensors that say so (the binary tensor data extension).
//   https://github.com/kserve/open-inference-protocol (specification/protocol/inference_rest.md)
//   https://github.com/triton-inference-server/server (docs/protocol/extension_binary_data.md)
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "workloads/inference/protocol/signature.h"

namespace corun::inference {

struct RequestedOutput {
  std::string name;
  bool binary = false;
  bool operator==(const RequestedOutput&) const = default;
};

struct InferRequest {
  std::optional<std::string> id;
  std::vector<Tensor> inputs;
  std::vector<RequestedOutput> outputs;  ///< empty: all of the model's
  bool binary_outputs = false;           ///< where `outputs` is empty
  std::optional<Nanos> timeout;          ///< parameter "timeout", in microseconds
};

/// The longest JSON part. A value of few bytes becomes some tens in memory; large tensors travel as
/// binary data, which does not grow.
inline constexpr size_t kMaxJsonBytes = size_t{16} << 20;

/// `json_bytes`: the value of Inference-Header-Content-Length; nothing: all of `body` is JSON.
/// Takes any bytes. Errors (usage): one line that names the tensor and what is wrong with it.
Result<InferRequest> parse_infer_request(std::string_view body, std::optional<uint64_t> json_bytes);

/// Checks the request against the model: every input there once, of the model's type and shape, all
/// with the same batch size, no unknown output. Fills `outputs` when it is empty, brings the inputs
/// into the model's order, and returns the batch size (1 for a model without batches).
/// Errors (usage): as above.
Result<int64_t> fit_to_model(const Signature& signature, InferRequest& request);

/// Whether a tensor of this shape is one that `spec` describes.
bool fits(const Shape& spec, const Shape& shape);

}  // namespace corun::inference
