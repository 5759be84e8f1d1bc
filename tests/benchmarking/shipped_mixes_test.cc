// The mixes that come with corun.
#include <gtest/gtest.h>

#include <filesystem>

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

}  // namespace
}  // namespace corun::benchmarking
