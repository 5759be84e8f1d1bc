// The command line of corun-load as values.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "workloads/inference/load/figures.h"
#include "workloads/inference/load/plan.h"
#include "workloads/inference/load/target.h"

namespace corun::inference {

struct LoadOptions {
  std::string url;                  ///< empty: of `server`, on a free port
  std::vector<std::string> server;  ///< command to start, `{port}` in it is the port; may be empty
  TargetOptions target;
  ArrivalOptions arrivals;
  std::optional<Trace> trace;
  double rate = 100;  ///< requests/s
  double load = 0;    ///< instead: of the rate that the warm-up reached; 0: `rate` counts
  size_t connections = 64;
  Slo slo;
  bool same_answers = false;  ///< every answer must be the first one, byte by byte
  Nanos ready_within = std::chrono::minutes(2);
  Nanos duration = std::chrono::seconds(10);  ///< stand-alone: length of the window
  uint64_t seed = 1;                          ///< stand-alone: of the arrivals
};

/// Parses argv (argv[0] is the program) and reads the trace. When the user asked for help or the
/// version, prints it and returns nothing. Errors: usage, one line that names the option; those of
/// the trace's file.
Result<std::optional<LoadOptions>> parse_load_options(int argc, const char* const* argv);

}  // namespace corun::inference
