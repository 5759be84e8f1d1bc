// `corun run` and its kin as a user types them, on a simulated GPU that the runs share.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <deque>
#include <nlohmann/json.hpp>

#include "core/environment.h"
#include "core/files.h"
#include "core/json.h"
#include "core/process.h"
#include "core/process_tree.h"
#include "core/wait.h"
#include "core/wire/join.h"

namespace corun::cli {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::StartsWith;

constexpr Nanos kPatience = std::chrono::seconds(60);

class SimulatedRun : public testing::Test {
 protected:
  SimulatedRun() : folder_(TemporaryFolder::create("corun-run-").value()) {}
  ~SimulatedRun() override {
    // The holder of the last run ends by itself.
    EXPECT_TRUE(eventually([this] { return !holder() && is_clean(); }));
  }

  ProcessOptions corun(const std::vector<std::string>& arguments) const {
    ProcessOptions options;
    options.argv = {CORUN_BINARY_DIR "/bin/corun"};
    options.argv.insert(options.argv.end(), arguments.begin(), arguments.end());
    options.unset_env = {kEnvSimNode, kEnvDriverDir, wire::kEnvRunDir, "LD_PRELOAD"};
    options.set_env["XDG_RUNTIME_DIR"] = folder_.path().string();
    options.set_env["TMPDIR"] = folder_.path().string();
    return options;
  }
  /// To its end. The holder that it may have started lives on: until the fixture's end, since a
  /// Process takes all its descendants with it.
  CommandOutput ran(ProcessOptions options) {
    const std::string number = std::to_string(processes_.size());
    options.out = Stream::file(folder_.path() / ("out" + number));
    options.err = Stream::file(folder_.path() / ("err" + number));
    auto process = Process::start(options);
    EXPECT_TRUE(process) << process.error().text();
    if (!process) return {};
    processes_.push_back(std::move(*process));
    const auto status = processes_.back().wait(kPatience);
    EXPECT_TRUE(status) << "it does not end";
    return {status.value_or(ExitStatus{}), read_file(options.out.path).value_or(""),
            read_file(options.err.path).value_or("")};
  }
  Process& started(const ProcessOptions& options) {
    processes_.push_back(Process::start(options).value());
    return processes_.back();
  }
  CommandOutput ran(const std::vector<std::string>& arguments) { return ran(corun(arguments)); }
  CommandOutput ran_shell(const std::string& script, std::vector<std::string> options = {}) {
    std::vector<std::string> arguments{"run", "--gpu", "simulated"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    arguments.insert(arguments.end(), {"--", "sh", "-c", script});
    return ran(arguments);
  }

  fs::path place() const { return folder_.path() / "corun/runs-simulated-h100"; }
  std::optional<pid_t> holder() const {
    const auto held = read_json_file(place() / "held.json");
    return held ? std::optional((*held)["holder"]["pid"].get<pid_t>()) : std::nullopt;
  }
  /// No plan is in force, and no mode's folder is left.
  bool is_clean() const {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder_.path() / "corun", error)) {
      if (entry.path() == place()) continue;
      if (entry.path().filename() != "applied" || !fs::is_empty(entry.path())) return false;
    }
    return true;
  }
  template <typename Reached>
  static bool eventually(Reached reached) {
    const Instant deadline = monotonic_now() + kPatience;
    while (!reached()) {
      if (monotonic_now() >= deadline) return false;
      sleep_until(monotonic_now() + std::chrono::milliseconds(20));
    }
    return true;
  }

  TemporaryFolder folder_;
  std::deque<Process> processes_;  ///< references stay
};

TEST_F(SimulatedRun, TheContainerOfACommandIsTheWorkload) {
  const fs::path engine = folder_.path() / "podman";
  ASSERT_TRUE(
      write_file_atomically(engine, "#!/bin/sh\nprintf '%s\\n' \"$@\" \"own:$CORUN_NAME\"\n"));
  fs::permissions(engine, fs::perms::owner_all);
  const auto run = [&](const std::vector<std::string>& command) {
    std::vector<std::string> all{"run", "--gpu", "simulated", "--name", "boxed", "--", engine};
    all.insert(all.end(), command.begin(), command.end());
    return ran(all);
  };
  const CommandOutput plain = run({"run", "--rm", "image"});
  EXPECT_EQ(plain.status.code, 0) << plain.err;
  EXPECT_THAT(plain.err, HasSubstr("boxed (normal, in a container) runs under managed"));
  EXPECT_THAT(plain.out, StartsWith("run\n--env\n"));
  EXPECT_THAT(plain.out, HasSubstr("--env\nCORUN_NAME=boxed\n"));
  EXPECT_THAT(plain.out, HasSubstr("LD_PRELOAD=" CORUN_BINARY_DIR "/lib/libcorun.so:"));
  EXPECT_THAT(plain.out, HasSubstr("/corun:ro\n"));
  EXPECT_THAT(plain.out, HasSubstr("--rm\nimage\nown:\n"));  // podman itself is no workload
  const CommandOutput detached = run({"run", "--detach", "image"});
  EXPECT_EQ(detached.status.code, 2);
  EXPECT_THAT(detached.err, HasSubstr("leave --detach out"));
}

TEST_F(SimulatedRun, TheCommandsOutputAndExitCodeAreItsOwn) {
  const CommandOutput output = ran_shell("echo out; echo err >&2; exit 7", {"--name", "a"});
  EXPECT_EQ(output.status.code, 7);
  EXPECT_EQ(output.out, "out\n");
  EXPECT_THAT(output.err, StartsWith("corun: a (normal) runs under managed ("));
  EXPECT_THAT(output.err, HasSubstr("SIMULATED GPU 0"));
  EXPECT_THAT(output.err, HasSubstr("\nerr\n"));
}

TEST_F(SimulatedRun, ACommandThatASignalEndedGives128AndTheSignal) {
  EXPECT_EQ(ran_shell("kill -SEGV $$").status.code, 128 + SIGSEGV);
}

TEST_F(SimulatedRun, SignalsGoOnToTheCommandOnce) {
  ProcessOptions options = corun({"run", "--gpu", "simulated", "--", "sh", "-c",
                                  "n=0; trap 'n=$((n+1))' TERM; echo up; "
                                  "for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.05; done; exit $n"});
  options.out = Stream::pipe();
  Process& process = started(options);
  const int fd = process.out_fd();
  ASSERT_TRUE(wait_readable({&fd, 1}, monotonic_now() + kPatience)[0]);
  kill(process.pid(), SIGTERM);
  EXPECT_EQ(process.wait(kPatience)->code, 1);
}

TEST_F(SimulatedRun, ItSeesTheEndOfItsCommandWhereItsStarterIgnoresChildren) {
  const std::string corun = CORUN_BINARY_DIR "/bin/corun";
  ProcessOptions options = this->corun({});
  options.argv = {"sh", "-c",
                  "trap '' CHLD; exec " + corun + " run --gpu simulated -- sh -c 'exit 7'"};
  EXPECT_EQ(ran(options).status.code, 7);
}

TEST_F(SimulatedRun, ItsHolderKeepsNothingOpenThatItsStarterWaitsFor) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  const Fd reader(ends[0]);
  Fd writer(ends[1]);
  ProcessOptions options = corun({"run", "--gpu", "simulated", "--", "true"});
  options.inherit_fds = {writer.get()};
  Process& process = started(options);
  writer.reset();
  EXPECT_EQ(process.wait(kPatience)->code, 0);
  const int fd = reader.get();
  EXPECT_TRUE(wait_readable({&fd, 1}, monotonic_now() + kPatience)[0]);
  EXPECT_TRUE(holder()) << "the pipe's end came with the holder's only";
}

TEST_F(SimulatedRun, TheShareArrivesAsVariablesAndAnEarlierPreloadIsKept) {
  ProcessOptions options =
      corun({"run", "--gpu", "simulated", "--name", "a", "--class", "best-effort", "--memory",
             "1GiB", "--", "sh", "-c", "echo $CORUN_NAME $CORUN_CLASS $CORUN_MEMORY $LD_PRELOAD"});
  const std::string own = CORUN_BINARY_DIR "/simgpu/libsimdev.so";
  options.set_env["LD_PRELOAD"] = own;
  const CommandOutput output = ran(options);
  EXPECT_THAT(output.out,
              StartsWith("a best-effort 1073741824 " CORUN_BINARY_DIR "/lib/libcorun.so:"));
  EXPECT_THAT(output.out, testing::EndsWith(":" + own + "\n"));
}

TEST_F(SimulatedRun, TwoRunsShareOneDaemonWhichStatusAndTraceShow) {
  std::vector<std::string> first{"run",     "--gpu",       "simulated", "--name", "train",
                                 "--class", "best-effort", "--",        "sleep",  "30"};
  Process& a = started(corun(first));
  ASSERT_TRUE(eventually([this] { return holder().has_value(); }));
  const pid_t held = *holder();
  EXPECT_EQ(ran_shell("true", {"--name", "b"}).status.code, 0);
  EXPECT_EQ(holder(), held) << "the second run joined the first one's";
  const CommandOutput status = ran({"status", "--json"});
  EXPECT_EQ(status.status.code, 0) << status.err;
  const auto json = parse_json(status.out, "status");
  ASSERT_TRUE(json);
  EXPECT_EQ((*json)["daemons"].size(), 1U);
  EXPECT_EQ((*json)["daemons"][0]["gpu"]["simulated"], true);
  EXPECT_EQ(ran({"trace", "nobody"}).status.code, 2);
  kill(a.pid(), SIGTERM);
  EXPECT_EQ(a.wait(kPatience)->code, 128 + SIGTERM);
}

TEST_F(SimulatedRun, SetAndSettingsChangeWhatIsInForce) {
  Process& train = started(
      corun({"run", "--gpu", "simulated", "--name", "train", "--", "corun-synthetic", "train"}));
  ASSERT_TRUE(
      eventually([this] { return ran({"status"}).out.find("train") != std::string::npos; }));
  const CommandOutput set = ran({"set", "train", "--class", "best-effort", "--weight", "3",
                                 "--max-share", "0.5", "--memory", "2GiB"});
  EXPECT_EQ(set.status.code, 0) << set.err;
  EXPECT_EQ(set.out,
            "train: best-effort, weight 3, shares 0 to 0.5, memory 2 GiB, no latency target\n");
  const CommandOutput none = ran({"set", "train", "--memory", "none", "--json"});
  const auto workload = parse_json(none.out, "set");
  ASSERT_TRUE(workload) << none.err;
  EXPECT_EQ((*workload)["weight"], 3);
  EXPECT_TRUE((*workload)["memory_limit_bytes"].is_null());
  EXPECT_EQ(ran({"set", "trian", "--weight", "2"}).err,
            "corun: error: no workload 'trian'; did you mean 'train'?\n");

  EXPECT_THAT(ran({"settings"}).out, HasSubstr("  linger-us             200 "));
  const CommandOutput settings = ran({"settings", "--policy", "fair", "--quantum", "20ms"});
  EXPECT_EQ(settings.status.code, 0) << settings.err;
  EXPECT_THAT(settings.out, HasSubstr("  quantum               20ms "));
  const auto json = parse_json(ran({"settings", "--json"}).out, "settings");
  ASSERT_TRUE(json);
  EXPECT_EQ((*json)["daemons"][0]["settings"]["policy"], "fair");
  const CommandOutput wrong = ran({"settings", "--max-burst", "2m"});
  EXPECT_EQ(wrong.status.code, 2);
  EXPECT_EQ(wrong.err, "corun: error: max_burst_ms is 120000; use 1 to 60000\n");
  kill(train.pid(), SIGTERM);
  EXPECT_TRUE(train.wait(kPatience));
}

TEST_F(SimulatedRun, TopShowsTheGpuOfTheRunsFromOutside) {
  const auto seen = ran_shell(
      "env -u CORUN_SIM_NODE -u CORUN_DRIVER_DIR -u CORUN_RUN_DIR -u LD_PRELOAD " CORUN_BINARY_DIR
      "/bin/corun top --json");
  EXPECT_THAT(seen.out, HasSubstr("\"mode\":\"managed\"")) << seen.err;
  ASSERT_TRUE(eventually([this] { return !holder(); }));
  const auto alone = ran({"top", "--once", "--gpu", "simulated"});
  EXPECT_THAT(alone.err, HasSubstr("no simulated GPU is in use"));
}

TEST_F(SimulatedRun, WhoHadTheGpuWhenIsMeasured) {
  Process& a = started(corun({"run", "--gpu", "simulated", "--name", "busy", "--",
                              CORUN_BINARY_DIR "/bin/corun-synthetic", "notebook", "--think", "1ms",
                              "--duration", "60s"}));
  CommandOutput slices;
  EXPECT_TRUE(eventually([&] {
    slices = ran({"trace", "--slices", "--json"});
    return slices.out.find(R"("what":"run")") != std::string::npos;
  })) << slices.out
      << slices.err;
  const std::string last = slices.out.substr(slices.out.rfind('\n', slices.out.size() - 2) + 1);
  const auto entry = parse_json(last, "slice");
  ASSERT_TRUE(entry) << last;
  EXPECT_THAT((*entry)["workload"].get<std::string>(), testing::EndsWith("/busy"));
  EXPECT_EQ((*entry)["label"], "measured");
  EXPECT_THAT(ran({"trace", "--slices", "busy"}).out, HasSubstr("busy: had the GPU for"));
  EXPECT_THAT(ran({"status"}).out, HasSubstr("GPU time is measured: "));
  kill(a.pid(), SIGTERM);
  EXPECT_TRUE(a.wait(kPatience));
}

TEST_F(SimulatedRun, WithoutADaemonTheClientsSayWhatToDo) {
  for (const char* verb : {"status", "trace", "park", "resume", "set", "settings"}) {
    std::vector<std::string> arguments{verb};
    const std::string name = verb;
    if (name != "status" && name != "settings") arguments.emplace_back("a");
    if (name == "set") arguments.insert(arguments.end(), {"--weight", "2"});
    // Not those of this machine: a folder of our own.
    arguments.insert(arguments.end(), {"--run-dir", folder_.path().string()});
    const CommandOutput output = ran(arguments);
    EXPECT_EQ(output.status.code, 3) << verb;
    EXPECT_EQ(output.err, "corun: error: no corund runs in " + folder_.path().string() +
                              "; start a workload with 'corun run -- COMMAND', or the daemon "
                              "itself with 'corund'\n");
  }
}

TEST_F(SimulatedRun, ACrashedDaemonIsStartedAgainAndItsWorkloadsJoinIt) {
  Process& train = started(
      corun({"run", "--gpu", "simulated", "--name", "train", "--", "corun-synthetic", "train"}));
  // PID of the daemon with which `train` has a session, or 0.
  const auto daemon = [this] {
    const auto status = parse_json(ran({"status", "--json"}).out, "status");
    if (!status) return 0;
    for (const Json& one : (*status)["daemons"]) {
      for (const Json& workload : one["workloads"]) {
        if (workload["name"] == "train" && !workload["sessions"].empty()) {
          return one["pid"].get<int>();
        }
      }
    }
    return 0;
  };
  ASSERT_TRUE(eventually([&] { return daemon() > 0; }));
  ASSERT_EQ(ran({"settings", "--policy", "fair"}).status.code, 0);
  const int former = daemon();
  kill(former, SIGKILL);
  // A run that begins meanwhile waits for the new one.
  EXPECT_EQ(ran_shell("exit 7", {"--name", "b"}).status.code, 7);
  ASSERT_TRUE(eventually([&] { return daemon() > 0; }));
  EXPECT_NE(daemon(), former);
  EXPECT_THAT(ran({"settings"}).out, HasSubstr(" fair "));
  EXPECT_FALSE(train.poll()) << "it goes on";
  kill(train.pid(), SIGTERM);
  EXPECT_TRUE(train.wait(kPatience));
}

TEST_F(SimulatedRun, AnotherModeThanTheOneInForceIsRefused) {
  Process& a = started(corun({"run", "--gpu", "simulated", "--", "sleep", "30"}));
  ASSERT_TRUE(eventually([this] { return holder().has_value(); }));
  const CommandOutput other = ran_shell("true", {"--mode", "managed-mps"});
  EXPECT_EQ(other.status.code, 1);
  EXPECT_THAT(other.err, HasSubstr("runs under managed (corund, PID"));
  kill(a.pid(), SIGTERM);
  EXPECT_TRUE(a.wait(kPatience));
}

TEST_F(SimulatedRun, NoDaemonIsStartedWhereNoneMayBe) {
  const CommandOutput output = ran_shell("true", {"--start-daemon", "no"});
  EXPECT_EQ(output.status.code, 3);
  EXPECT_THAT(output.err, HasSubstr("no corund governs this GPU"));
}

}  // namespace
}  // namespace corun::cli
