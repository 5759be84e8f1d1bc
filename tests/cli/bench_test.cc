// What `corun bench` says before anything runs.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "core/files.h"
#include "golden.h"

namespace corun::cli {
namespace {

TEST(BenchDryRun, PrintsCellsInTheirOrderAndTheTime) {
  Ran ran = run("bench --mode exclusive,time-slicing,mps --workloads 1,4 --reps 2 --dry-run");
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(ran.err, "");
  expect_golden("bench-dry-run", ran.out);
}

TEST(BenchDryRun, IsJsonOnRequest) {
  Ran ran = run("bench --mode time-slicing --workloads 2 --quick --dry-run --json");
  EXPECT_EQ(ran.code, 0) << ran.err;
  expect_golden("bench-dry-run-json", ran.out);
}

TEST(BenchDryRun, AMixIsRepeatedToTheWorkloadsAskedFor) {
  Ran ran = run("bench --mode mps --mix scaling --workloads 1,2 --reps 1 --dry-run");
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_NE(ran.out.find("b0.mps.scaling-2"), std::string::npos) << ran.out;
}

struct Bad {
  const char* line;
  const char* error;  ///< the one line, without its beginning
};

class BadBench : public testing::TestWithParam<Bad> {};

TEST_P(BadBench, IsOneLineAndExitCodeTwo) {
  Ran ran = run(std::string("bench ") + GetParam().line);
  EXPECT_EQ(ran.code, 2);
  EXPECT_EQ(ran.out, "");
  EXPECT_EQ(ran.err, std::string("corun: error: ") + GetParam().error + "\n");
}

INSTANTIATE_TEST_SUITE_P(
    All, BadBench,
    testing::Values(
        Bad{"--mode time-slcing", "unknown mode 'time-slcing'; did you mean 'time-slicing'?"},
        Bad{"--mode mps,mps", "mode 'mps' is given twice; name each once"},
        Bad{"--mode ,", "--mode needs a mode; use 'all' or a name"},
        Bad{"--modes mps", "unknown option '--modes'; did you mean '--mode'?"},
        Bad{"mps", "unexpected argument 'mps'; see 'corun bench --help'"},
        Bad{"--mode", "--mode: 1 required TEXT missing; see 'corun bench --help'"},
        Bad{"--workloads 0", "--workloads '0' is not a whole number from 1 to 64"},
        Bad{"--workloads four", "--workloads 'four' is not a whole number from 1 to 64"},
        Bad{"--reps 1,2", "--reps takes one number"},
        Bad{"--seed x", "--seed 'x' is not a whole number from 0 to 2147483647"},
        Bad{"--duration 5",
            "--duration: '5' is not a duration; write it with its unit, like 30s, 500ms or 2m"},
        Bad{"--duration 1us", "--duration 1us is not a measured window; use 200ms to 24h"},
        Bad{"--mix no-such-mix-at-all-here",
            "unknown mix 'no-such-mix-at-all-here'; use a file, or one of: adversarial, "
            "all-mixed, diurnal-replay, http-serve-beside-training, infer-train, "
            "llm-embedding, pair-infer-train, reference-bert-gpt2, "
            "reference-bert-transformer, reference-eager-resnet50, reference-resnet50, "
            "reference-training-pair, replay-bert-gpt2, replay-bert-resnet50, "
            "saturating-pair, scaling, serve-beside-1ms, "
            "serve-beside-5ms, serve-beside-training, seven-small-infers, six-notebooks, "
            "torch-all-mixed, torch-infer-train, torch-llm-embedding, "
            "torch-seven-small-infers, torch-two-trainings, two-trainings, weights-3-1, "
            "weights-3-1-1"},
        Bad{"--mix scalng", "unknown mix 'scalng'; did you mean 'scaling'?"},
        Bad{"--mix scaling,scaling", "mix 'scaling' is given twice; name each once"},
        Bad{"--tenant x", "--tenant 'x' has no '='; write --tenant NAME='COMMAND ...'"},
        Bad{"--tenant a=true --tenant a=true",
            "two --tenant are named 'a'; give each its own name"},
        Bad{"--tenant a=true --mix scaling",
            "--tenant and --mix exclude each other; add the command to the mix file instead"},
        Bad{"--tenant a=no-such-program",
            "workload 'a': no program 'no-such-program'; give a path, or a program in PATH"},
        Bad{"--gpu fake",
            "--gpu 'fake' is not a node; use auto, real, simulated or simulated:PROFILE"},
        Bad{"--out a --resume b",
            "--out and --resume exclude each other; --resume goes on in its folder"},
        Bad{"--resume /nowhere",
            "/nowhere holds no run that can be resumed; give a folder that 'corun bench' has "
            "written"}));

TEST(BenchMixFile, AnErrorInItHasFileLineAndColumn) {
  auto folder = TemporaryFolder::create("corun-mix-");
  ASSERT_TRUE(folder);
  std::filesystem::path file = folder->path() / "bad.yaml";
  ASSERT_TRUE(write_file_atomically(file, "workloads:\n  - name: a\n    comand: x\n"));
  Ran ran = run("bench --mix " + file.string());
  EXPECT_EQ(ran.code, 2);
  EXPECT_EQ(ran.err, "corun: error: " + file.string() +
                         ":3:5: unknown key 'comand'; did you mean 'command'?\n");
}

TEST(Report, NeedsAFolderWithResults) {
  EXPECT_EQ(run("report").err, "corun: error: which results folder?; write 'corun report DIR'\n");
  Ran ran = run("report /nowhere");
  EXPECT_EQ(ran.code, 2);
  EXPECT_EQ(ran.err.rfind("corun: error: ", 0), 0U);
}

}  // namespace
}  // namespace corun::cli
