#include "modes/managed.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include "modes/engine_files.h"
#include "modes/managed_check.h"
#include "tests/modes/mode_fixture.h"

namespace corun::modes {
namespace {

using client::Label;

TEST_F(ModeTest, AMissingPartOfTheEngineIsNamed) {
  const auto bin = node() / "bin";
  std::filesystem::create_directories(bin);
  std::filesystem::create_directories(node() / "lib");
  EXPECT_THAT(find_engine_files(bin).error().what,
              testing::StartsWith("libcorun.so is missing beside corun (looked for"));
  ASSERT_TRUE(write_file_atomically(node() / "lib/libcorun.so", "x"));
  EXPECT_THAT(find_engine_files(bin).error().what, testing::StartsWith("corund is missing"));
  ASSERT_TRUE(write_file_atomically(bin / "corund", "x"));
  const auto files = find_engine_files(bin);
  ASSERT_TRUE(files);
  EXPECT_EQ(files->library, node() / "lib/libcorun.so");
  EXPECT_EQ(files->daemon, bin / "corund");
}

TEST_F(ModeTest, ADriverOlderThanTheTablesIsRefused) {
  GpuInfo old = gpu();
  old.cuda = "11.7";
  const Status status = check_managed_driver(old);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().kind, ErrorKind::kUnsupported);
  EXPECT_EQ(status.error().what, "the driver's CUDA 11.7 is older than 11.8");
}

TEST(WorkloadEdits, AShareBecomesTheVariablesOfTheShim) {
  Share share;
  share.workload = "serve";
  share.service_class = ServiceClass::kLatencyCritical;
  share.weight = 2.5;
  share.memory_limit_bytes = 1 << 30;
  share.latency_target_ms = 5;
  const Edits edits = workload_edits({"/lib/libcorun.so", "/bin/corund"}, "/run/x", share);
  const std::map<std::string, std::string> expected{
      {"CORUN_RUN_DIR", "/run/x"},         {"CORUN_NAME", "serve"},
      {"CORUN_CLASS", "latency-critical"}, {"CORUN_WEIGHT", "2.5"},
      {"CORUN_MEMORY", "1073741824"},      {"CORUN_LATENCY_TARGET_US", "5000"}};
  EXPECT_EQ(edits.env, expected);
  EXPECT_EQ(edits.prepend_env.at("LD_PRELOAD"), "/lib/libcorun.so");
}

TEST(WorkloadEdits, ContainersOfAClassHaveNamesOfTheirOwn) {
  const Edits edits =
      class_edits({"/lib/libcorun.so", "/bin/corund"}, "/run/x", ServiceClass::kBestEffort);
  const std::map<std::string, std::string> expected{
      {"CORUN_RUN_DIR", "/run/x"}, {"CORUN_CLASS", "best-effort"}, {"CORUN_NAME_HOST", "1"}};
  EXPECT_EQ(edits.env, expected);
  for (const Edits::Mount& mount : edits.mounts) EXPECT_TRUE(mount.read_only) << mount.host_path;
}

client::DaemonStatus status_with(int pid, uint32_t slice_us, double slice_sets) {
  client::DaemonStatus status;
  status.backend = "slices";
  status.uptime_s = 10;
  client::WorkloadStatus workload;
  workload.name = "a";
  client::SessionStatus session;
  session.pid = pid;
  session.slice_us = slice_us;
  workload.sessions = {session};
  workload.figures = {{"launches", 100, Label::kMeasured},
                      {"slice_sets", slice_sets, Label::kMeasured},
                      {"slice_us", slice_us, Label::kGranted}};
  status.workloads = {workload};
  return status;
}

TEST(CheckSessions, ATenantIsFoundByAnyOfItsProcesses) {
  EXPECT_TRUE(check_sessions(status_with(12, 0, 0), std::vector<Tenant>{{"a", {11, 12}}}));
}

TEST(CheckSessions, ATenantThatNeverLoadedTheDriverNeedsNoSession) {
  EXPECT_TRUE(check_sessions(status_with(12, 0, 0), std::vector<Tenant>{{"b", {getpid()}}}));
}

TEST(CheckSessions, SlicesThatAreOnlyOrderedVoidTheCell) {
  const std::vector<Tenant> tenants{{"a", {12}}};
  EXPECT_TRUE(check_sessions(status_with(12, 6000, 4), tenants));
  const Status only_ordered = check_sessions(status_with(12, 6000, 0), tenants);
  ASSERT_FALSE(only_ordered);
  EXPECT_EQ(only_ordered.error().what,
            "workload a has not set the slice that corund ordered (0 refused)");
  client::DaemonStatus blind = status_with(12, 6000, 4);
  blind.workloads[0].sessions[0].flags = {"no-channel-groups"};
  EXPECT_FALSE(check_sessions(blind, tenants));
}

TEST(ManagedFiguresOf, TellWhatActedOnTheWorkload) {
  const std::vector<Tenant> tenants{{"tenant", {12}}};
  const auto mechanism = [&](const client::DaemonStatus& status) {
    return figures_of(status, tenants).at("tenant").mechanism;
  };
  client::DaemonStatus status = status_with(12, 6000, 4);
  EXPECT_EQ(mechanism(status), "slices");
  status.workloads[0].sessions[0].armed = {0};
  EXPECT_EQ(mechanism(status), "slices and gate");
  status.backend = "mps";
  EXPECT_EQ(mechanism(status), "gate");
  EXPECT_EQ(mechanism(status_with(12, 0, 0)), "none");
  EXPECT_EQ(figures_of(status, tenants).at("tenant").launches, 100U);
  EXPECT_TRUE(figures_of(status, std::vector<Tenant>{{"other", {1}}}).empty());
}

}  // namespace
}  // namespace corun::modes
