// What is sent: requests to one model, made from what the server says of it.
#pragma once

#include <map>
#include <string>

#include "workloads/inference/load/server_address.h"
#include "workloads/inference/load/trace.h"
#include "workloads/inference/protocol/tensor.h"

namespace corun::inference {

struct TargetOptions {
  std::string model;
  bool text = false;                    ///< generate_stream instead of infer
  bool json = false;                    ///< tensors as JSON instead of binary data
  int64_t rows = 1;                     ///< of a model with a batch dimension
  std::map<std::string, Shape> shapes;  ///< by input, where the model leaves sizes free
  uint64_t seed = 1;                    ///< of the tensors' content
};

/// Requests as bytes, ready to send.
class Target {
 public:
  /// Asks the server for the model. Errors: (failed) no such model; (usage) a shape that does not
  /// fit it.
  static Result<Target> describe(const ServerAddress& endpoint, const TargetOptions& options);

  bool text() const { return text_; }
  /// The request for this arrival; the same tokens give the same bytes. Valid until the next call.
  const std::string& request_for(const TraceRow& arrival);

 private:
  std::string head_;  ///< of a text request, up to Content-Length
  bool text_ = false;
  TraceRow made_for_;
  std::string request_;
};

/// "x=2x3" into a name and a shape. Errors (usage).
Result<std::pair<std::string, Shape>> parse_input_shape(std::string_view text);

/// A whole infer request with content drawn from the seed. `metadata`: the body of the model's
/// metadata answer. Pure. Errors (usage): as Target::describe.
Result<std::string> infer_request_bytes(const std::string& metadata, const std::string& authority,
                                        const TargetOptions& options);

}  // namespace corun::inference
