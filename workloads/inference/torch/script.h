// TorchScript files that a user brings, as networks.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/result.h"
#include "workloads/inference/torch/network.h"

namespace corun::inference {

struct ScriptOptions {
  std::filesystem::path file;
  /// Of one row, or of the whole request for a model without batches. Empty: those of the JSON file
  /// beside it (docs/inference.md), else one tensor FP32 of a free size.
  std::vector<TensorSpec> inputs = {};
  bool batched = true;
  bool convert = false;  ///< its weights become those of the model's type; else they stay
};

/// Loads the file on the processor, and runs it once with zeros to learn its outputs.
/// Errors (usage): the file, its JSON, or what it does with such inputs.
Result<NetworkPlan> script_plan(const ScriptOptions& options);

/// {"inputs": [{"name": "x", "datatype": "FP32", "shape": [3, -1]}, ...]}; "name" may be left out,
/// and "below" tells the largest value of integers. Errors (usage).
Result<std::vector<TensorSpec>> read_script_inputs(const std::filesystem::path& file);

}  // namespace corun::inference
