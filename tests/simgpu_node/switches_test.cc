// The record of context switches, read by a program with libsimdev.so preloaded.
#include <gtest/gtest.h>
#include <unistd.h>

#include <sstream>

#include "tests/simgpu_node/node_fixture.h"

namespace corun::simgpu::testing {
namespace {

const std::string kSimdev = SimulatedNode::program("libsimdev.so");

Lines program(const SimulatedNode& node, const std::string& name,
              std::vector<std::string> arguments, const std::string& preload = kSimdev,
              const std::optional<uid_t>& user = {}) {
  ProcessOptions options;
  options.argv = {std::string(CORUN_BINARY_DIR) + "/tests/" + name};
  options.argv.insert(options.argv.end(), arguments.begin(), arguments.end());
  if (user) {
    const std::string id = std::to_string(*user);
    options.argv.insert(options.argv.begin(), {"setpriv", "--reuid", id, "--clear-groups"});
  }
  options.set_env = node.environment();
  options.set_env["CORUN_DRIVER_DIR"] = std::string(CORUN_BINARY_DIR) + "/simgpu";
  options.set_env["ASAN_OPTIONS"] = "verify_asan_link_order=0";
  if (!preload.empty()) options.set_env["LD_PRELOAD"] = preload;
  return Lines(std::move(options));
}

struct Sum {
  int runs = 0;
  double seconds = 0;
};

/// What the reader printed, by who; its misfits as runs of "misfits".
std::map<std::string, Sum> sums(Lines& reader) {
  std::map<std::string, Sum> all;
  for (std::string line = reader.next(); !line.empty(); line = reader.next()) {
    std::istringstream words(line);
    std::string who;
    Sum sum;
    words >> who >> sum.runs >> sum.seconds;
    all[who] = sum;
  }
  return all;
}

TEST(SwitchRecord, TellsWhichProcessHadTheGpuWhen) {
  const SimulatedNode node;
  Lines a = program(node, "simgpu_groups_client", {"spin", "2000", "2500"});
  Lines b = program(node, "simgpu_groups_client", {"spin", "2000", "2500"});
  ASSERT_EQ(a.next(), "spinning");
  ASSERT_EQ(b.next(), "spinning");
  Lines reader = program(node, "simgpu_switches_client", {"read", "0", "1000"});
  ASSERT_EQ(reader.next(), "open");
  auto all = sums(reader);
  EXPECT_EQ(all["misfits"].runs, 0);
  EXPECT_EQ(all.count("unknown"), 0U);
  const Sum of_a = all[std::to_string(a.process().pid())];
  const Sum of_b = all[std::to_string(b.process().pid())];
  EXPECT_GT(of_a.runs, 50);
  EXPECT_NEAR(of_a.seconds / (of_a.seconds + of_b.seconds), 0.5, 0.05);
  double whole = 0;
  for (const auto& [who, sum] : all) whole += sum.seconds;
  EXPECT_NEAR(all["switch"].seconds / whole, 0.085 / 2.179, 0.01);
}

TEST(SwitchRecord, EachGpuHasItsOwn) {
  const SimulatedNode node({"--gpus", "2"});
  Lines a = program(node, "simgpu_groups_client", {"spin", "2000", "1500"});
  ASSERT_EQ(a.next(), "spinning");
  Lines reader = program(node, "simgpu_switches_client", {"read", "1", "300"});
  ASSERT_EQ(reader.next(), "open");
  EXPECT_EQ(sums(reader).size(), 1U) << "nothing but its misfits";
}

TEST(SwitchRecord, OtherUsersProcessesHaveNoNamesWithoutRoot) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to be somebody else too";
  const SimulatedNode node;
  std::filesystem::permissions(node.path(), std::filesystem::perms(0755));
  std::filesystem::permissions(node.path() + "/socket", std::filesystem::perms(0777));
  Lines a = program(node, "simgpu_groups_client", {"spin", "2000", "2500"});
  Lines b = program(node, "simgpu_groups_client", {"spin", "2000", "2500"});
  ASSERT_EQ(a.next(), "spinning");
  ASSERT_EQ(b.next(), "spinning");
  Lines reader = program(node, "simgpu_switches_client", {"read", "0", "500"}, kSimdev, 65534);
  ASSERT_EQ(reader.next(), "open");
  auto all = sums(reader);
  EXPECT_EQ(all.count(std::to_string(a.process().pid())), 0U);
  EXPECT_GT(all["0"].runs, 50) << "the same times";
}

TEST(SwitchRecord, WithoutThePreloadedLibraryThereIsNone) {
  const SimulatedNode node;
  Lines reader = program(node, "simgpu_switches_client", {"read", "0", "10"}, "");
  EXPECT_EQ(reader.next(), "a simulated GPU's device files need libsimdev.so preloaded");
}

}  // namespace
}  // namespace corun::simgpu::testing
