// The command line of corun-interactive as values.
#pragma once

#include <optional>
#include <vector>

#include "workloads/interactive/script.h"
#include "workloads/interactive/think.h"
#include "workloads/synthetic/options.h"

namespace corun::interactive {

struct InteractiveOptions {
  synthetic::CommonOptions common;
  std::vector<Cell> cells;  ///< at least one
  ThinkTime think;
};

/// Parses argv (argv[0] is the program) and reads the script. When the user asked for help or the
/// version, prints it and returns nothing. Errors (usage): one line that names the option.
Result<std::optional<InteractiveOptions>> parse_interactive_options(int argc,
                                                                    const char* const* argv);

}  // namespace corun::interactive
