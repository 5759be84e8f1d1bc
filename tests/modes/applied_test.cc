#include "modes/applied.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <nlohmann/json.hpp>

#include "core/process.h"
#include "engine/client/run_dir.h"
#include "tests/core/process_helpers.h"
#include "tests/modes/mode_fixture.h"

namespace corun::modes {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class AppliedTest : public ModeTest {
 protected:
  Plan plan(Mode& m) { return m.plan(gpu(), shares()).value(); }

  /// A corun that applies mps and then waits to be killed: its PID and the MPS daemon's.
  std::pair<pid_t, pid_t> start_corun() {
    int news[2];
    CORUN_CHECK(pipe2(news, O_CLOEXEC) == 0, "pipe");
    const pid_t corun = fork();
    if (corun == 0) {
      auto m = mode("mps");
      auto applied = AppliedPlan::apply(*m, plan(*m));
      const auto daemon = read_file(applied.value().plan().run_dir + "/pipe/pid").value();
      [[maybe_unused]] const ssize_t n = write(news[1], daemon.data(), daemon.size());
      pause();
      _exit(1);
    }
    close(news[1]);
    const Fd reader(news[0]);
    return {corun, read_pid(reader.get())};
  }
  static void kill_and_reap(pid_t pid) {
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
  }
};

TEST_F(AppliedTest, APlanComesBackFromItsJson) {
  auto m = mode("mps");
  const Plan before = plan(*m);
  const auto after = plan_from_json(to_json(before));
  ASSERT_TRUE(after);
  EXPECT_EQ(to_json(*after), to_json(before));
  EXPECT_EQ(after->run_dir, before.run_dir);
  EXPECT_FALSE(plan_from_json(Json::parse("{\"mode\":1}")));
}

TEST_F(AppliedTest, TheStateFileLivesAsLongAsThePlan) {
  auto m = mode("time-slicing");
  {
    auto applied = AppliedPlan::apply(*m, plan(*m));
    ASSERT_TRUE(applied);
    EXPECT_EQ(left_over().size(), 2U) << "the mode's folder and the state file";
    EXPECT_THAT(undo_leftovers().value(), IsEmpty()) << "its owner lives";
    EXPECT_EQ(left_over().size(), 2U);
  }
  EXPECT_THAT(left_over(), IsEmpty());
}

TEST_F(AppliedTest, AModeThatCannotBeAppliedLeavesNothing) {
  setenv("FAKE_MPS", "broken", 1);
  auto m = mode("mps");
  EXPECT_FALSE(AppliedPlan::apply(*m, plan(*m)));
  EXPECT_THAT(left_over(), IsEmpty());
}

TEST_F(AppliedTest, AKilledCorunIsUndoneByTheNextOne) {
  const auto [corun, daemon] = start_corun();
  EXPECT_TRUE(identify(daemon));
  kill_and_reap(corun);
  EXPECT_TRUE(ends(daemon)) << "its keeper kills the daemon";
  EXPECT_EQ(left_over().size(), 2U);
  EXPECT_THAT(undo_leftovers().value(), ElementsAre("undid mode mps on GPU 0, which corun " +
                                                    std::to_string(corun) + " left behind"));
  EXPECT_THAT(left_over(), IsEmpty());
  EXPECT_THAT(undo_leftovers().value(), IsEmpty());
}

TEST_F(AppliedTest, EvenADaemonThatOutlivedItsKeeperIsFound) {
  const auto [corun, daemon] = start_corun();
  kill(corun, SIGSTOP);  // or it would see the keeper die and clean up
  const auto tree = descendants_of(corun);
  ASSERT_THAT(tree, testing::Contains(daemon));
  kill(tree.front(), SIGKILL);  // the keeper: the daemon, which left its session, stays
  kill_and_reap(corun);
  EXPECT_TRUE(identify(daemon));
  EXPECT_EQ(undo_leftovers().value().size(), 1U);
  EXPECT_FALSE(identify(daemon));
  EXPECT_THAT(left_over(), IsEmpty());
}

TEST_F(AppliedTest, AnUnreadableStateFileIsRemovedAndReported) {
  ASSERT_TRUE(runtime_dir());
  std::filesystem::create_directory(node() / "corun/applied");
  ASSERT_TRUE(write_file_atomically(node() / "corun/applied/1-0.json", "{"));
  EXPECT_THAT(undo_leftovers().value(), ElementsAre(HasSubstr("removed an unreadable state file")));
  EXPECT_THAT(left_over(), IsEmpty());
}

TEST_F(AppliedTest, WhatRootKeepsPrivateIsNotTheFolderOfTheSystemsDaemon) {
  EXPECT_EQ(runtime_place("/run/user/7", 7), "/run/user/7/corun");
  EXPECT_EQ(runtime_place(std::nullopt, 7), "/tmp/corun-7");
  EXPECT_EQ(runtime_place(std::nullopt, 0).parent_path(), client::kSystemRunDir);
}

TEST_F(AppliedTest, AMissingParentOfTheRuntimeFolderIsOpenToAllIfItIsRoots) {
  using std::filesystem::perms;
  const auto place = node() / "parent/private";
  const mode_t before = umask(0077);
  EXPECT_TRUE(make_runtime_place(place));
  umask(before);
  EXPECT_EQ(std::filesystem::status(place).permissions(), perms(0700));
  EXPECT_EQ(std::filesystem::status(place.parent_path()).permissions(),
            geteuid() == 0 ? perms(0755) : perms(0700));
}

TEST_F(AppliedTest, AForeignRuntimeFolderIsRefused) {
  ASSERT_EQ(symlink("/tmp", (node() / "corun").c_str()), 0);
  const auto dir = runtime_dir();
  ASSERT_FALSE(dir);
  EXPECT_THAT(dir.error().what, HasSubstr("is not a folder of this user"));
}

}  // namespace
}  // namespace corun::modes
