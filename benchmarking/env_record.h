// env.json: where, how and with what a run was made.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "benchmarking/matrix.h"
#include "benchmarking/void_rules.h"
#include "core/cpus.h"
#include "core/json.h"
#include "core/model/gpu.h"

namespace corun::benchmarking {

/// A mode that this node cannot do.
struct WaivedMode {
  std::string mode;
  std::string reason;
};

struct EnvRecord {
  std::string run;
  std::string version;
  std::string commit;  ///< may be empty
  std::vector<std::string> command_line;
  std::vector<std::string> arguments;  ///< of the verb, for --resume
  GpuInfo gpu;
  CpuBudget cpus;
  VoidLimits limits;
  std::vector<WaivedMode> waived;
  std::string started;                  ///< RFC 3339
  std::optional<std::string> finished;  ///< nothing: it was cut off, or is still running
};

/// With the plan, and what this machine is (kernel, processor) as it is now.
Json to_json(const EnvRecord& env, const Matrix& matrix);

/// The key in which two plans differ first, or nothing when they are equal.
std::optional<std::string> first_difference(const Json& plan, const Json& other);

}  // namespace corun::benchmarking
