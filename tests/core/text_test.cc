#include "core/text.h"

#include <gtest/gtest.h>

namespace corun {
namespace {

TEST(OneLine, ControlCharactersBecomeQuestionMarks) {
  EXPECT_EQ(one_line("a\nb\x1b[31m\x7f"), "a?b?[31m?");
}

TEST(OneLine, OtherTextStaysAsItIs) { EXPECT_EQ(one_line("p99 ≤ 5 ms"), "p99 ≤ 5 ms"); }

}  // namespace
}  // namespace corun
