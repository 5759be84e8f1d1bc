#include "workloads/synthetic/waiting.h"

#include <gtest/gtest.h>

namespace corun::synthetic {
namespace {

struct Case {
  const char* name;
  WaitChoice choice;
  Processors processors;
  bool spin;
};

class MaySpin : public testing::TestWithParam<Case> {};

TEST_P(MaySpin, FollowsTheProcessors) {
  EXPECT_EQ(may_spin(GetParam().choice, GetParam().processors), GetParam().spin);
}

INSTANTIATE_TEST_SUITE_P(All, MaySpin,
                         testing::Values(Case{"own_pair", WaitChoice::kAuto, {2, 16}, true},
                                         Case{"own_single", WaitChoice::kAuto, {1, 16}, false},
                                         Case{"shared_machine", WaitChoice::kAuto, {16, 16}, false},
                                         Case{"small_machine", WaitChoice::kAuto, {2, 2}, false},
                                         Case{"asked_to_spin", WaitChoice::kSpin, {1, 2}, true},
                                         Case{
                                             "asked_to_block", WaitChoice::kBlock, {2, 16}, false}),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace corun::synthetic
