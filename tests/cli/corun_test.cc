#include "cli/corun.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "golden.h"

namespace corun::cli {
namespace {

TEST(Corun, HelpNamesEveryVerb) {
  Ran ran = run("--help");
  EXPECT_EQ(ran.code, 0);
  expect_golden("help", ran.out);
}

TEST(Corun, EveryVerbHasAHelpTextThatFitsAScreenAndShowsAnExample) {
  for (const Verb* verb : verbs()) {
    Ran ran = run(std::string(verb->name) + " --help");
    EXPECT_EQ(ran.code, 0);
    EXPECT_LE(std::count(ran.out.begin(), ran.out.end(), '\n'), 25) << verb->name;
    EXPECT_NE(ran.out.find("Example"), std::string::npos) << verb->name;
    expect_golden("help-" + std::string(verb->name), ran.out);
  }
}

TEST(Corun, HelpLinesFitAHundredColumns) {
  for (const Verb* verb : verbs()) {
    size_t width = 0;
    for (char c : std::string(verb->help) + "\n") {
      width = c == '\n' ? 0 : width + 1;
      ASSERT_LE(width, 100U) << verb->name;
    }
  }
}

TEST(Corun, VersionIsOneLine) {
  Ran ran = run("--version");
  EXPECT_EQ(ran.code, 0);
  EXPECT_EQ(ran.out.rfind("corun ", 0), 0U);
  EXPECT_EQ(std::count(ran.out.begin(), ran.out.end(), '\n'), 1);
}

TEST(Corun, WithoutAVerbItPrintsTheHelpAndFails) {
  Ran ran = run("");
  EXPECT_EQ(ran.code, 2);
  EXPECT_EQ(ran.out, "");
  EXPECT_EQ(ran.err, run("--help").out);
}

TEST(Corun, AnUnknownVerbIsOneLine) {
  Ran ran = run("frobnicate");
  EXPECT_EQ(ran.code, 2);
  EXPECT_EQ(ran.err, "corun: error: unknown verb 'frobnicate'; see 'corun --help'\n");
}

TEST(Corun, AnOptionBeforeTheVerbIsOneLine) {
  EXPECT_EQ(run("--mode mps").err,
            "corun: error: unknown option '--mode' before the verb; see 'corun --help'\n");
}

}  // namespace
}  // namespace corun::cli
