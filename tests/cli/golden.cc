#include "golden.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <vector>

#include "cli/corun.h"
#include "core/environment.h"
#include "core/files.h"

namespace corun::cli {

void expect_golden(const std::string& name, const std::string& text) {
  std::filesystem::path path =
      std::filesystem::path(CORUN_SOURCE_DIR) / "tests/cli/golden" / (name + ".txt");
  if (environment("UPDATE") == "1") {
    ASSERT_TRUE(write_file_atomically(path, text));
    return;
  }
  auto golden = read_file(path);
  ASSERT_TRUE(golden) << golden.error().text() << " (UPDATE=1 writes it)";
  EXPECT_EQ(text, *golden) << "golden file: " << path;
}

Ran run(const std::string& line) {
  std::istringstream words(line);
  std::vector<std::string> arguments;
  for (std::string word; words >> word;) arguments.push_back(word);
  std::ostringstream out, err;
  Console console{.out = out, .err = err, .command_line = arguments};
  ExitCode code = run_corun(arguments, console);
  return {static_cast<int>(code), out.str(), err.str()};
}

}  // namespace corun::cli
