// Thousands of seeds: daemon, shims and GPU with faults, judged by what must never happen.
#include <gtest/gtest.h>

#include "tests/sim/world.h"

namespace corun::sim {
namespace {

#ifdef NDEBUG
constexpr uint64_t kSeedsPerShard = 1000;
#else
constexpr uint64_t kSeedsPerShard = 60;  // instrumented builds are many times slower
#endif
constexpr uint64_t kShards = 10;

class Seeds : public testing::TestWithParam<uint64_t> {};

TEST_P(Seeds, HoldTheInvariants) {
  for (uint64_t i = 0; i < kSeedsPerShard; ++i) {
    const uint64_t seed = GetParam() * kSeedsPerShard + i;
    World world(seed);
    const Outcome outcome = world.run();
    EXPECT_EQ(outcome.broken, "") << "seed " << seed << ": " << world.describe();
    EXPECT_GT(outcome.decisions, 10U);
  }
}

INSTANTIATE_TEST_SUITE_P(Sim, Seeds, testing::Range(uint64_t{0}, kShards));

TEST(Simulation, EndsTheSameFromTheSameSeed) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    EXPECT_EQ(World(seed).run().hash, World(seed).run().hash) << "seed " << seed;
  }
  EXPECT_NE(World(1).run().hash, World(2).run().hash);
}

/// Whether one of the seeds finds what a node without some of its parts does wrong.
bool finds(const std::string& what, Parts parts) {
  for (uint64_t seed = 0; seed < 400; ++seed) {
    if (World(seed, parts).run().broken.find(what) != std::string::npos) return true;
  }
  return false;
}

TEST(Simulation, AMissingWatchdogIsNoticed) {
  EXPECT_TRUE(finds("its holder is dead", {.watchdog = false}));
}

TEST(Simulation, AMissingRescueOfParkedWorkloadsIsNoticed) {
  EXPECT_TRUE(finds("stays parked without a daemon",
                    {.watchdog = true, .stuck_gates_open = true, .rescue = false}));
}

TEST(Simulation, GatesThatNobodyOpensForAStoppedWorkloadAreNoticed) {
  EXPECT_TRUE(finds("its holder is alive", {.stuck_gates_open = false}));
}

}  // namespace
}  // namespace corun::sim
