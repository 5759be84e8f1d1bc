#include <gtest/gtest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "cli/doctor_report.h"
#include "cli/managed_checks.h"
#include "core/environment.h"
#include "golden.h"

namespace corun::cli {
namespace {

GpuInfo h100() {
  GpuInfo gpu;
  gpu.name = "NVIDIA H100 80GB HBM3";
  gpu.uuid = "GPU-1b4e28ba-2fa1-11d2-883f-0016d3cca427";
  gpu.driver = "580.159.04";
  gpu.cuda = "13.0";
  gpu.compute_major = 9;
  gpu.sm_count = 132;
  gpu.memory_bytes = 85520809984;
  gpu.max_sm_clock_mhz = 1980;
  gpu.compute_mode = "default";
  gpu.mig_mode = "disabled";
  return gpu;
}

/// A node on which some things are missing.
gpu::NodeFacts imperfect_node() {
  gpu::NodeFacts facts;
  facts.driver.path = "libcuda.so.1";
  facts.driver.version = 13000;
  facts.driver.versioned_lookup = facts.driver.checkpoint = true;
  facts.driver.stream_memory_ops = facts.driver.async_allocation = true;
  facts.driver_version = "580.159.04";
  gpu::GpuFacts gpu;
  gpu.info = h100();
  gpu.gpm = gpu.energy = gpu.events = true;
  gpu.persistence = false;
  facts.gpus.push_back(gpu);
  facts.mps_default_pipe = "/tmp/nvidia-mps";
  facts.temporary_folder = "/tmp";
  facts.temporary_writable = true;
  facts.cpus = 32;
  facts.programs = {{"docker", "/usr/bin/docker"}};
  facts.mps_error = unsupported("no MPS control program", "install the driver's compute utilities");
  return facts;
}

DoctorReport imperfect_report() {
  const std::vector<ModeVerdict> modes{
      {"exclusive", "each workload alone on the GPU in its turn", true, "", ""},
      {"time-slicing", "all at once, time-sliced by the driver (its default)", true, "", ""},
      {"mps", "all at once through one MPS server", false, "there is no nvidia-cuda-mps-control",
       "install the driver's compute utilities"},
  };
  return {{{h100(), modes}}, gpu::check_node(imperfect_node())};
}

TEST(Doctor, ANodeWithThingsMissingReadsLikeThis) {
  expect_golden("doctor-imperfect", to_text(imperfect_report()));
}

TEST(Doctor, ANodeWithoutADriverReadsLikeThis) {
  gpu::NodeFacts facts = imperfect_node();
  facts.gpus.clear();
  facts.driver = {};
  facts.driver.error =
      unsupported("no NVIDIA driver found: libcuda.so.1 cannot be loaded",
                  "install the NVIDIA driver R520 or newer, or use --gpu simulated");
  facts.nvml_error = facts.driver.error;
  const DoctorReport report = examine(facts);
  expect_golden("doctor-no-driver", to_text(report));
  EXPECT_EQ(verdict(report), ExitCode::kUnsupported);
}

TEST(Doctor, ManagedSharingReadsLikeThis) {
  gpu::NodeFacts node = imperfect_node();
  node.gpus[0].read_only_registration = true;
  ManagedFacts facts;
  facts.library = "/opt/corun/lib/libcorun.so";
  facts.slices[h100().uuid] = {client::SlicesState::kProven, "6000 us beside 2000 us gave 75.1 %"};
  modes::RunningDaemon daemon;
  daemon.status.gpu.uuid = h100().uuid;
  daemon.status.version = "0.1.0";
  daemon.status.pid = 4242;
  daemon.status.settings.policy = "priority";
  daemon.status.gpu_time = client::Label::kMeasured;
  facts.daemons = {daemon};
  expect_golden("doctor-managed", to_text({{}, managed_findings(node, facts)}));
  node.driver.stream_memory_ops = false;
  facts = {};
  facts.missing = unsupported("libcorun.so is missing beside corun", "build everything");
  facts.switches[h100().uuid] =
      unsupported("cannot open /dev/nvidiactl: No such file or directory");
  expect_golden("doctor-unmanaged", to_text({{}, managed_findings(node, facts)}));
}

TEST(Doctor, ContextSwitchesAreReadableOrNotForAReason) {
  const gpu::NodeFacts node = imperfect_node();
  const auto finding = [&node](const ManagedFacts& facts) {
    for (auto& one : managed_findings(node, facts)) {
      if (one.id == "gpu0.switches") return one;
    }
    return gpu::Finding{};
  };
  ManagedFacts facts;
  facts.switches[h100().uuid] = Status();
  facts.root = true;
  EXPECT_EQ(finding(facts).level, gpu::Finding::Level::kOk);
  EXPECT_EQ(finding(facts).text.find("root"), std::string::npos);
  facts.root = false;
  EXPECT_NE(finding(facts).text.find("for root only"), std::string::npos);
  modes::RunningDaemon daemon;
  daemon.status.gpu.uuid = h100().uuid;
  daemon.status.gpu_time_why = "clients of MPS share one context on the GPU";
  facts.daemons = {daemon};
  EXPECT_EQ(finding(facts).level, gpu::Finding::Level::kNote);
  EXPECT_EQ(finding(facts).text,
            "GPU time is estimated: clients of MPS share one context on the GPU");
}

TEST(Doctor, SaysHowToGetTheProgramThatNeedsLibTorch) {
  EXPECT_EQ(training_finding(true).level, gpu::Finding::Level::kOk);
  EXPECT_EQ(training_finding(false).level, gpu::Finding::Level::kNote);
  EXPECT_NE(training_finding(false).fix.find("tools/install_deps.sh torch"), std::string::npos);
}

TEST(Doctor, NoLineIsLongerThanAHundredColumns) {
  size_t width = 0;
  for (const char c : to_text(imperfect_report())) {
    width = c == '\n' ? 0 : width + 1;
    ASSERT_LE(width, 100U);
  }
}

TEST(Doctor, EveryModeIsAskedAboutEveryGpu) {
  gpu::NodeFacts facts = imperfect_node();
  facts.gpus.push_back(facts.gpus[0]);
  const DoctorReport report = examine(facts);
  ASSERT_EQ(report.gpus.size(), 2U);
  EXPECT_EQ(report.gpus[1].modes.at(0).mode, "exclusive");
  EXPECT_TRUE(report.gpus[1].modes.at(0).possible);
}

TEST(Doctor, AGpuInExclusiveProcessModeCannotBeShared) {
  gpu::NodeFacts facts = imperfect_node();
  facts.gpus[0].info.compute_mode = "prohibited";
  EXPECT_EQ(verdict(examine(facts)), ExitCode::kUnsupported);
}

TEST(Doctor, AShareableGpuIsExitCodeZero) {
  EXPECT_EQ(verdict(examine(imperfect_node())), ExitCode::kOk);
}

TEST(Doctor, TheJsonHasTheSameContent) {
  const Json json = to_json(imperfect_report());
  EXPECT_EQ(json["schema"], 1);
  EXPECT_EQ(json["simulated"], false);
  EXPECT_EQ(json["gpus"][0]["modes"][2]["mode"], "mps");
  EXPECT_EQ(json["gpus"][0]["modes"][2]["possible"], false);
  EXPECT_EQ(json["gpus"][0]["modes"][2]["fix"], "install the driver's compute utilities");
  EXPECT_EQ(json["checks"].size(), imperfect_report().findings.size());
}

TEST(Doctor, ASimulatedGpuIsSaidToBeOne) {
  DoctorReport report = imperfect_report();
  report.gpus[0].gpu.simulated = true;
  EXPECT_EQ(to_text(report).rfind("SIMULATED GPU 0:", 0), 0U);
  EXPECT_EQ(to_json(report)["simulated"], true);
}

TEST(Doctor, WithoutADriverTheVerbPrintsJsonAndExitsWithThree) {
  setenv(kEnvDriverDir, "/nowhere", 1);
  const Ran ran = run("doctor --json");
  unsetenv(kEnvDriverDir);
  EXPECT_EQ(ran.code, 3);
  const auto json = parse_json(ran.out, "doctor");
  ASSERT_TRUE(json);
  EXPECT_EQ((*json)["checks"][0]["id"], "driver");
  EXPECT_EQ((*json)["checks"][0]["level"], "problem");
  EXPECT_EQ(ran.err, "");
}

TEST(Doctor, AnUnknownOptionIsAUsageError) {
  const Ran ran = run("doctor --xml");
  EXPECT_EQ(ran.code, 2);
  EXPECT_NE(ran.err.find("--xml"), std::string::npos);
}

TEST(Doctor, AnUnknownNodeIsAUsageError) {
  const Ran ran = run("doctor --gpu imaginary");
  EXPECT_EQ(ran.code, 2);
  EXPECT_NE(ran.err.find("'imaginary'"), std::string::npos);
}

TEST(Doctor, TheRealNodeIsExaminedWhateverTheEnvironmentNames) {
  setenv(kEnvDriverDir, "/nowhere", 1);
  const Ran ran = run("doctor --gpu real");
  EXPECT_EQ(ran.out.find("/nowhere"), std::string::npos);
  EXPECT_FALSE(environment(kEnvDriverDir));
}

}  // namespace
}  // namespace corun::cli
