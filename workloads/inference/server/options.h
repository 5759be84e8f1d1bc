// The command line of corun-inference as values.
#pragma once

#include <optional>
#include <vector>

#include "http/server.h"
#include "workloads/inference/models/spec.h"

namespace corun::inference {

struct ServerOptions {
  http::Options http;
  std::vector<ModelSpec> models;           ///< at least one
  std::optional<Nanos> deadline;           ///< of a request that brings none
  Nanos drain = std::chrono::seconds(30);  ///< for what waits when the server is told to end
};

/// The version that the program tells.
extern const char kServerVersion[];

/// Parses argv (argv[0] is the program). When the user asked for help or the version, prints it and
/// returns nothing. Errors (usage): one line that names the option.
Result<std::optional<ServerOptions>> parse_server_options(int argc, const char* const* argv);

}  // namespace corun::inference
