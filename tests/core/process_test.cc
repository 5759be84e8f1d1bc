#include "core/process.h"

#include <fcntl.h>
#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>

#include "core/files.h"
#include "process_helpers.h"

namespace corun {
namespace {

ProcessOptions shell(const std::string& script) {
  ProcessOptions options;
  options.argv = {"sh", "-c", script};
  options.out = Stream::pipe();
  return options;
}

Process started(const ProcessOptions& options) {
  auto process = Process::start(options);
  CORUN_CHECK(process.has_value(), process.error().text());
  return std::move(process).value();
}

bool holds(const std::vector<pid_t>& pids, pid_t pid) {
  return std::find(pids.begin(), pids.end(), pid) != pids.end();
}

TEST(Process, ExitCodesAndSignalsArePassedOn) {
  const struct {
    const char* script;
    ExitStatus status;
    const char* text;
  } cases[] = {
      {"exit 0", {0, {}}, "exit code 0"},
      {"exit 3", {3, {}}, "exit code 3"},
      {"kill -SEGV $$", {{}, SIGSEGV}, "killed by SIGSEGV"},
      {"kill -KILL $$", {{}, SIGKILL}, "killed by SIGKILL"},
  };
  for (const auto& c : cases) {
    Process process = started(shell(c.script));
    const auto status = process.wait(kPatience);
    ASSERT_TRUE(status) << c.script;
    EXPECT_EQ(*status, c.status) << c.script;
    EXPECT_EQ(status->text(), c.text);
    EXPECT_EQ(process.terminate(Nanos(0)), c.status) << "the status stays the command's own";
  }
}

TEST(Process, AMissingProgramGivesOneClearError) {
  ProcessOptions options;
  options.argv = {"no-such-program-here"};
  const auto process = Process::start(options);
  ASSERT_FALSE(process);
  EXPECT_EQ(process.error().kind, ErrorKind::kUsage);
  EXPECT_EQ(process.error().text(),
            "program 'no-such-program-here' is not in PATH; install it, or give its full path");
}

TEST(Process, BadCommandsAreRefusedByName) {
  const auto folder = TemporaryFolder::create("corun-test-");
  ASSERT_TRUE(folder);
  const std::string text_file = (folder->path() / "data").string();
  ASSERT_TRUE(write_file_atomically(text_file, "not a program\n"));
  const struct {
    std::vector<std::string> argv;
    std::string what;
  } cases[] = {
      {{}, "an empty command"},
      {{"/no/such/file"}, "program '/no/such/file' does not exist"},
      {{text_file}, "'" + text_file + "' is not a program"},
  };
  for (const auto& c : cases) {
    ProcessOptions options;
    options.argv = c.argv;
    const auto process = Process::start(options);
    ASSERT_FALSE(process) << c.what;
    EXPECT_EQ(process.error().what, c.what);
  }
}

TEST(Process, AFileThatTheKernelRefusesIsAnError) {
  const auto folder = TemporaryFolder::create("corun-test-");
  ASSERT_TRUE(folder);
  const std::string path = (folder->path() / "program").string();
  ASSERT_TRUE(write_file_atomically(path, "no header\n"));
  ASSERT_EQ(chmod(path.c_str(), 0755), 0);
  ProcessOptions options;
  options.argv = {path};
  const auto process = Process::start(options);
  ASSERT_FALSE(process);
  EXPECT_EQ(process.error().what, "cannot run '" + path + "': Exec format error");
}

TEST(Process, EnvironmentFolderInputAndCpusReachTheCommand) {
  const auto folder = TemporaryFolder::create("corun-test-");
  ASSERT_TRUE(folder);
  setenv("CORUN_TEST_GONE", "x", 1);
  ProcessOptions options = shell(
      "cat; pwd; echo $CORUN_TEST_SET; echo gone:$CORUN_TEST_GONE; "
      "sed -n 's/^Cpus_allowed_list:\\t//p' /proc/self/status");
  options.set_env["CORUN_TEST_SET"] = "a b";
  options.unset_env = {"CORUN_TEST_GONE"};
  options.cwd = folder->path();
  options.input = "typed\n";
  cpu_set_t mine;
  ASSERT_EQ(sched_getaffinity(0, sizeof mine, &mine), 0);
  size_t cpu = 0;
  while (!CPU_ISSET(cpu, &mine)) ++cpu;
  options.cpus = {static_cast<int>(cpu)};
  Process process = started(options);
  const int out = process.out_fd();
  EXPECT_EQ(read_line(out), "typed");
  EXPECT_EQ(read_line(out), folder->path().string());
  EXPECT_EQ(read_line(out), "a b");
  EXPECT_EQ(read_line(out), "gone:");
  EXPECT_EQ(read_line(out), std::to_string(cpu));
}

TEST(Process, StandardInputIsEmptyByDefault) {
  Process process = started(shell("read line; echo got:$line"));
  EXPECT_EQ(read_line(process.out_fd()), "got:");
}

TEST(Process, OutputGoesToAFile) {
  const auto folder = TemporaryFolder::create("corun-test-");
  ASSERT_TRUE(folder);
  ProcessOptions options = shell("echo out; echo err >&2");
  options.out = Stream::file(folder->path() / "log");
  options.err = options.out;
  Process process = started(options);
  ASSERT_TRUE(process.wait(kPatience));
  EXPECT_EQ(read_file(folder->path() / "log").value_or(""), "out\nerr\n");
}

TEST(Process, OnlyNamedDescriptorsStayOpen) {
  Fd kept(open("/dev/null", O_RDONLY | O_CLOEXEC));
  Fd other(open("/dev/null", O_RDONLY));  // not even marked close-on-exec
  ProcessOptions options = shell("test -e /proc/self/fd/" + std::to_string(kept.get()) +
                                 " && echo kept; test -e /proc/self/fd/" +
                                 std::to_string(other.get()) + " || echo closed");
  options.inherit_fds = {kept.get()};
  Process process = started(options);
  EXPECT_EQ(read_line(process.out_fd()), "kept");
  EXPECT_EQ(read_line(process.out_fd()), "closed");
}

TEST(Process, TheCommandLeadsItsOwnSession) {
  Process process = started(shell("echo ready; exec sleep 1000"));
  read_line(process.out_fd());
  EXPECT_EQ(getsid(process.pid()), process.pid());
  EXPECT_EQ(getpgid(process.pid()), process.pid());
}

TEST(Process, WaitTimesOutOnARunningCommand) {
  Process process = started(shell("exec sleep 1000"));
  EXPECT_EQ(process.wait(std::chrono::milliseconds(1)), std::nullopt);
}

TEST(Process, SignalReachesTheWholeGroup) {
  Process process =
      started(shell("sh -c 'trap \"echo child; exit\" USR1; echo ready; "
                    "while :; do sleep 0.01; done' & trap : USR1; wait $!; wait"));
  ASSERT_EQ(read_line(process.out_fd()), "ready");
  process.signal(SIGUSR1);
  EXPECT_EQ(read_line(process.out_fd()), "child");
}

TEST(Process, TerminateIsPoliteFirst) {
  Process process = started(shell("trap 'exit 7' TERM; echo ready; while :; do sleep 0.01; done"));
  ASSERT_EQ(read_line(process.out_fd()), "ready");
  EXPECT_EQ(process.terminate(kPatience), (ExitStatus{7, {}}));
}

TEST(Process, ACommandThatIgnoresSigtermIsKilled) {
  Process process = started(shell("trap '' TERM; echo ready; while :; do sleep 0.01; done"));
  ASSERT_EQ(read_line(process.out_fd()), "ready");
  EXPECT_EQ(process.terminate(std::chrono::milliseconds(50)), (ExitStatus{{}, SIGKILL}));
}

TEST(Process, ManyCommandsAreToldToEndAtTheSameTime) {
  const std::string script = "trap 'echo told' TERM; echo ready; while :; do sleep 0.01; done";
  Process first = started(shell(script));
  Process second = started(shell(script));
  ASSERT_EQ(read_line(first.out_fd()), "ready");
  ASSERT_EQ(read_line(second.out_fd()), "ready");
  first.begin_terminate(kPatience);
  second.begin_terminate(kPatience);
  EXPECT_EQ(read_line(first.out_fd()), "told");
  EXPECT_EQ(read_line(second.out_fd()), "told");
  EXPECT_EQ(first.terminate(Nanos(0)), (ExitStatus{{}, SIGKILL})) << "the grace can be cut short";
}

TEST(Process, TerminateReachesDaemonsOfOtherSessions) {
  // The command ends at once; its grandchild has its own session and ignores SIGTERM.
  Process process =
      started(shell("setsid sh -c 'trap \"\" TERM HUP; echo $$; while :; do sleep 0.01; done' & "
                    "exit 0"));
  const pid_t daemon = read_pid(process.out_fd());
  EXPECT_EQ(process.wait(kPatience), (ExitStatus{0, {}}));
  EXPECT_TRUE(holds(process.pids(), daemon));
  process.terminate(std::chrono::milliseconds(10));
  EXPECT_FALSE(identify(daemon));
  EXPECT_TRUE(process.pids().empty());
}

TEST(Process, PidsAreTheWholeLivingTree) {
  Process process = started(shell("sh -c 'echo $$; sleep 1000; :' & echo $$; wait"));
  std::vector<pid_t> printed{read_pid(process.out_fd()), read_pid(process.out_fd())};
  const auto pids = process.pids();
  for (pid_t pid : printed) EXPECT_TRUE(holds(pids, pid));
  EXPECT_TRUE(holds(pids, process.pid()));
  EXPECT_FALSE(holds(pids, getpid()));
}

TEST(Process, NoZombieIsLeft) {
  {
    Process ended = started(shell("exit 0"));
    ASSERT_TRUE(ended.wait(kPatience));
    Process running = started(shell("sleep 1000 & exec sleep 1000"));
  }
  errno = 0;
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

TEST(Process, AKilledKeeperTakesItsCommandAlong) {
  Process process = started(shell("echo ready; exec sleep 1000"));
  read_line(process.out_fd());
  const auto mine = descendants_of(getpid());
  ASSERT_EQ(mine.size(), 2U);  // parents first: the keeper, then the command
  kill(mine[0], SIGKILL);
  EXPECT_EQ(process.wait(kPatience), (ExitStatus{{}, SIGKILL}));
  EXPECT_TRUE(ends(mine[1]));
}

/// Runs `body` in a forked process that then waits to be killed; its output comes from the result.
template <typename Body>
std::pair<pid_t, Fd> fork_parent(Body body) {
  int ends_of_pipe[2];
  CORUN_CHECK(pipe2(ends_of_pipe, O_CLOEXEC) == 0, "pipe");
  const pid_t pid = fork();
  if (pid == 0) {
    dup2(ends_of_pipe[1], STDOUT_FILENO);
    body();
    _exit(1);
  }
  close(ends_of_pipe[1]);
  return {pid, Fd(ends_of_pipe[0])};
}

TEST(Process, NothingSurvivesAParentThatIsKilled) {
  auto [parent, out] = fork_parent([] {
    ProcessOptions options = shell(
        "trap '' TERM HUP INT; echo $$; setsid sh -c 'trap \"\" TERM HUP; echo $$; "
        "(setsid sh -c \"echo \\$\\$; exec sleep 1000\" &) ; while :; do sleep 0.01; done' & wait");
    options.out = Stream::inherit();
    Process first = started(options);
    Process second = started(options);  // its keeper must not keep the first one's alive
    pause();
  });
  std::vector<pid_t> pids;
  for (int i = 0; i < 6; ++i) pids.push_back(read_pid(out.get()));
  for (pid_t pid : pids) EXPECT_TRUE(identify(pid)) << pid;
  kill(parent, SIGKILL);
  waitpid(parent, nullptr, 0);
  for (pid_t pid : pids) EXPECT_TRUE(ends(pid)) << pid;
}

TEST(Process, AnOrphanMayEndProperlyWhereItIsGivenTime) {
  auto [parent, out] = fork_parent([] {
    ProcessOptions options =
        shell("trap 'echo properly; exit' TERM; echo $$; while :; do sleep 0.01; done");
    options.out = Stream::inherit();
    options.orphan_grace = kPatience;
    Process process = started(options);
    pause();
  });
  const pid_t pid = read_pid(out.get());
  kill(parent, SIGKILL);
  waitpid(parent, nullptr, 0);
  EXPECT_EQ(read_line(out.get()), "properly");
  EXPECT_TRUE(ends(pid));
}

TEST(Process, AnOrphanThatDoesNotEndInItsTimeIsKilled) {
  auto [parent, out] = fork_parent([] {
    ProcessOptions options = shell("trap '' TERM; echo $$; while :; do sleep 0.01; done");
    options.out = Stream::inherit();
    options.orphan_grace = std::chrono::milliseconds(20);
    Process process = started(options);
    pause();
  });
  const pid_t pid = read_pid(out.get());
  kill(parent, SIGKILL);
  waitpid(parent, nullptr, 0);
  EXPECT_TRUE(ends(pid));
}

TEST(RunCommand, CollectsBothStreamsAndTheStatus) {
  ProcessOptions options;
  options.argv = {"sh", "-c", "cat; echo problem >&2; exit 4"};
  options.input = "text\n";
  const auto output = run_command(options, kPatience);
  ASSERT_TRUE(output);
  EXPECT_EQ(output->out, "text\n");
  EXPECT_EQ(output->err, "problem\n");
  EXPECT_EQ(output->status, (ExitStatus{4, {}}));
}

TEST(RunCommand, OutputBeyondOneMebibyteIsDropped) {
  ProcessOptions options;
  options.argv = {"head", "-c", "3000000", "/dev/zero"};
  const auto output = run_command(options, kPatience);
  ASSERT_TRUE(output);
  EXPECT_EQ(output->out.size(), size_t{1} << 20);
  EXPECT_TRUE(output->status.ok());
}

TEST(RunCommand, AHangingCommandIsKilledAndNamed) {
  ProcessOptions options;
  options.argv = {"sleep", "1000"};
  const auto output = run_command(options, std::chrono::milliseconds(50));
  ASSERT_FALSE(output);
  EXPECT_EQ(output.error().what, "'sleep' did not end within 0.050 s");
}

TEST(ProcessTree, OfThisPidNamespaceIsNotContained) {
  EXPECT_FALSE(is_contained(getpid()));
  Process child = started(shell("sleep 1000"));
  const pid_t pid = child.pid();
  EXPECT_FALSE(is_contained(pid));
  child.terminate(Nanos(0));
  EXPECT_TRUE(is_contained(pid)) << "whoever is gone is not trusted";
}

TEST(RunCommand, ADaemonThatHoldsThePipesDoesNotBlockIt) {
  ProcessOptions options;
  options.argv = {"sh", "-c", "setsid sleep 1000 & echo done"};
  const auto output = run_command(options, kPatience);
  ASSERT_TRUE(output) << output.error().text();
  EXPECT_EQ(output->out, "done\n");
}

}  // namespace
}  // namespace corun
