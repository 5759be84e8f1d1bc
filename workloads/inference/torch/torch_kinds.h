// The kinds of models that need LibTorch, in the table's form (models/kinds.h).
#pragma once

#include <span>

#include "workloads/inference/models/kinds.h"

namespace corun::inference {

/// resnet50, bert-base, bert-large, vit-b16, dlrm, llama, torchscript.
std::span<const ModelKind> torch_kinds();

}  // namespace corun::inference
