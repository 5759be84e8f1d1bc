// The options of `corun run` as values.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cli/node.h"
#include "core/model/workload.h"
#include "modes/daemon_choice.h"

namespace corun::cli {

struct RunOptions {
  Share share;
  NodeChoice node;
  int device = 0;
  std::optional<std::string> mode;  ///< "managed" or "managed-mps"; nothing: the one in force
  modes::DaemonChoice choice;
  bool start_daemon = true;  ///< if none governs the GPU
  std::vector<std::string> command;
};

/// Errors (usage): unknown options, values out of range, no command.
Result<RunOptions> parse_run_options(std::span<const std::string> arguments);

/// The options of a started daemon, which `corun bench` has too. Errors (usage): out of range.
Result<modes::DaemonChoice> parse_daemon_choice(const std::string& policy,
                                                const std::string& linger,
                                                const std::string& quantum,
                                                const std::string& slices);

}  // namespace corun::cli
