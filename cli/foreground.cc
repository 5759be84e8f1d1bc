#include "cli/foreground.h"

#include <fcntl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "core/fd.h"

extern char** environ;  // NOLINT: the system's name

namespace corun::cli {

namespace {

/// Those that people and schedulers send to end, reload or poke a program.
constexpr int kForwarded[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM};

/// What the command finds as without corun.
struct Inherited {
  sigset_t mask;
  struct sigaction child;
};

sigset_t watched_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (int number : kForwarded) sigaddset(&set, number);
  sigaddset(&set, SIGCHLD);
  return set;
}

std::vector<std::string> environment_of(const Foreground& command) {
  std::map<std::string, std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const size_t equals = text.find('=');
    if (equals != std::string::npos) all[text.substr(0, equals)] = text.substr(equals + 1);
  }
  for (const auto& [name, value] : command.set_env) all[name] = value;
  std::vector<std::string> entries;
  for (const auto& [name, value] : all) {
    entries.push_back(name);
    entries.back().append("=").append(value);
  }
  return entries;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

/// Starts it; the pipe tells errno when the program cannot be executed, and closes when it was.
Result<pid_t> start(const Foreground& command, const Inherited& inherited) {
  std::vector<std::string> words = command.argv;
  std::vector<std::string> entries = environment_of(command);
  const std::vector<char*> argv = pointers_to(words);
  const std::vector<char*> env = pointers_to(entries);
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return failed("cannot make a pipe");
  const Fd reader(ends[0]);
  Fd writer(ends[1]);
  const pid_t pid = fork();
  if (pid < 0) return failed(std::string("cannot start a process: ") + std::strerror(errno));
  if (pid == 0) {
    sigaction(SIGCHLD, &inherited.child, nullptr);
    sigprocmask(SIG_SETMASK, &inherited.mask, nullptr);
    for (int fd : command.inherit_fds) fcntl(fd, F_SETFD, 0);
    execve(argv[0], argv.data(), env.data());
    const int code = errno;
    [[maybe_unused]] const ssize_t told = write(writer.get(), &code, sizeof code);
    _exit(127);
  }
  writer.reset();
  int code = 0;
  ssize_t n = 0;
  do {
    n = read(reader.get(), &code, sizeof code);
  } while (n < 0 && errno == EINTR);
  if (n != static_cast<ssize_t>(sizeof code)) return pid;
  waitpid(pid, nullptr, 0);
  return failed("cannot run '" + command.argv.front() + "': " + std::strerror(code));
}

/// Its status once it has ended; nothing while it lives.
std::optional<ExitStatus> ended(pid_t pid) {
  int status = 0;
  if (waitpid(pid, &status, WNOHANG) != pid) return std::nullopt;
  if (WIFSIGNALED(status)) return ExitStatus{std::nullopt, WTERMSIG(status)};
  return ExitStatus{WEXITSTATUS(status), std::nullopt};
}

}  // namespace

Result<ExitStatus> run_in_foreground(const Foreground& command) {
  const sigset_t watched = watched_signals();
  Inherited before = {};
  sigprocmask(SIG_BLOCK, &watched, &before.mask);
  // Whoever started this program may ignore SIGCHLD: then no end of a child would be told.
  struct sigaction as_usual = {};
  as_usual.sa_handler = SIG_DFL;
  sigaction(SIGCHLD, &as_usual, &before.child);
  const Fd signals(signalfd(-1, &watched, SFD_CLOEXEC));
  auto pid = start(command, before);
  std::optional<ExitStatus> status;
  while (pid && !status) {
    signalfd_siginfo info = {};
    if (read(signals.get(), &info, sizeof info) != static_cast<ssize_t>(sizeof info)) {
      if (errno != EINTR) break;
      continue;
    }
    const auto number = static_cast<int>(info.ssi_signo);
    // What the terminal sends goes to the whole process group: the command has it already.
    if (number != SIGCHLD && info.ssi_code != SI_KERNEL) kill(*pid, number);
    status = ended(*pid);
  }
  sigaction(SIGCHLD, &before.child, nullptr);
  sigprocmask(SIG_SETMASK, &before.mask, nullptr);
  if (!pid) return pid.error();
  if (!status) return failed("lost sight of the command");
  return *status;
}

int shell_code(const ExitStatus& status) {
  constexpr int kSignalBase = 128;
  return status.signal ? kSignalBase + *status.signal : status.code.value_or(1);
}

}  // namespace corun::cli
