#include <unistd.h>

#include <iostream>
#include <string>
#include <vector>

#include "cli/corun.h"

int main(int argc, char** argv) {
  std::vector<std::string> arguments(argv + 1, argv + argc);
  corun::cli::Console console{.out = std::cout,
                              .err = std::cerr,
                              .out_is_terminal = isatty(STDOUT_FILENO) == 1,
                              .err_is_terminal = isatty(STDERR_FILENO) == 1,
                              .command_line = {argv, argv + argc}};
  corun::ExitCode code = corun::cli::run_corun(arguments, console);
  std::cout.flush();
  return static_cast<int>(code);
}
