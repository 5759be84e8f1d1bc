// Models that need no GPU: they prove the protocol, and what the server itself costs.
#pragma once

#include "workloads/inference/models/kinds.h"

namespace corun::inference {

/// Gives every input back.
ModelKind echo_kind();
/// Sum and difference of two INT32 tensors of 16, as in the example model of other servers'
/// clients.
ModelKind add_kind();
/// Text: the prompt again and again, a byte a token.
ModelKind repeat_kind();

/// "FP32:-1" or "UINT32:2x2+BOOL:3" as specs named PREFIX0, PREFIX1, ... Errors (usage).
Result<std::vector<TensorSpec>> parse_tensor_specs(std::string_view text,
                                                   const std::string& prefix);

}  // namespace corun::inference
