// What libcorun.so asks of other systems, and what it shows of itself.
#include <gtest/gtest.h>

#include <chrono>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "core/process.h"
#include "engine/shim/preload/hook_choice.h"

namespace corun::shim {
namespace {

std::vector<std::string> lines_of(std::vector<std::string> command) {
  ProcessOptions options;
  options.argv = std::move(command);
  const auto output = run_command(std::move(options), std::chrono::seconds(20));
  std::vector<std::string> lines;
  std::istringstream text(output ? output->out : "");
  for (std::string line; std::getline(text, line);) {
    lines.push_back(line);
  }
  return lines;
}

TEST(Symbols, NoneIsNewerThanGlibc228) {
  int versions = 0;
  for (const std::string& line : lines_of({"objdump", "-T", SHIM_LIBRARY})) {
    std::smatch match;
    if (line.find("*UND*") == std::string::npos ||
        !std::regex_search(line, match, std::regex(R"(GLIBC_2\.(\d+))"))) {
      continue;
    }
    ++versions;
    const std::string minor = match[1];
    EXPECT_TRUE(minor.size() == 1 || minor <= "28") << line;
  }
  EXPECT_GT(versions, 20);
}

TEST(Symbols, OnlyTheCLibraryIsNeeded) {
  std::set<std::string> needed;
  for (const std::string& line : lines_of({"readelf", "-d", SHIM_LIBRARY})) {
    std::smatch match;
    if (std::regex_search(line, match, std::regex(R"(NEEDED.*\[(.*)\])"))) {
      needed.insert(match[1]);
    }
  }
  needed.erase("ld-linux-x86-64.so.2");  // where a build asks the loader for thread-local memory
  EXPECT_EQ(needed, (std::set<std::string>{"libc.so.6", "libdl.so.2", "libpthread.so.0"}));
}

TEST(Symbols, OnlyHooksAndHintsAreExported) {
  std::set<std::string> expected = {
      "dlsym", "ioctl", "mmap", "mmap64", "corun_burst_begin", "corun_burst_end", "corun_present"};
  for (const Hook& hook : hooks) {
    expected.insert(hook.symbol);
  }
  std::set<std::string> exported;
  for (const std::string& line : lines_of({"objdump", "-T", SHIM_LIBRARY})) {
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
  for (const char* version : {"GLIBC_2.2.5", "GLIBC_2.34", "CORUN_1"}) {
    exported.erase(version);  // some linkers make a symbol of each
  }
  EXPECT_EQ(exported, expected);
}

}  // namespace
}  // namespace corun::shim
