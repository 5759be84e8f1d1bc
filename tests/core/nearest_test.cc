#include "core/nearest.h"

#include <gtest/gtest.h>

#include <array>

namespace corun {
namespace {

constexpr std::array<std::string_view, 4> kModes{"exclusive", "time-slicing", "mps", "mig"};

TEST(Nearest, FindsTheNameBehindATypingError) {
  EXPECT_EQ(nearest("time-slcing", kModes), "time-slicing");
  EXPECT_EQ(nearest("msp", kModes), "mps");
  EXPECT_EQ(nearest("exclusve", kModes), "exclusive");
}

TEST(Nearest, ABeginningIsAGoodGuess) { EXPECT_EQ(nearest("time", kModes), "time-slicing"); }

TEST(Nearest, AnEntirelyDifferentWordHasNoNeighbour) {
  EXPECT_EQ(nearest("kubernetes", kModes), std::nullopt);
  EXPECT_EQ(nearest("", kModes), std::nullopt);
}

}  // namespace
}  // namespace corun
