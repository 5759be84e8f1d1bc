// Golden files below tests/: UPDATE=1 rewrites them.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "core/environment.h"
#include "core/files.h"

namespace corun {

/// Compares with tests/<name>; with UPDATE=1 in the environment it writes that file instead.
inline void expect_golden(const std::string& name, const std::string& actual) {
  const std::filesystem::path path = std::filesystem::path(CORUN_SOURCE_DIR) / "tests" / name;
  if (environment("UPDATE") == "1") {
    std::filesystem::create_directories(path.parent_path());
    const Status written = write_file_atomically(path, actual);
    ASSERT_TRUE(written) << written.error().text();
    return;
  }
  const auto expected = read_file(path);
  ASSERT_TRUE(expected) << expected.error().text() << "; run with UPDATE=1 to write it";
  EXPECT_EQ(*expected, actual) << "run with UPDATE=1 to rewrite " << path;
}

}  // namespace corun
