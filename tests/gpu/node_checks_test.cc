#include "gpu/node_checks.h"

#include <gtest/gtest.h>

#include <functional>

#include "core/abi/nvml.h"

namespace corun::gpu {
namespace {

using Level = Finding::Level;

/// A healthy node with one H100.
NodeFacts healthy() {
  NodeFacts facts;
  facts.driver.path = "libcuda.so.1";
  facts.driver.version = 13000;
  facts.driver.versioned_lookup = true;
  facts.driver.checkpoint = true;
  facts.driver.stream_memory_ops = true;
  facts.driver.async_allocation = true;
  facts.driver_version = "580.159.04";
  GpuFacts gpu;
  gpu.info.name = "NVIDIA H100 80GB HBM3";
  gpu.info.compute_major = 9;
  gpu.info.sm_count = 132;
  gpu.info.max_sm_clock_mhz = 1980;
  gpu.info.compute_mode = "default";
  gpu.info.mig_mode = "disabled";
  gpu.gpm = gpu.energy = gpu.events = true;
  gpu.persistence = true;
  gpu.clock_reasons = nvml::kClocksGpuIdle;
  facts.gpus.push_back(gpu);
  facts.device_nodes = {{"/dev/nvidia0", true, true, true, "crw-rw-rw- root:root"}};
  facts.mps_control = "/usr/bin/nvidia-cuda-mps-control";
  facts.mps_default_pipe = "/tmp/nvidia-mps";
  facts.temporary_folder = "/tmp";
  facts.temporary_writable = true;
  facts.cpus = 32;
  return facts;
}

TEST(NodeChecks, AHealthyNodeHasNoWarning) {
  for (const Finding& finding : check_node(healthy())) {
    EXPECT_TRUE(finding.level == Level::kOk || finding.level == Level::kNote)
        << finding.id << ": " << finding.text;
  }
}

struct Case {
  std::string name;
  std::function<void(NodeFacts&)> spoil;
  std::string id;
  Level level;
  std::string in_text;
  std::string in_fix;
};

class Spoiled : public testing::TestWithParam<Case> {};

TEST_P(Spoiled, IsFoundWithItsFix) {
  NodeFacts facts = healthy();
  GetParam().spoil(facts);
  const auto findings = check_node(facts);
  const auto found = std::find_if(findings.begin(), findings.end(), [](const Finding& finding) {
    return finding.id == GetParam().id;
  });
  ASSERT_NE(found, findings.end());
  EXPECT_EQ(found->level, GetParam().level);
  EXPECT_NE(found->text.find(GetParam().in_text), std::string::npos) << found->text;
  EXPECT_NE(found->fix.find(GetParam().in_fix), std::string::npos) << found->fix;
}

const Case kCases[] = {
    {"NoDriver", [](NodeFacts& f) { f.driver.error = unsupported("no driver", "install one"); },
     "driver", Level::kProblem, "no driver", "install one"},
    {"OldDriver", [](NodeFacts& f) { f.driver.version = 11040; }, "driver", Level::kProblem,
     "supports CUDA 11.4; corun's kernels need 11.8", "R520"},
    {"Simulated", [](NodeFacts& f) { f.driver.simulated_profile = "h100"; }, "driver", Level::kNote,
     "SIMULATED", ""},
    {"NoNvml", [](NodeFacts& f) { f.nvml_error = unsupported("NVML cannot start", "look"); },
     "nvml", Level::kProblem, "NVML cannot start", "look"},
    {"NoVersionedLookup", [](NodeFacts& f) { f.driver.versioned_lookup = false; },
     "driver-functions", Level::kWarning, "versioned lookup no", "R465"},
    {"NoCheckpoint", [](NodeFacts& f) { f.driver.checkpoint = false; }, "checkpoint", Level::kNote,
     "cannot park", "R570"},
    {"Pascal", [](NodeFacts& f) { f.gpus[0].info.compute_major = 6; }, "gpu0.architecture",
     Level::kProblem, "compute capability 6.0 is older than 7.0", "Volta"},
    {"ExclusiveProcess", [](NodeFacts& f) { f.gpus[0].info.compute_mode = "exclusive-process"; },
     "gpu0.compute-mode", Level::kProblem, "EXCLUSIVE_PROCESS", "nvidia-smi -i 0 -c DEFAULT"},
    {"Prohibited", [](NodeFacts& f) { f.gpus[0].info.compute_mode = "prohibited"; },
     "gpu0.compute-mode", Level::kProblem, "PROHIBITED", "-c DEFAULT"},
    {"MigEnabled", [](NodeFacts& f) { f.gpus[0].info.mig_mode = "enabled"; }, "gpu0.mig",
     Level::kWarning, "MIG is enabled", "-mig 0"},
    {"Foreigners",
     [](NodeFacts& f) {
       f.gpus[0].processes.resize(2);
       f.gpus[0].processes[0].pid = 41;
       f.gpus[0].processes[1].pid = 42;
     },
     "gpu0.processes", Level::kWarning, "PID 41, 42", "stop them"},
    {"UnknownProcesses",
     [](NodeFacts& f) { f.gpus[0].processes_error = unsupported("no permission"); },
     "gpu0.processes", Level::kWarning, "no permission", ""},
    {"Hot", [](NodeFacts& f) { f.gpus[0].clock_reasons = nvml::kClocksHardwareThermal; },
     "gpu0.clocks", Level::kWarning, "temperature (hardware)", "PERFORMANCE"},
    {"ApplicationClock", [](NodeFacts& f) { f.gpus[0].application_clock_mhz = 1200; },
     "gpu0.clocks", Level::kNote, "1200 MHz, of at most 1980 MHz", ""},
    {"NoPersistence", [](NodeFacts& f) { f.gpus[0].persistence = false; }, "gpu0.persistence",
     Level::kWarning, "persistence mode is off", "-pm 1"},
    {"NoGpm", [](NodeFacts& f) { f.gpus[0].gpm = false; }, "gpu0.telemetry", Level::kNote,
     "(GPM) no", "Hopper"},
    {"NoDeviceNode", [](NodeFacts& f) { f.device_nodes[0].exists = false; }, "device-nodes",
     Level::kWarning, "/dev/nvidia0 does not exist", "nvidia-modprobe"},
    {"ForbiddenDeviceNode",
     [](NodeFacts& f) {
       f.device_nodes[0].usable = false;
       f.device_nodes[0].access = "crw-rw---- root:video";
     },
     "device-nodes", Level::kProblem, "(crw-rw---- root:video)", "group"},
    {"NoCharLinks",
     [](NodeFacts& f) {
       f.device_nodes[0].char_link = false;
       f.systemd = true;
     },
     "dev-char", Level::kWarning, "daemon-reload", "create-dev-char-symlinks"},
    {"NoMpsControl", [](NodeFacts& f) { f.mps_error = unsupported("none", "get one"); },
     "mps-control", Level::kWarning, "none", "get one"},
    {"StrayDaemon",
     [](NodeFacts& f) {
       f.mps_daemons = {77};
       f.mps_default_pipe_exists = true;
     },
     "mps-stray", Level::kWarning, "(PID 77) serves /tmp/nvidia-mps", "echo quit"},
    {"DaemonElsewhere", [](NodeFacts& f) { f.mps_daemons = {77}; }, "mps-stray", Level::kNote,
     "not at /tmp/nvidia-mps", ""},
    {"DeadDaemonsPipe", [](NodeFacts& f) { f.mps_default_pipe_exists = true; }, "mps-stray",
     Level::kNote, "left of an MPS daemon", ""},
    {"NoPlaceForPipes", [](NodeFacts& f) { f.temporary_writable = false; }, "temporary-folder",
     Level::kProblem, "/tmp is not writable", "TMPDIR"},
    {"FewProcessors",
     [](NodeFacts& f) {
       f.cpus = 16;
       f.cpu_quota = 1.5;
     },
     "cpus", Level::kWarning, "16 processors, of which the cgroup allows 1.5", "two processors"},
    {"Powersave", [](NodeFacts& f) { f.cpu_governor = "powersave"; }, "cpu-governor", Level::kNote,
     "powersave", "performance"},
    {"OwnPidNamespace", [](NodeFacts& f) { f.host_pids = false; }, "pid-namespace", Level::kNote,
     "PID namespace", "--pid=host"},
};

INSTANTIATE_TEST_SUITE_P(Table, Spoiled, testing::ValuesIn(kCases),
                         [](const auto& test) { return test.param.name; });

TEST(NodeChecks, WithoutADriverNothingIsSaidOfItsFunctions) {
  NodeFacts facts;
  facts.driver.error = unsupported("no driver");
  for (const Finding& finding : check_node(facts)) {
    EXPECT_NE(finding.id, "driver-functions");
    EXPECT_NE(finding.id, "checkpoint");
  }
}

TEST(NodeChecks, MissingCharLinksDoNotMatterWithoutSystemd) {
  NodeFacts facts = healthy();
  facts.device_nodes[0].char_link = false;
  for (const Finding& finding : check_node(facts)) EXPECT_NE(finding.id, "dev-char");
}

}  // namespace
}  // namespace corun::gpu
