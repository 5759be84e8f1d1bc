// The program `corun` as a function.
#pragma once

#include <span>
#include <string>

#include "cli/verb.h"
#include "core/exit_code.h"

namespace corun::cli {

/// Runs `corun ARGUMENTS...` and prints its one error line, if there is one.
ExitCode run_corun(std::span<const std::string> arguments, Console& console);

}  // namespace corun::cli
