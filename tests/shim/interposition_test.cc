// Whether libcorun.so is in the way of every call, and only of those, whatever way a program finds
// the driver and whatever else is preloaded.
#include <gtest/gtest.h>

#include "tests/shim/fake_daemon.h"
#include "tests/shim/workload.h"

namespace corun::shim {
namespace {

using testing::counting_library;
using testing::FakeDaemon;
using testing::Workload;

struct Way {
  std::string name;
  std::string via;
  bool linked;
};

class WaysTest : public ::testing::TestWithParam<Way> {
 protected:
  Workload::Options options() const {
    return {.via = GetParam().via,
            .linked = GetParam().linked,
            .environment = {{"CORUN_RUN_DIR", daemon.run_dir()}}};
  }
  FakeDaemon daemon;
};

TEST_P(WaysTest, LaunchesAreCountedAndForwarded) {
  Workload workload(options());
  ASSERT_EQ(workload.ask("start"), "0");
  ASSERT_EQ(workload.ask("launch 5"), "0");
  wire::SessionPage* page = daemon.session(0);
  ASSERT_NE(page, nullptr);
  EXPECT_EQ(page->counters.launches.load(), 5U);
  const std::string symbol =
      GetParam().via == "procaddress-ptsz" ? "cuLaunchKernel_ptsz" : "cuLaunchKernel";
  EXPECT_EQ(workload.ask("calls " + symbol), "5");
}

TEST_P(WaysTest, ASecondPreloadBehindKeepsWorking) {
  Workload::Options both = options();
  both.behind = counting_library();
  Workload workload(both);
  ASSERT_EQ(workload.ask("start"), "0");
  ASSERT_EQ(workload.ask("launch 5"), "0");
  EXPECT_EQ(daemon.session(0)->counters.launches.load(), 5U);
  if (GetParam().via == "dlsym" || GetParam().linked) {
    EXPECT_EQ(workload.ask("counted launches"), "5");
  }
}

TEST_P(WaysTest, ASecondPreloadInFrontKeepsWorking) {
  Workload::Options both = options();
  both.before = counting_library();
  Workload workload(both);
  ASSERT_EQ(workload.ask("start"), "0");
  ASSERT_EQ(workload.ask("launch 5"), "0");
  EXPECT_EQ(daemon.session(0)->counters.launches.load(), 5U);
  // By RTLD_NEXT a program asks the library in front for what comes behind that library.
  if ((GetParam().via == "dlsym" || GetParam().linked) && GetParam().via != "next") {
    EXPECT_EQ(workload.ask("counted launches"), "5");
  }
}

void PrintTo(const Way& way, std::ostream* out) { *out << way.name; }

INSTANTIATE_TEST_SUITE_P(
    Driver, WaysTest,
    ::testing::Values(Way{"Dlsym", "dlsym", false}, Way{"ProcAddress", "procaddress", false},
                      Way{"ProcAddressOfCuda11", "procaddress-v1", false},
                      Way{"ProcAddressOfCuda13", "procaddress-13", false},
                      Way{"DlsymDefault", "default", true}, Way{"DlsymNext", "next", true},
                      Way{"ProcAddressPerThread", "procaddress-ptsz", false},
                      Way{"DlsymOfALinkedLibrary", "dlsym", true}, Way{"Linked", "linked", true}),
    [](const auto& test) { return test.param.name; });

TEST(Interposition, WithoutARunDirNothingIsHooked) {
  Workload workload({.environment = {}});
  ASSERT_EQ(workload.ask("start"), "0");
  EXPECT_EQ(workload.ask("launch 3"), "0");
  EXPECT_EQ(workload.ask("present"), "0");
}

TEST(Interposition, CorunDisableTurnsItOff) {
  FakeDaemon daemon;
  Workload workload({.environment = {{"CORUN_RUN_DIR", daemon.run_dir()}, {"CORUN_DISABLE", "1"}}});
  ASSERT_EQ(workload.ask("start"), "0");
  EXPECT_EQ(workload.ask("launch 3"), "0");
  EXPECT_EQ(daemon.connections(), 0U);
}

TEST(Interposition, ADriverThatIsNotInScopeIsNotPretended) {
  Workload without({.preloaded = false});
  EXPECT_EQ(without.ask("driver-in-scope"), "0");
}

TEST(Interposition, AForkedChildJoinsAsASessionOfItsOwn) {
  FakeDaemon daemon;
  Workload workload({.environment = {{"CORUN_RUN_DIR", daemon.run_dir()}}});
  EXPECT_EQ(workload.ask("fork"), "42");  // before the parent used the GPU
  ASSERT_NE(daemon.session(0), nullptr);
  EXPECT_EQ(daemon.session(0)->counters.launches.load(), 3U);
  ASSERT_EQ(workload.ask("start"), "0");
  ASSERT_EQ(workload.ask("launch 2"), "0");
  EXPECT_EQ(daemon.session(1)->counters.launches.load(), 2U);
}

TEST(Interposition, AChildThatIsAnotherProgramJoinsToo) {
  FakeDaemon daemon;
  Workload workload({.environment = {{"CORUN_RUN_DIR", daemon.run_dir()}}});
  ASSERT_EQ(workload.ask("start"), "0");
  EXPECT_EQ(workload.ask("exec"), "43");
  ASSERT_NE(daemon.session(1), nullptr);
  EXPECT_EQ(daemon.session(1)->counters.launches.load(), 4U);
  ASSERT_EQ(workload.ask("launch 2"), "0");
  EXPECT_EQ(daemon.session(0)->counters.launches.load(), 2U);
}

TEST(Interposition, AChildOfAUserOfTheGpuStartsClean) {
  FakeDaemon daemon;
  Workload workload({.environment = {{"CORUN_RUN_DIR", daemon.run_dir()}}});
  ASSERT_EQ(workload.ask("start"), "0");
  ASSERT_EQ(workload.ask("launch 2"), "0");
  EXPECT_EQ(workload.ask("fork"), "42");
  ASSERT_NE(daemon.session(1), nullptr);
  EXPECT_EQ(daemon.session(1)->counters.launches.load(), 3U);
  EXPECT_EQ(daemon.session(0)->counters.launches.load(), 2U);
  EXPECT_EQ(workload.ask("present"), "1");
}

}  // namespace
}  // namespace corun::shim
