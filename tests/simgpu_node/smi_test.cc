// The stand-in nvidia-smi.
#include <gtest/gtest.h>

#include "tests/simgpu_node/node_fixture.h"

namespace corun::simgpu::testing {
namespace {

CommandOutput smi(const SimulatedNode& node, std::vector<std::string> arguments) {
  ProcessOptions options;
  options.argv = {SimulatedNode::program("nvidia-smi")};
  options.argv.insert(options.argv.end(), arguments.begin(), arguments.end());
  options.set_env = node.environment();
  auto output = run_command(options, kPatience);
  EXPECT_TRUE(output);
  return std::move(output).value();
}

TEST(Smi, QueriesGpusAsCsv) {
  const SimulatedNode node;
  const auto output = smi(node, {"--query-gpu=index,name,memory.total", "--format=csv"});
  EXPECT_EQ(output.out, "index, name, memory.total [MiB]\n0, NVIDIA H100 80GB HBM3, 81559 MiB\n");
}

TEST(Smi, ListsProcessesWithTheirMemory) {
  const SimulatedNode node;
  Lines client = node.client({"hold", "64"});
  ASSERT_EQ(client.next(), "holding");
  const auto output = smi(node, {"--query-compute-apps=pid", "--format=csv,noheader,nounits"});
  EXPECT_EQ(output.out, std::to_string(client.process().pid()) + "\n");
}

TEST(Smi, TheTableSaysThatItIsSimulated) {
  const SimulatedNode node({"--gpus", "2"});
  const std::string table = smi(node, {}).out;
  EXPECT_NE(table.find("SIMULATED"), std::string::npos);
  EXPECT_NE(table.find("|   1  NVIDIA H100"), std::string::npos);
}

TEST(Smi, UnknownOptionsAndFieldsAreUsageErrors) {
  const SimulatedNode node;
  EXPECT_EQ(smi(node, {"--reset"}).status.code, 2);
  EXPECT_EQ(smi(node, {"--query-gpu=flavour", "--format=csv"}).status.code, 2);
  EXPECT_EQ(smi(node, {"--query-gpu=name"}).status.code, 2);
}

}  // namespace
}  // namespace corun::simgpu::testing
