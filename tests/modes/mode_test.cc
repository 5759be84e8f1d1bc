#include "modes/mode.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "core/process.h"
#include "modes/common.h"
#include "tests/core/process_helpers.h"
#include "tests/modes/mode_fixture.h"

namespace corun::modes {
namespace {

using testing::IsEmpty;

TEST_F(ModeTest, AnUnknownModeNamesTheKnownOnes) {
  const auto found = find_mode("magic");
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().kind, ErrorKind::kUsage);
  EXPECT_EQ(found.error().text(),
            "unknown mode 'magic'; use one of exclusive, time-slicing, mps, mps-priority, "
            "managed, managed-mps");
}

TEST_F(ModeTest, OnlyExclusiveTakesTurns) {
  for (const auto& m : all_modes()) EXPECT_EQ(m->takes_turns(), m->name() == "exclusive");
}

TEST_F(ModeTest, WhatANodeCannotDoIsSaidWithTheFix) {
  const struct {
    const char* mode;
    const char* compute_mode;
    const char* mig_mode;
    int major;
    const char* error;  // null: possible
  } cases[] = {
      {"time-slicing", "default", "disabled", 9, nullptr},
      {"time-slicing", "default", "not-supported", 6, nullptr},
      {"time-slicing", "exclusive-process", "disabled", 9,
       "GPU 0 is in compute mode exclusive-process; nvidia-smi -i 0 -c DEFAULT changes it"},
      {"exclusive", "prohibited", "disabled", 9,
       "GPU 0 is in compute mode prohibited; nvidia-smi -i 0 -c DEFAULT changes it"},
      {"exclusive", "default", "enabled", 9,
       "GPU 0 is in MIG mode; nvidia-smi -i 0 -mig 0 turns it off"},
      {"mps", "exclusive-process", "disabled", 9, nullptr},
      {"mps", "default", "disabled", 6, "Test GPU (compute capability 6.0) is older than Volta"},
  };
  for (const auto& c : cases) {
    GpuInfo here = gpu();
    here.compute_mode = c.compute_mode;
    here.mig_mode = c.mig_mode;
    here.compute_major = c.major;
    const Status status = mode(c.mode)->can(here);
    EXPECT_EQ(status.has_value(), c.error == nullptr) << c.mode << " " << c.compute_mode;
    if (status || c.error == nullptr) continue;
    EXPECT_EQ(status.error().kind, ErrorKind::kUnsupported);
    EXPECT_EQ(status.error().text(), c.error);
  }
}

TEST_F(ModeTest, MpsWithoutItsControlProgramIsUnsupported) {
  std::filesystem::remove(driver() / "nvidia-cuda-mps-control");
  const Status status = mode("mps")->can(gpu());
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().text(), driver().string() + " has no nvidia-cuda-mps-control");
}

TEST_F(ModeTest, SharesThatDoNotFitAreUsageErrors) {
  const auto error_of = [](auto change) {
    auto wanted = shares();
    change(wanted);
    const auto plan = mode("mps")->plan(gpu(), wanted);
    if (plan) return std::string("planned");
    EXPECT_EQ(plan.error().kind, ErrorKind::kUsage);
    return plan.error().text();
  };
  EXPECT_EQ(error_of([](auto&) {}), "planned");
  EXPECT_EQ(error_of([](auto& s) { s.clear(); }), "a mode needs at least one workload");
  EXPECT_EQ(error_of([](auto& s) { s[1].workload = "a"; }), "workload a is there twice");
  EXPECT_EQ(error_of([](auto& s) { s[0].weight = 0; }), "workload a: the weight must be above 0");
  EXPECT_EQ(error_of([](auto& s) { s[0].thread_percentage = 101; }),
            "workload a: a thread percentage of 101; use 1 to 100");
  EXPECT_EQ(error_of([](auto& s) { s[0].memory_limit_bytes = 1000; }),
            "workload a: a memory limit below 1MiB");
  EXPECT_EQ(error_of([](auto& s) {
              for (auto& share : s) share.memory_limit_bytes = uint64_t{41} << 30;
            }),
            "memory limits of 82 GiB exceed the 80 GiB of Test GPU");
}

class WithoutMps : public ModeTest, public testing::WithParamInterface<const char*> {};
INSTANTIATE_TEST_SUITE_P(Modes, WithoutMps, testing::Values("exclusive", "time-slicing"));

TEST_P(WithoutMps, TheWholeLifeLeavesNothingBehind) {
  auto m = mode(GetParam());
  const auto plan = m->plan(gpu(), shares());
  ASSERT_TRUE(plan);
  ASSERT_TRUE(m->apply(*plan));
  const auto edits = m->edits(*plan, plan->shares[0]);
  const std::string pipe = edits.env.at("CUDA_MPS_PIPE_DIRECTORY");
  EXPECT_TRUE(std::filesystem::is_empty(pipe));
  struct stat info = {};
  ASSERT_EQ(stat(pipe.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0700U);
  EXPECT_EQ(edits.env.at("CUDA_VISIBLE_DEVICES"), "GPU-1");
  EXPECT_TRUE(m->check(*plan, {}));
  ASSERT_TRUE(m->undo(*plan));
  EXPECT_TRUE(m->undo(*plan)) << "idempotent";
  EXPECT_THAT(left_over(), IsEmpty());
}

TEST_P(WithoutMps, ATenantOfAStrayDaemonIsFound) {
  auto m = mode(GetParam());
  const auto plan = m->plan(gpu(), shares());
  ASSERT_TRUE(plan);
  ASSERT_TRUE(m->apply(*plan));
  const auto stray = node() / "stray";
  std::filesystem::create_directory(stray);
  ProcessOptions options;
  options.argv = {"sh", "-c", "echo up; exec sleep 1000"};
  options.out = Stream::pipe();
  options.set_env = m->edits(*plan, plan->shares[0]).env;
  auto good = Process::start(options);
  options.set_env["CUDA_MPS_PIPE_DIRECTORY"] = stray.string();
  auto bad = Process::start(options);
  ASSERT_TRUE(good && bad);
  read_line(good->out_fd());
  read_line(bad->out_fd());
  const std::vector<Tenant> tenants{{"a", good->pids()}, {"b", bad->pids()}};
  EXPECT_TRUE(m->check(*plan, tenants)) << "no daemon there";
  ASSERT_TRUE(write_file_atomically(stray / "control", ""));
  const Status status = m->check(*plan, tenants);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().what, "workload b (PID " + std::to_string(bad->pid()) +
                                     ") may be a client of the MPS daemon in " + stray.string());
  ASSERT_TRUE(m->undo(*plan));
}

}  // namespace
}  // namespace corun::modes
