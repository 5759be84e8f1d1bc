// A supervised child process: any command, of which nothing is left over, whatever happens.
//
// Between this process and the command stands a *keeper*, a small forked process:
//
//   this process ──socket── keeper (own session, child subreaper) ── command (own session) ── ...
//
// Every descendant whose parent dies is handed to the keeper by the kernel, daemons that called
// setsid() included, so the keeper always finds all of them. When the socket to this process closes
// (this process died, of SIGKILL too), the keeper kills every descendant until none is left, after
// the grace that it was given, reaps them and exits; so it does when the Process is destroyed.
// Signals are sent by the keeper, which is the one that reaps, so that a signal never meets a
// recycled PID. Should the keeper itself be killed, the command dies with it (PR_SET_PDEATHSIG).
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/fd.h"
#include "core/result.h"

namespace corun {

/// Where a standard stream of a child goes.
struct Stream {
  enum class Kind { kNull, kInherit, kFile, kPipe };
  Kind kind = Kind::kInherit;
  std::filesystem::path path;  ///< kFile: created or appended to

  static Stream null() { return {Kind::kNull, {}}; }
  static Stream inherit() { return {Kind::kInherit, {}}; }
  static Stream file(std::filesystem::path path) { return {Kind::kFile, std::move(path)}; }
  static Stream pipe() { return {Kind::kPipe, {}}; }  ///< read it from Process::out_fd, err_fd
};

struct ProcessOptions {
  std::vector<std::string> argv;  ///< argv[0] is looked up in the child's PATH
  std::map<std::string, std::string> set_env;
  std::vector<std::string> unset_env;  ///< removed before set_env is applied
  std::filesystem::path cwd;           ///< empty: this process's
  std::vector<int> cpus;               ///< CPU affinity; empty: this process's
  Stream out = Stream::inherit();
  Stream err = Stream::inherit();
  std::optional<std::string> input;  ///< standard input's whole text; nothing: /dev/null
  std::vector<int> inherit_fds;      ///< descriptors that stay open in the child, same numbers
  /// When this process dies: SIGTERM to all descendants of the command's, and SIGKILL to those that
  /// are left after so long. Zero: SIGKILL at once.
  Nanos orphan_grace{};
};

/// How the command ended.
struct ExitStatus {
  std::optional<int> code;    ///< its exit code, or
  std::optional<int> signal;  ///< the signal that ended it
  bool ok() const { return code == 0; }
  /// "exit code 3", "killed by SIGSEGV".
  std::string text() const;
  bool operator==(const ExitStatus&) const = default;
};

/// Not thread-safe: one thread at a time uses one Process.
class Process {
 public:
  /// Starts the command. Errors: usage when argv is empty or the program is not found or not
  /// executable; failed for anything else (cwd, output file, CPU set, no more processes).
  static Result<Process> start(const ProcessOptions& options);

  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  /// SIGKILL to all descendants, waits until they are gone.
  ~Process();

  /// The command's PID; it is also its session and process group. May be recycled after poll() or
  /// wait() gave the exit status.
  pid_t pid() const { return pid_; }
  /// For poll/epoll: becomes readable when poll() may have news.
  int event_fd() const { return channel_.get(); }
  /// Read ends of Stream::pipe() (non-blocking), or -1.
  int out_fd() const { return out_.get(); }
  int err_fd() const { return err_.get(); }

  /// The exit status once the command itself has ended; never blocks. Descendants of the command
  /// may live on until terminate() or the destructor.
  std::optional<ExitStatus> poll();
  /// Waits for the command's end, at most `timeout`; nothing on time-out.
  std::optional<ExitStatus> wait(Nanos timeout);

  /// Sends `signal_number` to the command's process group.
  void signal(int signal_number);
  /// The first half of terminate(): gives the order and returns at once, so that many commands end
  /// at the same time. Zero grace kills at once.
  void begin_terminate(Nanos grace);
  /// SIGTERM to all descendants, after `grace` SIGKILL to those that are left; returns when none is
  /// left. Idempotent. The status is the command's own, also when it had ended before.
  ExitStatus terminate(Nanos grace);

  /// PIDs of the command and all its living descendants (zombies excluded), wherever they moved to.
  std::vector<pid_t> pids() const;

 private:
  Process() = default;
  void receive();
  bool wait_until(Instant deadline, bool for_all);

  pid_t keeper_ = -1;
  pid_t pid_ = -1;
  Fd channel_;  ///< SOCK_SEQPACKET to the keeper
  Fd out_;
  Fd err_;
  std::optional<ExitStatus> status_;
  bool all_gone_ = false;  ///< the keeper has ended: no descendant is left
};

/// What a short command left behind.
struct CommandOutput {
  ExitStatus status;
  std::string out;  ///< at most 1 MiB of each, the rest is dropped
  std::string err;
};

/// Runs a command to its end and collects both streams (options.out and .err are ignored).
/// Errors: those of Process::start; failed when it takes longer than `timeout` (it is killed with
/// its descendants then). A non-zero exit code is not an error here.
Result<CommandOutput> run_command(ProcessOptions options, Nanos timeout);

/// The path of `program` as execvp would find it in `search_path` (colon-separated), or nothing.
std::optional<std::filesystem::path> find_program(const std::string& program,
                                                  const std::string& search_path);

}  // namespace corun
