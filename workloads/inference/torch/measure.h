// Models measured where they are, without a server: what the device's work takes, again and again.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/result.h"
#include "workloads/inference/server/options.h"
#include "workloads/torch/device.h"

namespace corun::inference {

/// Of one model; printed as a line of JSON (docs/inference.md).
struct Figures {
  std::string device;
  std::string type;
  bool graph = false;
  int64_t rows = 0;                 ///< of a batch, or sequences
  uint64_t runs = 0;                ///< batches or steps that were timed
  double items_per_s = 0;           ///< rows or tokens, back to back
  std::vector<double> run_us = {};  ///< each one waited for
  uint64_t weight_bytes = 0;
  /// Of a decoder: bytes that a step must read, tokens of prompts, and what the device copies, read
  /// and written bytes together.
  std::optional<uint64_t> step_bytes = {};
  std::optional<double> prompt_tokens_per_s = {};
  std::optional<double> copy_bytes_per_s = {};
  /// Of a decoder's graphs: how far their logits are from those by LibTorch's simplest calls.
  std::optional<double> difference = {};
};

Figures libtorch_figures(const libtorch::Placement& place, bool graph, int64_t rows);

/// A model that can be measured: after load(), on the same thread.
class Measurable {
 public:
  virtual ~Measurable() = default;
  virtual Result<Figures> measure(Nanos duration) = 0;
};

/// Runs `work` back to back for half of the time, then one by one, waited for with `finish`.
/// `items`: of one run.
void time_runs(Nanos duration, double items, const std::function<void()>& work,
               const std::function<void()>& finish, Figures& figures);

/// One line of JSON.
std::string line_of(const std::string& model, const std::string& kind, Figures figures);

/// ServerProgram::measure: each model after the other, a line each.
Status measure_models(const ServerOptions& options);

}  // namespace corun::inference
