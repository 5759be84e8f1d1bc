// `corun bench` as a user runs it, on a simulated GPU of its own.
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <string>

#include "benchmarking/results_folder.h"
#include "core/environment.h"
#include "core/files.h"
#include "core/process.h"
#include "core/wait.h"

namespace corun::cli {
namespace {

namespace fs = std::filesystem;
using benchmarking::CellRecord;
using benchmarking::Results;

constexpr Nanos kBenchPatience = std::chrono::seconds(100);

class SimulatedBench : public testing::Test {
 protected:
  SimulatedBench() : folder_(TemporaryFolder::create("corun-bench-").value()) {}

  fs::path out() const { return folder_.path() / "out"; }

  ProcessOptions corun(const std::vector<std::string>& arguments) const {
    ProcessOptions options;
    options.argv = {(fs::path(CORUN_BINARY_DIR) / "bin/corun").string()};
    options.argv.insert(options.argv.end(), arguments.begin(), arguments.end());
    options.unset_env = {kEnvSimNode, kEnvDriverDir};
    options.set_env["XDG_RUNTIME_DIR"] = folder_.path().string();
    return options;
  }

  CommandOutput ran(const std::vector<std::string>& arguments) const {
    auto output = run_command(corun(arguments), kBenchPatience);
    EXPECT_TRUE(output) << output.error().text();
    return output ? *output : CommandOutput();
  }

  /// No plan is in force, and no mode's folder is left.
  bool runtime_dir_is_clean() const {
    fs::path runtime = folder_.path() / "corun";
    if (!fs::exists(runtime)) return true;
    for (const auto& entry : fs::directory_iterator(runtime)) {
      if (entry.path().filename() != "applied" || !fs::is_empty(entry.path())) return false;
    }
    return true;
  }

  TemporaryFolder folder_;
};

std::vector<std::string> with_out(std::vector<std::string> arguments, const fs::path& out) {
  arguments.push_back("--out");
  arguments.push_back(out.string());
  return arguments;
}

const std::vector<std::string> kSmall{
    "bench",       "--quick", "--gpu",  "simulated",
    "--workloads", "2",       "--mode", "exclusive,time-slicing,mps,managed,managed-mps",
    "--duration",  "400ms"};

TEST_F(SimulatedBench, EveryModeGivesRowsATableAndAReport) {
  CommandOutput output = ran(with_out(kSmall, out()));
  EXPECT_EQ(output.status.code, 0) << output.err << output.out;
  EXPECT_NE(output.out.find("SIMULATED"), std::string::npos) << output.out;
  EXPECT_TRUE(fs::exists(out() / "report.html"));
  auto results = benchmarking::load_results(out());
  ASSERT_TRUE(results) << results.error().text();
  EXPECT_EQ(results->cells.size(), 5U + 2U * 2U);
  for (const CellRecord& cell : results->cells) {
    EXPECT_TRUE(cell.valid) << cell.cell << ": " << cell.reason;
    EXPECT_TRUE(cell.simulated);
  }
  for (const ResultRow& row : results->rows) {
    EXPECT_GT(row.throughput.value_or(0), 0) << row.cell << " " << row.workload;
    EXPECT_EQ(row.checksum_ok, true) << row.cell << " " << row.workload;
    ASSERT_EQ(row.managed.has_value(), row.mode.starts_with("managed")) << row.cell;
    if (!row.managed) continue;
    EXPECT_GT(row.managed->launches + row.managed->graph_launches, 0U) << row.cell;
    EXPECT_EQ(row.managed->slice_sets > 0, row.mode == "managed") << row.cell;
  }
  EXPECT_TRUE(runtime_dir_is_clean());
}

// Reads until `text` was seen or the stream ended.
bool wait_for_text(int fd, const std::string& text) {
  std::string seen;
  Instant deadline = monotonic_now() + kBenchPatience;
  while (seen.find(text) == std::string::npos && monotonic_now() < deadline) {
    if (!wait_readable({&fd, 1}, deadline)[0]) return false;
    char buffer[4096];
    ssize_t got = read(fd, buffer, sizeof buffer);
    if (got == 0) return false;
    if (got > 0) seen.append(buffer, static_cast<size_t>(got));
  }
  return seen.find(text) != std::string::npos;
}

TEST_F(SimulatedBench, CtrlCLeavesNothingBehindAndResumeGoesOn) {
  ProcessOptions options = corun(with_out({"bench", "--quick", "--gpu", "simulated", "--workloads",
                                           "2", "--mode", "mps", "--duration", "400ms"},
                                          out()));
  options.err = Stream::pipe();
  options.out = Stream::null();
  auto process = Process::start(options);
  ASSERT_TRUE(process) << process.error().text();
  ASSERT_TRUE(wait_for_text(process->err_fd(), "[3/5] mps"));
  process->signal(SIGINT);
  auto status = process->wait(kBenchPatience);
  ASSERT_TRUE(status);
  EXPECT_EQ(status->code, 1) << status->text();
  EXPECT_TRUE(process->pids().empty()) << "processes are left over";
  EXPECT_TRUE(runtime_dir_is_clean());
  auto kept = benchmarking::load_results(out());
  ASSERT_TRUE(kept) << kept.error().text();
  EXPECT_EQ(kept->cells.size(), 2U);

  CommandOutput resumed = ran({"bench", "--resume", out().string()});
  EXPECT_EQ(resumed.status.code, 0) << resumed.err;
  auto all = benchmarking::load_results(out());
  ASSERT_TRUE(all);
  EXPECT_EQ(all->cells.size(), 2U + 5U);
  CommandOutput again = ran({"bench", "--resume", out().string()});
  EXPECT_EQ(again.status.code, 0) << again.err;
  EXPECT_NE(again.err.find("0 cells"), std::string::npos) << again.err;
}

TEST_F(SimulatedBench, AfterASigkillNothingRunsOnAndTheNextRunUndoesTheMode) {
  std::vector<std::string> line{"bench", "--quick", "--gpu", "simulated",  "--workloads",
                                "1",     "--mode",  "mps",   "--duration", "60s"};
  ProcessOptions options = corun(with_out(line, out()));
  options.argv.insert(options.argv.end(), {"--mix", "scaling"});
  options.err = Stream::pipe();
  options.out = Stream::null();
  // The solo run comes first: its window is as long, so the plan in force is the exclusive one.
  auto process = Process::start(options);
  ASSERT_TRUE(process) << process.error().text();
  ASSERT_TRUE(wait_for_text(process->err_fd(), "[1/3] solo"));
  fs::path applied = folder_.path() / "corun/applied";
  Instant deadline = monotonic_now() + kBenchPatience;
  auto pause = [] { wait_readable({}, monotonic_now() + std::chrono::milliseconds(20)); };
  while (!fs::exists(applied) || fs::is_empty(applied)) {
    ASSERT_LT(monotonic_now(), deadline);
    pause();
  }
  kill(process->pid(), SIGKILL);
  ASSERT_TRUE(process->wait(kBenchPatience));
  while (!process->pids().empty()) {
    ASSERT_LT(monotonic_now(), deadline) << "processes are left over";
    pause();
  }
  CommandOutput next = ran(with_out({"bench", "--quick", "--gpu", "simulated", "--workloads", "1",
                                     "--mode", "exclusive", "--duration", "300ms"},
                                    folder_.path() / "next"));
  EXPECT_EQ(next.status.code, 0) << next.err;
  EXPECT_NE(next.err.find("left behind"), std::string::npos) << next.err;
  EXPECT_TRUE(runtime_dir_is_clean());
}

TEST_F(SimulatedBench, ExhaustedGpuMemoryVoidsTheCellWithTheReason) {
  CommandOutput output =
      ran(with_out({"bench", "--quick", "--gpu", "simulated", "--mode", "time-slicing",
                    "--duration", "300ms", "--tenant", "a=corun-synthetic train --memory 60GiB",
                    "--tenant", "b=corun-synthetic train --memory 40GiB"},
                   out()));
  EXPECT_EQ(output.status.code, 1);
  EXPECT_NE(output.err.find("out of memory"), std::string::npos) << output.err;
  auto results = benchmarking::load_results(out());
  ASSERT_TRUE(results);
  EXPECT_EQ(results->cells.size(), 5U);  // the solo runs fit, and are kept
}

TEST_F(SimulatedBench, AnyCommandIsATenant) {
  CommandOutput output = ran(with_out(
      {"bench", "--quick", "--gpu", "simulated", "--mode", "time-slicing", "--duration", "400ms",
       "--tenant", "a=corun-synthetic train", "--tenant", "b=sleep 1000", "--ready-after", "100ms"},
      out()));
  EXPECT_EQ(output.status.code, 0) << output.err << output.out;
}

TEST_F(SimulatedBench, AnotherPlanIsNotResumed) {
  ASSERT_EQ(ran(with_out({"bench", "--quick", "--gpu", "simulated", "--workloads", "1", "--mode",
                          "exclusive", "--duration", "300ms"},
                         out()))
                .status.code,
            0);
  CommandOutput output =
      ran({"bench", "--quick", "--gpu", "simulated", "--workloads", "1", "--mode", "exclusive",
           "--duration", "300ms", "--seed", "2", "--resume", out().string()});
  EXPECT_EQ(output.status.code, 2);
  EXPECT_NE(output.err.find("'seed' differs"), std::string::npos) << output.err;
}

TEST_F(SimulatedBench, WithoutARealGpuRealIsNotSupported) {
  if (fs::exists("/dev/nvidia0")) GTEST_SKIP() << "this machine has a GPU";
  CommandOutput output = ran({"bench", "--gpu", "real", "--workloads", "1"});
  EXPECT_EQ(output.status.code, 3);
  EXPECT_EQ(output.err.rfind("corun: error: no real GPU: ", 0), 0U) << output.err;
  EXPECT_EQ(std::count(output.err.begin(), output.err.end(), '\n'), 1) << output.err;
}

TEST_F(SimulatedBench, AnUnknownProfileIsOneLine) {
  CommandOutput output = ran({"bench", "--gpu", "simulated:h999", "--workloads", "1"});
  EXPECT_NE(output.status.code, 0);
  EXPECT_NE(output.err.find("unknown GPU profile h999"), std::string::npos) << output.err;
}

}  // namespace
}  // namespace corun::cli
