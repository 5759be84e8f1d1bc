// A decoder as a text model of the server. Its tokens are bytes on the way in; on the way out each
// is shown as one printable character, since the weights are random and mean nothing.
#pragma once

#include <memory>

#include "workloads/inference/serving/model.h"
#include "workloads/inference/torch/decoder.h"
#include "workloads/inference/torch/torch_model.h"

namespace corun::inference {

std::unique_ptr<TextModel> make_torch_text_model(Signature signature, const DecoderShape& shape,
                                                 int64_t chunk, const TorchOptions& options);

}  // namespace corun::inference
