#include "core/environment.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace corun {
namespace {

TEST(PrependVariable, KeepsWhatIsThere) {
  setenv("CORUN_TEST_LIST", "own", 1);
  std::map<std::string, std::string> env;
  prepend_variable(env, "CORUN_TEST_LIST", "first");
  EXPECT_EQ(env["CORUN_TEST_LIST"], "first:own");
  env["CORUN_TEST_LIST"] = "given";
  prepend_variable(env, "CORUN_TEST_LIST", "first");
  EXPECT_EQ(env["CORUN_TEST_LIST"], "first:given") << "what the child is given hides our own";
  unsetenv("CORUN_TEST_LIST");
  prepend_variable(env, "CORUN_TEST_OTHER", "first");
  EXPECT_EQ(env["CORUN_TEST_OTHER"], "first");
}

}  // namespace
}  // namespace corun
