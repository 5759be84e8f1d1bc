// Models of known cost and known results on the GPU, real or simulated.
#pragma once

#include "workloads/inference/models/kinds.h"

namespace corun::inference {

/// Tensors through device memory, and a graph of kernels that takes as long as asked.
ModelKind synthetic_kind();
/// Text: a prompt costs its tokens, a step its sequences.
ModelKind synthetic_text_kind();

}  // namespace corun::inference
