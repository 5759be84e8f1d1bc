// Several processes on one simulated node: sharing, death, bad behaviour.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <csignal>

#include "core/json.h"
#include "simgpu/client/connection.h"
#include "tests/simgpu_node/node_fixture.h"

namespace corun::simgpu::testing {
namespace {

wire::Hello hello(wire::Role role) {
  wire::Hello message;
  message.role = role;
  return message;
}

uint64_t used_bytes(const SimulatedNode& node) {
  auto observer = Connection::open(node.path(), hello(wire::Role::kObserver));
  if (!observer) return ~uint64_t{0};
  const auto answer = observer->call(wire::Type::kTelemetry, wire::DeviceCall());
  return answer ? answer->as<wire::Telemetry>().value_or(wire::Telemetry()).memory_used_bytes
                : ~uint64_t{0};
}

/// Polls until the node's memory in use is `bytes`, as the server sees a death a moment later.
bool memory_becomes(const SimulatedNode& node, uint64_t bytes) {
  const Instant deadline = monotonic_now() + kPatience;
  while (monotonic_now() < deadline) {
    if (used_bytes(node) == bytes) return true;
  }
  return false;
}

TEST(Clients, AKilledClientsMemoryComesBackInTheMiddleOfAKernel) {
  const SimulatedNode node;
  const uint64_t before = used_bytes(node);
  Lines client = node.client({"busy", "1024"});
  ASSERT_EQ(client.next(), "holding");
  EXPECT_GE(used_bytes(node), before + (uint64_t{1} << 30));
  client.process().signal(SIGKILL);
  EXPECT_TRUE(memory_becomes(node, before));
  Lines second = node.client({"spin", "100", "50"});
  EXPECT_EQ(second.next(), "spinning") << "the GPU serves others at once";
}

TEST(Clients, TwoBusyClientsTakeTurns) {
  const SimulatedNode node;
  Lines a = node.client({"spin", "200", "1000"});
  Lines b = node.client({"spin", "200", "1000"});
  ASSERT_EQ(a.next(), "spinning");
  ASSERT_EQ(b.next(), "spinning");
  const int first = number_in(a.next());
  const int second = number_in(b.next());
  EXPECT_GT(std::min(first, second), 200);
  EXPECT_LT(first + second, 5500) << "together not more than one GPU";
}

TEST(Clients, AChildAfterForkCannotUseTheDriverAndTheParentCan) {
  const SimulatedNode node;
  Lines client = node.client({"fork"});
  EXPECT_EQ(client.next(), "child 3 parent ok");
}

TEST(Clients, GarbageClosesOnlyItsOwnConnection) {
  const SimulatedNode node;
  Lines good = node.client({"hold", "64"});
  ASSERT_EQ(good.next(), "holding");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = node.path() + "/socket";
  ASSERT_LT(path.size(), sizeof address.sun_path);
  path.copy(address.sun_path, path.size());
  const Fd fd(socket(AF_UNIX, SOCK_SEQPACKET, 0));
  ASSERT_EQ(connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ASSERT_GT(send(fd.get(), "garbage", 7, MSG_NOSIGNAL), 0);
  char byte = 0;
  EXPECT_EQ(recv(fd.get(), &byte, 1, 0), 0) << "the server hung up";
  EXPECT_GE(used_bytes(node), uint64_t{64} << 20) << "the others are still there";
}

TEST(Clients, IdsOfAnotherConnectionMeanNothing) {
  const SimulatedNode node;
  Lines good = node.client({"hold", "64"});
  ASSERT_EQ(good.next(), "holding");
  const uint64_t before = used_bytes(node);
  for (uint32_t id = 1; id < 8; ++id) {
    auto thief = Connection::open(node.path(), hello(wire::Role::kCuda));
    ASSERT_TRUE(thief);
    wire::IdCall message;
    message.id = id;
    EXPECT_FALSE(thief->call(wire::Type::kFree, message));
  }
  EXPECT_EQ(used_bytes(node), before);
}

TEST(Clients, OfAnotherWireVersionAreRefused) {
  const SimulatedNode node;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = node.path() + "/socket";
  path.copy(address.sun_path, path.size());
  const Fd fd(socket(AF_UNIX, SOCK_SEQPACKET, 0));
  ASSERT_EQ(connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  wire::Hello message = hello(wire::Role::kObserver);
  message.header = {
      .size = sizeof message, .type = wire::Type::kHello, .version = 99, .call = 1, .stamp_ns = 0};
  ASSERT_GT(send(fd.get(), &message, sizeof message, MSG_NOSIGNAL), 0);
  char byte = 0;
  EXPECT_EQ(recv(fd.get(), &byte, 1, 0), 0);
}

TEST(Node, LeavesNothingBehindWhenItIsStopped) {
  SimulatedNode node;
  EXPECT_TRUE(std::filesystem::exists(node.path() + "/socket"));
  node.server().signal(SIGTERM);
  const auto status = node.server().wait(kPatience);
  ASSERT_TRUE(status);
  EXPECT_EQ(status->text(), "exit code 0");
  EXPECT_TRUE(std::filesystem::is_empty(node.path()));
}

TEST(Node, EndsWithItsOwner) {
  ProcessOptions options;
  options.argv = {"sleep", "1000"};
  auto owner = Process::start(options);
  ASSERT_TRUE(owner);
  SimulatedNode node({"--owner-pid", std::to_string(owner->pid())});
  owner->signal(SIGKILL);
  EXPECT_TRUE(node.server().wait(kPatience));
}

TEST(Node, ASecondServerForTheSameFolderIsRefused) {
  const SimulatedNode node;
  ProcessOptions options;
  options.argv = {SimulatedNode::program("corun-simgpud"), "--node", node.path()};
  options.err = Stream::null();
  auto second = Process::start(options);
  ASSERT_TRUE(second);
  const auto status = second->wait(kPatience);
  ASSERT_TRUE(status);
  EXPECT_EQ(status->code, 1);
}

TEST(Node, ClientsLearnThatTheServerDied) {
  SimulatedNode node;
  Lines client = node.client({"until-fault"});
  ASSERT_EQ(client.next(), "running");
  node.server().signal(SIGKILL);
  EXPECT_EQ(client.next(), "CUDA_ERROR_UNKNOWN");
}

}  // namespace
}  // namespace corun::simgpu::testing
