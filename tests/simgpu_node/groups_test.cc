// Device calls: a program with libsimdev.so preloaded sees and steers its channel groups.
#include <gtest/gtest.h>

#include "tests/simgpu_node/node_fixture.h"

namespace corun::simgpu::testing {
namespace {

Lines groups_client(const SimulatedNode& node, std::vector<std::string> arguments,
                    const std::map<std::string, std::string>& environment = {
                        {"LD_PRELOAD", SimulatedNode::program("libsimdev.so")}}) {
  ProcessOptions options;
  options.argv = {std::string(CORUN_BINARY_DIR) + "/tests/simgpu_groups_client"};
  options.argv.insert(options.argv.end(), arguments.begin(), arguments.end());
  options.set_env = node.environment();
  options.set_env["ASAN_OPTIONS"] = "verify_asan_link_order=0";
  for (const auto& [name, value] : environment) options.set_env[name] = value;
  return Lines(std::move(options));
}

TEST(ChannelGroups, AContextMakesSchedulesAndFreesThem) {
  const SimulatedNode node;
  Lines client = groups_client(node, {"count"});
  EXPECT_EQ(client.next(), "made 5 scheduled 5 work true");
  EXPECT_EQ(client.next(), "slice 1024 set true slice 6000");
  EXPECT_EQ(client.next(), "interleave 0x1b stranger 0x33 none false");
  EXPECT_EQ(client.next(), "freed 5");
}

TEST(ChannelGroups, WithoutThePreloadedLibraryThereAreNoneAndWorkGoesOn) {
  const SimulatedNode node;
  Lines client = groups_client(node, {"count"}, {});
  EXPECT_EQ(client.next(), "made 0 scheduled 0 work true");
  EXPECT_EQ(client.next(), "freed 0");
}

/// Kernels that the first of two spinning clients does of all.
double share_of_first(const SimulatedNode& node, std::vector<std::string> first,
                      std::vector<std::string> second) {
  Lines a = groups_client(node, std::move(first));
  Lines b = groups_client(node, std::move(second));
  EXPECT_EQ(a.next(), "spinning");
  EXPECT_EQ(b.next(), "spinning");
  const double of_a = number_in(a.next());
  const double of_b = number_in(b.next());
  return of_a / (of_a + of_b);
}

TEST(ChannelGroups, SlicesThatAProgramSetsShareTheGpu) {
  const SimulatedNode node;
  const double share = share_of_first(node, {"spin", "15000", "1500"}, {"spin", "5000", "1500"});
  EXPECT_NEAR(share, 0.75, 0.08);
}

TEST(ChannelGroups, SlicesSetBeforeTheGroupSettledHaveNoEffect) {
  const SimulatedNode node;
  const double share =
      share_of_first(node, {"spin-early", "15000", "1500"}, {"spin-early", "5000", "1500"});
  EXPECT_NEAR(share, 0.5, 0.08);
}

}  // namespace
}  // namespace corun::simgpu::testing
