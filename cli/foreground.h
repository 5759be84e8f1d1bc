// A command in place of this program: same terminal, same process group, same standard streams.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/process.h"

namespace corun::cli {

struct Foreground {
  std::vector<std::string> argv;               ///< argv[0]: a path
  std::map<std::string, std::string> set_env;  ///< added to this process's environment
  std::vector<int> inherit_fds;                ///< stay open in the command
};

/// Runs it to its end. Signals that this process is sent go on to the command; those that the
/// terminal sends (Ctrl-C) reach it by themselves, once. Stopping and continuing (Ctrl-Z, fg) work
/// as without corun. Errors (failed): it cannot be started.
Result<ExitStatus> run_in_foreground(const Foreground& command);

/// The exit code that a shell gives for it: the command's own, or 128 and the signal's number.
int shell_code(const ExitStatus& status);

}  // namespace corun::cli
