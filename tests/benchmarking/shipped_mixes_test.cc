// The mixes that come with corun.
#include <gtest/gtest.h>

#include <filesystem>
#include <set>
#include <string>

#include "benchmarking/mix.h"

namespace corun::benchmarking {
namespace {

TEST(ShippedMixes, AllAreValidDescribedAndNamedAsTheirFile) {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(CORUN_SOURCE_DIR "/mixes")) {
    if (entry.path().extension() != ".yaml") continue;
    const auto mix = load_mix(entry.path());
    ASSERT_TRUE(mix) << mix.error().text();
    EXPECT_EQ(mix->name, entry.path().stem());
    EXPECT_FALSE(mix->description.empty()) << entry.path();
    ++count;
  }
  EXPECT_GT(count, 0);
}

/// All programs that mixes may name: those of corun, and Python for the references.
TEST(ShippedMixes, NameProgramsThatThereAre) {
  const std::set<std::string> known{"corun-synthetic", "corun-inference",   "corun-load",
                                    "corun-train",     "corun-infer-torch", "corun-interactive",
                                    "python3"};
  for (const auto& entry : std::filesystem::directory_iterator(CORUN_SOURCE_DIR "/mixes")) {
    if (entry.path().extension() != ".yaml") continue;
    const bool torch = entry.path().filename().string().starts_with("torch-");
    const Mix mix = load_mix(entry.path()).value();
    for (const TenantSpec& tenant : mix.tenants) {
      for (const std::string& word : tenant.workload.command) {
        if (!word.starts_with("corun-") && word != tenant.workload.command.front()) continue;
        EXPECT_TRUE(known.contains(word)) << entry.path() << ": " << word;
        const bool needs_torch = word == "corun-infer-torch" || word == "corun-train";
        EXPECT_TRUE(torch || !needs_torch) << entry.path() << " is to run without LibTorch";
      }
    }
  }
}

}  // namespace
}  // namespace corun::benchmarking
