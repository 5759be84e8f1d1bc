// The command line of corun-inference, and of its kin, as values.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "http/server.h"
#include "workloads/inference/models/kinds.h"

namespace corun::inference {

struct ServerOptions {
  http::Options http;
  std::vector<ModelSpec> models;           ///< at least one
  std::optional<Nanos> deadline;           ///< of a request that brings none
  Nanos drain = std::chrono::seconds(30);  ///< for what waits when the server is told to end
  Nanos measure{0};  ///< above 0: measure the models for so long each, and serve nothing
};

/// An option that gives all models a setting, but those that have their own.
struct DefaultSetting {
  std::string option;      ///< "--device"
  std::string key;         ///< "device"
  std::string value = {};  ///< of an option that takes none
};

/// A program that serves these kinds of models.
struct ServerProgram {
  std::string name;  ///< "corun-inference"
  std::vector<ModelKind> kinds = {};
  std::vector<DefaultSetting> defaults = {};  ///< of kinds that take them
  /// What --measure does; null: the program has no such option.
  std::function<Status(const ServerOptions&)> measure = nullptr;
};

/// The version that the program tells.
extern const char kServerVersion[];

/// Parses argv (argv[0] is the program). When the user asked for help or the version, prints it and
/// returns nothing. Errors (usage): one line that names the option.
Result<std::optional<ServerOptions>> parse_server_options(const ServerProgram& program, int argc,
                                                          const char* const* argv);

}  // namespace corun::inference
