// Networks with inputs of fixed shapes: what they take and give is known before they have weights.
#pragma once

#include <ATen/ATen.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "workloads/inference/protocol/tensor.h"
#include "workloads/inference/torch/weights.h"

namespace corun::inference {

class Network {
 public:
  virtual ~Network() = default;
  /// `inputs` as the plan has them, each with a batch dimension in front, on the network's device.
  /// Rows of a batch do not touch one another. Outputs are of the types that the plan says.
  virtual std::vector<at::Tensor> run(const std::vector<at::Tensor>& inputs) = 0;
};

struct NetworkPlan {
  std::vector<TensorSpec> inputs;  ///< of one row
  std::vector<TensorSpec> outputs;
  std::function<std::unique_ptr<Network>(Weights& weights)> build;
};

/// ResNet-50: bytes [224, 224, 3] to 1000 logits.
NetworkPlan resnet50_plan(bool tiny);
/// BERT: tokens to the pooled vector of the first one.
NetworkPlan bert_plan(bool large, int64_t sequence, bool tiny);
/// ViT-B/16: bytes [224, 224, 3] to 1000 logits.
NetworkPlan vit_plan(bool tiny);

struct DlrmShape {
  int64_t tables = 26;
  int64_t rows = 1'000'000;  ///< of each table
  int64_t width = 64;        ///< of each row
  int64_t lookups = 1;       ///< rows of each table that are added up
};
/// DLRM (Naumov et al., 2019): 13 numbers and rows of tables to a click's logit.
NetworkPlan dlrm_plan(const DlrmShape& shape, bool tiny);
/// The sums of `lookups` rows of one table each: nothing but random reads of DRAM.
NetworkPlan embedding_plan(int64_t rows, int64_t width, int64_t lookups);
/// A step of a diffusion model: latents [4, 64, 64] and the step's number to the noise in them.
NetworkPlan unet_plan(bool tiny);

}  // namespace corun::inference
