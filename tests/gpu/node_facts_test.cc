#include "gpu/node_facts.h"

#include <sys/stat.h>

#include "tests/gpu/fake_driver.h"

namespace corun::gpu {
namespace {

namespace fs = std::filesystem;

/// An empty root folder to put files into.
class Root {
 public:
  Root() : folder_(std::move(TemporaryFolder::create("corun-root-")).value()) {}
  void file(const std::string& path, const std::string& text = {}) const {
    const fs::path real = folder_.path() / path;
    fs::create_directories(real.parent_path());
    write_file_atomically(real, text).value();
  }
  void program(const std::string& path) const {
    file(path);
    fs::permissions(folder_.path() / path, fs::perms::all);
  }
  NodeFacts facts() const { return collect_node_facts({FakeDriver::files(), folder_.path()}); }

 private:
  TemporaryFolder folder_;
};

TEST(NodeFacts, DriverAndGpuAreTold) {
  const FakeDriver fake;
  const NodeFacts facts = Root().facts();
  EXPECT_FALSE(facts.driver.error);
  EXPECT_FALSE(facts.nvml_error);
  EXPECT_EQ(facts.driver.version, 13000);
  EXPECT_EQ(facts.driver_version, "580.159.04");
  ASSERT_EQ(facts.gpus.size(), 1U);
  EXPECT_EQ(facts.gpus[0].info.sm_count, 132);
  EXPECT_EQ(facts.gpus[0].processes.size(), 2U);
  EXPECT_TRUE(facts.gpus[0].gpm);
  EXPECT_TRUE(facts.gpus[0].energy);
  EXPECT_TRUE(facts.gpus[0].events);
  EXPECT_EQ(facts.gpus[0].persistence, true);
}

TEST(NodeFacts, WithoutADriverTheReasonIsKeptAndTheRestIsTold) {
  const NodeFacts facts = collect_node_facts({{"/nowhere"}, "/"});
  ASSERT_TRUE(facts.driver.error);
  EXPECT_TRUE(facts.nvml_error);
  EXPECT_TRUE(facts.gpus.empty());
  EXPECT_GT(facts.cpus, 0);
}

TEST(NodeFacts, ADriverThatSeesNoGpuKeepsItsVersion) {
  const FakeDriver fake("cuInit !100\n");
  const NodeFacts facts = Root().facts();
  EXPECT_TRUE(facts.driver.error);
  EXPECT_EQ(facts.driver.version, 13000);
}

TEST(NodeFacts, WithoutNvmlTheGpuIsStillTold) {
  const FakeDriver fake("nvmlInit !9\n");
  const NodeFacts facts = Root().facts();
  EXPECT_TRUE(facts.nvml_error);
  ASSERT_EQ(facts.gpus.size(), 1U);
  EXPECT_EQ(facts.gpus[0].info.name, "NVIDIA H100 80GB HBM3");
}

TEST(NodeFacts, MpsDaemonsAreFoundByTheirName) {
  const FakeDriver fake;
  const Root root;
  root.file("proc/88/comm", "nvidia-cuda-mps\n");
  root.file("proc/89/comm", "nvidia-smi\n");
  root.file("proc/self/comm", "nvidia-cuda-mps\n");
  root.file("tmp/nvidia-mps/control");
  const NodeFacts facts = root.facts();
  EXPECT_EQ(facts.mps_daemons, std::vector<int>{88});
  EXPECT_TRUE(facts.mps_default_pipe_exists);
}

TEST(NodeFacts, ProgramsAreLookedForInPath) {
  const FakeDriver fake;
  const Root root;
  root.program("usr/bin/docker");
  root.file("usr/bin/podman");  // not executable
  const NodeFacts facts = root.facts();
  EXPECT_EQ(facts.programs.count("docker"), 1U);
  EXPECT_EQ(facts.programs.count("podman"), 0U);
}

TEST(NodeFacts, OnlyCdiFilesThatNameNvidiaCount) {
  const FakeDriver fake;
  const Root root;
  root.file("etc/cdi/nvidia.yaml", "kind: nvidia.com/gpu\n");
  root.file("etc/cdi/other.yaml", "kind: example.com/card\n");
  EXPECT_EQ(root.facts().cdi_files, std::vector<std::string>{"/etc/cdi/nvidia.yaml"});
}

TEST(NodeFacts, AMissingDeviceNodeIsTold) {
  const FakeDriver fake;
  const NodeFacts facts = Root().facts();
  ASSERT_GE(facts.device_nodes.size(), 2U);
  EXPECT_EQ(facts.device_nodes[0].path, "/dev/nvidiactl");
  EXPECT_FALSE(facts.device_nodes[0].exists);
}

TEST(NodeFacts, TheGovernorOfTheFirstProcessorIsTold) {
  const FakeDriver fake;
  const Root root;
  root.file("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave\n");
  EXPECT_EQ(root.facts().cpu_governor, "powersave");
}

}  // namespace
}  // namespace corun::gpu
