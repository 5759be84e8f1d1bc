#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <csignal>

#include "gpu/mps_control.h"
#include "modes/mode.h"
#include "tests/core/process_helpers.h"
#include "tests/modes/mode_fixture.h"

namespace corun::modes {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(MpsReplies, PidsStandOneALine) {
  EXPECT_THAT(gpu::parse_pids(""), IsEmpty());
  EXPECT_THAT(gpu::parse_pids("12\n 34\nWarning: 5 things\n\n-1\n56"), ElementsAre(12, 34, 56));
}

TEST(MpsReplies, PsHasAHeaderAndFreeText) {
  const auto clients = gpu::parse_ps(
      "PID       ID    SERVER    DEVICE             NAMESPACE    COMMAND\n"
      "9741      0     6472      GPU-cb1213a3-d6a4  4026531836   ./nbody -numbodies=64\n"
      "7   odd\n");
  EXPECT_THAT(clients, ElementsAre(gpu::MpsClient{6472, 9741}, gpu::MpsClient{0, 7}));
}

class MpsTest : public ModeTest {
 protected:
  MpsTest() : mps_(mode("mps")), plan_(mps_->plan(gpu(), shares()).value()) {}
  ~MpsTest() override { EXPECT_TRUE(mps_->undo(plan_)); }

  std::filesystem::path pipe() const { return std::filesystem::path(plan_.run_dir) / "pipe"; }
  pid_t daemon() const {
    const Fd file(open((pipe() / "pid").c_str(), O_RDONLY | O_CLOEXEC));
    return read_pid(file.get());
  }
  void set_clients(const std::string& pids) {
    ASSERT_TRUE(write_file_atomically(pipe() / "clients", pids));
  }
  /// Commands that the control program was given so far.
  std::string commands() const { return read_file(node() / "corun/commands").value_or(""); }

  std::unique_ptr<Mode> mps_;
  Plan plan_;
};

TEST_F(MpsTest, EachPlanHasADaemonOfItsOwnInPrivateFolders) {
  ASSERT_TRUE(mps_->apply(plan_));
  for (const char* name : {"pipe", "log"}) {
    struct stat info = {};
    ASSERT_EQ(stat((plan_.run_dir + "/" + name).c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777U, 0700U);
  }
  const auto other = mps_->plan(gpu(), shares());
  ASSERT_TRUE(other);
  EXPECT_NE(other->run_dir, plan_.run_dir);
  EXPECT_TRUE(identify(daemon()));
}

TEST_F(MpsTest, SharesBecomeTheVariablesOfMps) {
  Share share = shares()[1];
  share.thread_percentage = 30;
  share.memory_limit_bytes = uint64_t{20} << 30;
  const auto env = mps_->edits(plan_, share).env;
  EXPECT_EQ(env.at("CUDA_MPS_PIPE_DIRECTORY"), pipe().string());
  EXPECT_EQ(env.at("CUDA_MPS_ACTIVE_THREAD_PERCENTAGE"), "30");
  EXPECT_EQ(env.at("CUDA_MPS_PINNED_DEVICE_MEM_LIMIT"), "0=20480M");
  EXPECT_EQ(env.count("CUDA_MPS_CLIENT_PRIORITY"), 0U);
  const auto plain = mps_->edits(plan_, shares()[0]).env;
  EXPECT_EQ(plain.count("CUDA_MPS_ACTIVE_THREAD_PERCENTAGE"), 0U);
  EXPECT_EQ(plain.count("CUDA_MPS_PINNED_DEVICE_MEM_LIMIT"), 0U);
}

TEST_F(MpsTest, PriorityFollowsTheClassInItsOwnMode) {
  const auto priority = mode("mps-priority");
  EXPECT_EQ(priority->edits(plan_, shares()[0]).env.at("CUDA_MPS_CLIENT_PRIORITY"), "0");
  EXPECT_EQ(priority->edits(plan_, shares()[1]).env.at("CUDA_MPS_CLIENT_PRIORITY"), "1");
}

TEST_F(MpsTest, EveryTenantMustBeAClient) {
  ASSERT_TRUE(mps_->apply(plan_));
  const std::vector<Tenant> tenants{{"a", {101, 102}}, {"b", {201}}, {"c", {301}}};
  set_clients("102\n");
  const Status status = mps_->check(plan_, tenants);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().what, "not a client of the MPS daemon: b, c");
  set_clients("102\n201\n301\n");
  EXPECT_TRUE(mps_->check(plan_, tenants)) << "a descendant counts for its workload";
}

TEST_F(MpsTest, TheClientsAreAlsoReadFromPs) {
  setenv("FAKE_MPS", "no-list", 1);
  ASSERT_TRUE(mps_->apply(plan_));
  set_clients("101\n");
  EXPECT_TRUE(mps_->check(plan_, std::vector<Tenant>{{"a", {101}}}));
  EXPECT_FALSE(mps_->check(plan_, std::vector<Tenant>{{"a", {7}}})) << "not a word of a command";
}

TEST_F(MpsTest, ADaemonThatDiesInTheMiddleIsNoticed) {
  ASSERT_TRUE(mps_->apply(plan_));
  set_clients("101\n");
  const pid_t pid = daemon();
  kill(pid, SIGKILL);
  ASSERT_TRUE(ends(pid));
  const Status status = mps_->check(plan_, std::vector<Tenant>{{"a", {101}}});
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().what, "the MPS control daemon of " + pipe().string() +
                                     " does not answer: Cannot find MPS control daemon process");
}

TEST_F(MpsTest, UndoTerminatesClientsQuitsAndLeavesNothing) {
  ASSERT_TRUE(mps_->apply(plan_));
  set_clients("101\n102\n");
  const pid_t pid = daemon();
  ASSERT_TRUE(mps_->undo(plan_));
  EXPECT_FALSE(identify(pid));
  const std::string server = std::to_string(pid);
  EXPECT_THAT(commands(), HasSubstr("terminate_client " + server + " 101\nterminate_client " +
                                    server + " 102\nquit -t 3\n"));
  EXPECT_THAT(left_over(), IsEmpty());
  EXPECT_TRUE(mps_->undo(plan_)) << "idempotent";
}

TEST_F(MpsTest, ADaemonThatIgnoresQuitIsKilled) {
  setenv("FAKE_MPS", "stubborn", 1);
  ASSERT_TRUE(mps_->apply(plan_));
  const pid_t pid = daemon();
  ASSERT_TRUE(mps_->undo(plan_));
  EXPECT_FALSE(identify(pid));
  EXPECT_THAT(left_over(), IsEmpty());
}

TEST_F(MpsTest, ADaemonThatDoesNotStartGivesOneClearError) {
  setenv("FAKE_MPS", "broken", 1);
  const Status status = mps_->apply(plan_);
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().text(), HasSubstr("nvidia-cuda-mps-control -d failed (exit code 1)"));
}

TEST_F(MpsTest, ADaemonThatNeverAnswersIsGivenUp) {
  setenv("FAKE_MPS", "mute", 1);
  const auto program = gpu::MpsControl::find();
  ASSERT_TRUE(program);
  std::filesystem::create_directories(pipe());
  const gpu::MpsControl control(*program, pipe(), pipe());
  const auto process = control.start_daemon({}, std::chrono::milliseconds(50));
  ASSERT_FALSE(process);
  EXPECT_THAT(process.error().what, HasSubstr("does not answer"));
}

}  // namespace
}  // namespace corun::modes
