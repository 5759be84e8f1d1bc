// What libcorun.so asks of other systems, and what it shows of itself.
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "engine/shim/preload/hook_choice.h"

namespace corun::shim {
namespace {

std::vector<std::string> lines_of(const std::string& command) {
  FILE* pipe = popen(command.c_str(), "r");
  std::vector<std::string> lines;
  std::array<char, 1024> line{};
  while (pipe != nullptr && fgets(line.data(), line.size(), pipe) != nullptr) {
    lines.emplace_back(line.data());
  }
  if (pipe != nullptr) {
    pclose(pipe);
  }
  return lines;
}

TEST(Symbols, NoneIsNewerThanGlibc228) {
  int versions = 0;
  for (const std::string& line : lines_of("objdump -T " SHIM_LIBRARY)) {
    std::smatch match;
    if (line.find("*UND*") == std::string::npos ||
        !std::regex_search(line, match, std::regex(R"(GLIBC_2\.(\d+))"))) {
      continue;
    }
    ++versions;
    EXPECT_LE(std::stoi(match[1]), 28) << line;
  }
  EXPECT_GT(versions, 20);
}

TEST(Symbols, OnlyTheCLibraryIsNeeded) {
  std::set<std::string> needed;
  for (const std::string& line : lines_of("readelf -d " SHIM_LIBRARY)) {
    std::smatch match;
    if (std::regex_search(line, match, std::regex(R"(NEEDED.*\[(.*)\])"))) {
      needed.insert(match[1]);
    }
  }
  needed.erase("ld-linux-x86-64.so.2");  // where a build asks the loader for thread-local memory
  EXPECT_EQ(needed, (std::set<std::string>{"libc.so.6", "libdl.so.2", "libpthread.so.0"}));
}

TEST(Symbols, OnlyHooksAndHintsAreExported) {
  std::set<std::string> expected = {"dlsym",           "ioctl",         "corun_burst_begin",
                                    "corun_burst_end", "corun_present", "GLIBC_2.2.5",
                                    "GLIBC_2.34",      "CORUN_1"};
  for (const Hook& hook : hooks) {
    expected.insert(hook.symbol);
  }
  std::set<std::string> exported;
  for (const std::string& line : lines_of("objdump -T " SHIM_LIBRARY)) {
    std::istringstream words(line);
    std::string word;
    std::string last;
    while (words >> word) {
      last = word;
    }
    if (line.find(" g ") != std::string::npos) {
      exported.insert(last);
    }
  }
  EXPECT_EQ(exported, expected);
}

}  // namespace
}  // namespace corun::shim
