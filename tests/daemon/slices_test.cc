// Whether time slices act: the verdict on figures, where it is kept, and the test itself.
#include "engine/daemon/slices_test.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/daemon/daemon_fixture.h"

namespace corun::daemon {

namespace {

using client::SlicesState;

TEST(Slices, AreProvenByThreeToOneAndRefutedByEqualShares) {
  struct Row {
    std::vector<double> shares;
    SlicesState state;
  };
  const Row table[] = {
      {{0.751, 0.746}, SlicesState::kProven},  {{0.795, 0.705}, SlicesState::kProven},
      {{0.751, 0.69}, SlicesState::kUnproven}, {{0.50, 0.47}, SlicesState::kRefuted},
      {{0.50, 0.75}, SlicesState::kUnproven},  {{0.28, 0.30}, SlicesState::kUnproven},
      {{0.99, 0.99}, SlicesState::kUnproven},  {{}, SlicesState::kUnproven}};
  for (const Row& row : table) {
    const SlicesVerdict verdict = judge_slices(row.shares);
    EXPECT_EQ(verdict.state, row.state) << verdict.why;
  }
  EXPECT_EQ(judge_slices(std::vector{0.751, 0.746}).why,
            "measured 75.1 : 24.9, 74.6 : 25.4 for slices of 6000 and 2000 us");
}

class SlicesCache : public ::testing::Test {
 protected:
  SlicesCache() : folder_(TemporaryFolder::create("corun-cache-").value()) {
    setenv("XDG_CACHE_HOME", folder_.path().c_str(), 1);
    gpu_.uuid = "GPU-1";
    gpu_.driver = "580.1";
  }
  ~SlicesCache() override { unsetenv("XDG_CACHE_HOME"); }
  TemporaryFolder folder_;
  GpuInfo gpu_;
};

TEST_F(SlicesCache, HoldsForOneGpuAndDriver) {
  const SlicesVerdict proven{SlicesState::kProven, "measured 75.0 : 25.0"};
  ASSERT_TRUE(cache_slices(gpu_, proven));
  EXPECT_EQ(cached_slices(gpu_), proven);
  gpu_.driver = "590.1";
  EXPECT_EQ(cached_slices(gpu_), std::nullopt);
}

TEST_F(SlicesCache, DoesNotKeepWhatIsNotKnown) {
  ASSERT_TRUE(cache_slices(gpu_, {SlicesState::kUnproven, "the GPU is busy"}));
  EXPECT_EQ(cached_slices(gpu_), std::nullopt);
}

TEST_F(SlicesCache, ADamagedFileIsNoVerdict) {
  ASSERT_TRUE(cache_slices(gpu_, {SlicesState::kRefuted, "x"}));
  for (const char* text : {"", "{", "{}", R"({"schema":1,"state":"maybe","why":""})",
                           R"({"schema":2,"state":"proven","why":""})"}) {
    ASSERT_TRUE(write_file_atomically(*slices_cache_file(gpu_), text));
    EXPECT_EQ(cached_slices(gpu_), std::nullopt) << text;
  }
}

using SlicesOnANode = corun::testing::DaemonTest;

TEST_F(SlicesOnANode, ABusyGpuProvesNothing) {
  ProcessOptions tenant;
  tenant.argv = {CORUN_BINARY_DIR "/bin/corun-synthetic", "train", "--duration", "60s"};
  tenant.set_env = corun::testing::Node::shared().environment();
  tenant.out = Stream::null();
  tenant.err = Stream::null();
  const Process busy = Process::start(tenant).value();
  ProcessOptions options;
  options.argv = {CORUN_BINARY_DIR "/bin/corund", "--self-test"};
  options.set_env = corun::testing::Node::shared().environment();
  options.set_env["XDG_CACHE_HOME"] = run_dir_.path().string();
  EXPECT_TRUE(corun::testing::eventually([&] {
    const auto test = run_command(options, corun::testing::kPatience);
    return test && test->status.code == 1 && test->out.find("busy") != std::string::npos;
  }));
  EXPECT_FALSE(std::filesystem::exists(run_dir_.path() / "corun"));
}

/// What a simulated GPU's shares are depends on how much processor time this machine has; that they
/// were measured does not.
TEST_F(SlicesOnANode, TheSelfTestMeasuresTwoTenantsUnderItsOwnDaemon) {
  if (corun::testing::kSanitized) GTEST_SKIP() << "libcorun.so is not preloaded";
  ProcessOptions options;
  options.argv = {CORUN_BINARY_DIR "/bin/corund", "--self-test"};
  options.set_env = corun::testing::Node::shared().environment();
  options.set_env["XDG_CACHE_HOME"] = run_dir_.path().string();
  const auto test = run_command(options, corun::testing::kPatience);
  ASSERT_TRUE(test) << test.error().text();
  EXPECT_NE(test->out.find("for slices of 6000 and 2000 us"), std::string::npos)
      << test->out << test->err;
}

}  // namespace

}  // namespace corun::daemon
