// The stand-in MPS control daemon, driven as corun drives the real one (docs/mps-control.md).
#include <gtest/gtest.h>

#include <csignal>

#include "tests/simgpu_node/node_fixture.h"

namespace corun::simgpu::testing {
namespace {

/// A node with a running MPS daemon.
class Mps : public ::testing::Test {
 public:
  void SetUp() override {
    std::filesystem::create_directory(pipe());
    std::filesystem::create_directory(node_.path() + "/log");
    ASSERT_EQ(control("", {"-d"}).code, 0);
  }
  void TearDown() override { control("quit -t 0\n"); }

  std::string pipe() const { return node_.path() + "/pipe"; }
  std::map<std::string, std::string> environment() const {
    return {{"CUDA_MPS_PIPE_DIRECTORY", pipe()}, {"CUDA_MPS_LOG_DIRECTORY", node_.path() + "/log"}};
  }
  struct Reply {
    int code = -1;
    std::string text;
  };
  Reply control(const std::string& input, std::vector<std::string> arguments = {}) {
    ProcessOptions options;
    options.argv = {SimulatedNode::program("nvidia-cuda-mps-control")};
    options.argv.insert(options.argv.end(), arguments.begin(), arguments.end());
    options.set_env = node_.environment();
    for (const auto& [name, value] : environment()) options.set_env[name] = value;
    options.input = input;
    const bool daemon = !arguments.empty();
    if (daemon) {
      // The daemon outlives the program that starts it: it must not be this Process's descendant.
      options.argv = {"sh", "-c",
                      "exec 3>&1; " + options.argv[0] + " -d >/dev/null 2>&1; echo $? >&3"};
      starter_ = std::make_unique<Lines>(std::move(options));
      return {number_in(starter_->next()), ""};
    }
    Lines lines(std::move(options));
    Reply reply;
    for (std::string line = lines.next(); !line.empty(); line = lines.next()) {
      reply.text += line + "\n";
    }
    const auto status = lines.process().wait(kPatience);
    reply.code = status ? status->code.value_or(-1) : -1;
    return reply;
  }
  int server_pid() {
    const Instant deadline = monotonic_now() + kPatience;
    while (monotonic_now() < deadline) {
      const int pid = number_in(control("get_server_list\n").text);
      if (pid > 0) return pid;
    }
    return 0;
  }

  SimulatedNode node_;
  std::unique_ptr<Lines> starter_;  ///< keeps the daemon's keeper alive
};

TEST_F(Mps, AnswersWithoutClients) {
  EXPECT_EQ(control("get_default_active_thread_percentage\n").text, "100.0\n");
  EXPECT_EQ(control("get_server_list\n").text, "");
  EXPECT_EQ(control("set_default_active_thread_percentage 40\n").text, "40.0\n");
  EXPECT_EQ(control("get_default_active_thread_percentage\n").text, "40.0\n");
  EXPECT_EQ(control("set_default_device_pinned_mem_limit 0 2G\n").text, "2048M\n");
}

TEST_F(Mps, ListsItsClientsUnderItsServer) {
  Lines a = node_.client({"hold", "16"}, environment());
  Lines b = node_.client({"hold", "16"}, environment());
  ASSERT_EQ(a.next(), "holding");
  ASSERT_EQ(b.next(), "holding");
  const int server = server_pid();
  ASSERT_GT(server, 0);
  const std::string list = control("get_client_list " + std::to_string(server) + "\n").text;
  EXPECT_NE(list.find(std::to_string(a.process().pid()) + "\n"), std::string::npos);
  EXPECT_NE(list.find(std::to_string(b.process().pid()) + "\n"), std::string::npos);
  EXPECT_TRUE(control("ps\n").text.starts_with("PID"));
}

TEST_F(Mps, AClientOfAnotherPipeFolderRunsWithoutIt) {
  Lines client = node_.client({"hold", "16"}, {{"CUDA_MPS_PIPE_DIRECTORY", node_.path() + "/log"}});
  ASSERT_EQ(client.next(), "holding");
  EXPECT_EQ(control("get_server_list\n").text, "");
}

TEST_F(Mps, TwoClientsRunSideBySide) {
  Lines a = node_.client({"hold", "16"}, environment());
  ASSERT_EQ(a.next(), "holding");
  // Half of the SMs each: both get nearly their solo rate of 5000 kernels of 200 us a second.
  auto half = environment();
  half["CUDA_MPS_ACTIVE_THREAD_PERCENTAGE"] = "50";
  Lines b = node_.client({"spin", "1000", "1000"}, half);
  Lines c = node_.client({"spin", "1000", "1000"}, half);
  ASSERT_EQ(b.next(), "spinning");
  ASSERT_EQ(c.next(), "spinning");
  EXPECT_GT(number_in(b.next()), 0);
  EXPECT_GT(number_in(c.next()), 0);
}

TEST_F(Mps, AMemoryLimitHolds) {
  auto limited = environment();
  limited["CUDA_MPS_PINNED_DEVICE_MEM_LIMIT"] = "0=512M";
  Lines small = node_.client({"hold", "64"}, limited);
  EXPECT_EQ(small.next(), "holding");
  Lines large = node_.client({"hold", "1024"}, limited);
  EXPECT_EQ(large.next(), "CUDA_ERROR_OUT_OF_MEMORY");
}

TEST_F(Mps, ATerminatedClientGetsItsErrorAndTheOthersLive) {
  Lines victim = node_.client({"until-fault"}, environment());
  Lines other = node_.client({"spin", "500", "800"}, environment());
  ASSERT_EQ(victim.next(), "running");
  ASSERT_EQ(other.next(), "spinning");
  const int server = server_pid();
  control("terminate_client " + std::to_string(server) + " " +
          std::to_string(victim.process().pid()) + "\n");
  EXPECT_EQ(victim.next(), "CUDA_ERROR_MPS_CLIENT_TERMINATED");
  EXPECT_GT(number_in(other.next()), 0);
}

TEST_F(Mps, ClientsOfADeadServerGetAnError) {
  Lines client = node_.client({"until-fault"}, environment());
  ASSERT_EQ(client.next(), "running");
  const int server = server_pid();
  ASSERT_GT(server, 0);
  ASSERT_EQ(kill(server, SIGKILL), 0);
  EXPECT_EQ(client.next(), "CUDA_ERROR_MPS_RPC_FAILURE");
}

TEST_F(Mps, QuitEndsTheDaemon) {
  control("quit -t 1\n");
  const Instant deadline = monotonic_now() + kPatience;
  Reply reply;
  do {
    reply = control("get_server_list\n");
  } while (reply.code == 0 && monotonic_now() < deadline);
  EXPECT_EQ(reply.code, 1);
  EXPECT_EQ(reply.text, "Cannot find MPS control daemon process\n");
}

}  // namespace
}  // namespace corun::simgpu::testing
