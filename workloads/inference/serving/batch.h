// Requests as one batch, and a batch's outputs as answers.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "workloads/inference/protocol/infer_request.h"

namespace corun::inference {

/// What must be equal for requests to share a batch: all shapes beyond the first dimension.
std::string batch_group(const Signature& signature, const InferRequest& request);

/// The requests' inputs, one after the other along the first dimension. Precondition: at least one
/// request, all of one group, inputs in the model's order; one only for a model without batches.
std::vector<Tensor> joined(const Signature& signature, std::span<InferRequest* const> requests);

/// The outputs of each request, which has `rows[i]` of the batch. Errors (failed): outputs that are
/// not what the model's signature promises for so many rows.
Result<std::vector<std::vector<Tensor>>> split(const Signature& signature,
                                               std::vector<Tensor> outputs,
                                               std::span<const int64_t> rows);

}  // namespace corun::inference
