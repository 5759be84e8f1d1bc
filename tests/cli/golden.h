// Golden texts: tests/cli/golden/NAME.txt. UPDATE=1 in the environment rewrites them.
#pragma once

#include <string>

namespace corun::cli {

/// Compares `text` with the golden file; a GoogleTest failure shows both.
void expect_golden(const std::string& name, const std::string& text);

/// What one command line printed.
struct Ran {
  int code = -1;
  std::string out;
  std::string err;
};
/// `corun` in this process with "corun" left out of the line: run("bench --help").
Ran run(const std::string& line);

}  // namespace corun::cli
