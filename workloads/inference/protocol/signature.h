// What a model takes and gives, and the metadata answers that tell it.
#pragma once

#include <string>
#include <vector>

#include "workloads/inference/protocol/tensor.h"

namespace corun::inference {

struct Signature {
  std::string name;
  std::string version = "1";
  std::string platform;  ///< "corun_echo"
  /// Without the batch dimension when max_batch > 0.
  std::vector<TensorSpec> inputs;
  std::vector<TensorSpec> outputs;
  /// Largest first dimension of all tensors; 0: the model knows no batches, a request is whole.
  int64_t max_batch = 0;
  bool generates = false;  ///< answers generate and generate_stream, not infer
};

/// GET v2/models/NAME
std::string model_metadata(const Signature& signature);
/// GET v2
std::string server_metadata(const std::string& version);
/// GET v2/models/NAME/ready
std::string model_ready(const Signature& signature, bool ready);
/// GET v2/health/live and ready; `what`: "live" or "ready".
std::string server_health(const char* what, bool yes);
/// The body of every answer that is an error.
std::string error_body(std::string_view text);

}  // namespace corun::inference
