// A network as a model of the server.
#pragma once

#include <memory>
#include <string>

#include "workloads/inference/serving/model.h"
#include "workloads/inference/torch/network.h"

namespace corun::inference {

/// What all LibTorch models are told.
struct TorchOptions {
  std::string device = "auto";
  std::string type = "auto";
  bool graph = true;  ///< where the device has them
  uint64_t seed = 1;
  int threads = 0;         ///< processors of a model on the CPU; 0: LibTorch's choice
  uint64_t workspace = 0;  ///< device memory allocated for each row of a batch while it runs
};

std::unique_ptr<Model> make_torch_model(Signature signature, NetworkPlan plan,
                                        const TorchOptions& options);

}  // namespace corun::inference
