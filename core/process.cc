#include "core/process.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string_view>

#include "core/check.h"
#include "core/environment.h"
#include "core/keeper.h"
#include "core/log.h"
#include "core/process_tree.h"
#include "core/signals.h"
#include "core/wait.h"

extern char** environ;

namespace corun {

namespace fs = std::filesystem;

namespace {

constexpr char kDefaultPath[] = "/usr/local/bin:/usr/bin:/bin";
// A process that holds a GPU may need seconds in the driver to die; after this long it is left to
// its keeper.
constexpr Nanos kKillPatience = std::chrono::seconds(30);
constexpr Nanos kLongest = std::chrono::hours(24 * 365);  // "for ever", far from overflow
constexpr size_t kMaxOutput = size_t{1} << 20;

std::string reason(int code) { return std::strerror(code); }

std::map<std::string, std::string> child_environment(const ProcessOptions& options) {
  std::map<std::string, std::string> env;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const size_t equals = text.find('=');
    if (equals != std::string_view::npos)
      env.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  for (const std::string& name : options.unset_env) env.erase(name);
  for (const auto& [name, value] : options.set_env) env[name] = value;
  return env;
}

bool is_program(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error) && access(path.c_str(), X_OK) == 0;
}

Result<std::string> program_path(const ProcessOptions& options, const std::string& search_path) {
  const std::string& name = options.argv.front();
  if (name.find('/') == std::string::npos) {
    if (auto found = find_program(name, search_path)) return found->string();
    return usage_error("program '" + name + "' is not in PATH",
                       "install it, or give its full path");
  }
  const fs::path path = options.cwd.empty() ? fs::path(name) : options.cwd / name;
  std::error_code error;
  if (!fs::exists(path, error)) return usage_error("program '" + name + "' does not exist");
  if (!is_program(path)) {
    return usage_error("'" + name + "' is not a program", "chmod +x makes a file executable");
  }
  return name;
}

/// The same open file under a number above the standard streams.
Result<Fd> above_streams(Fd fd) {
  if (fd.get() > STDERR_FILENO) return fd;
  Fd copy(fcntl(fd.get(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
  if (!copy) return failed("cannot duplicate a descriptor: " + reason(errno));
  return copy;
}

/// What becomes a standard output stream of the child; an empty Fd inherits. `reader` gets the
/// parent's end of a pipe.
Result<Fd> open_stream(const Stream& stream, Fd* reader) {
  switch (stream.kind) {
    case Stream::Kind::kInherit:
      return Fd();
    case Stream::Kind::kNull: {
      Fd fd(open("/dev/null", O_WRONLY | O_CLOEXEC));
      if (!fd) return failed("cannot open /dev/null: " + reason(errno));
      return above_streams(std::move(fd));
    }
    case Stream::Kind::kFile: {
      Fd fd(open(stream.path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
      if (!fd) return failed("cannot write " + stream.path.string() + ": " + reason(errno));
      return above_streams(std::move(fd));
    }
    case Stream::Kind::kPipe: {
      int ends[2];
      if (pipe2(ends, O_CLOEXEC) != 0) return failed("cannot make a pipe: " + reason(errno));
      *reader = Fd(ends[0]);
      fcntl(ends[0], F_SETFL, O_NONBLOCK);
      return above_streams(Fd(ends[1]));
    }
  }
  return Fd();
}

/// Standard input: the given text (in a memory file, so that nobody has to feed it) or nothing.
Result<Fd> open_input(const std::optional<std::string>& text) {
  if (!text) {
    Fd fd(open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (!fd) return failed("cannot open /dev/null: " + reason(errno));
    return above_streams(std::move(fd));
  }
  Fd fd(memfd_create("corun-input", MFD_CLOEXEC));
  if (!fd) return failed("cannot make a memory file: " + reason(errno));
  for (size_t done = 0; done < text->size();) {
    const ssize_t n = write(fd.get(), text->data() + done, text->size() - done);
    if (n < 0) return failed("cannot write a memory file: " + reason(errno));
    done += static_cast<size_t>(n);
  }
  lseek(fd.get(), 0, SEEK_SET);
  return above_streams(std::move(fd));
}

/// Everything that the keeper needs, owned by the parent until the fork has copied it.
int32_t to_grace_ms(Nanos grace) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(grace).count();
  return static_cast<int32_t>(std::clamp<int64_t>(ms, 0, 3'600'000));
}

struct Prepared {
  std::string path;
  std::string directory;
  std::vector<std::string> words, variables;
  std::vector<char*> argv, environment;
  std::vector<unsigned long> cpu_bits;
  std::array<Fd, 3> streams;

  keeper::Launch launch(const ProcessOptions& options) {
    keeper::Launch launch;
    launch.path = path.c_str();
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    for (std::string& variable : variables) environment.push_back(variable.data());
    environment.push_back(nullptr);
    launch.argv = argv.data();
    launch.environment = environment.data();
    if (!directory.empty()) launch.directory = directory.c_str();
    if (!cpu_bits.empty()) {
      launch.cpus = reinterpret_cast<const cpu_set_t*>(cpu_bits.data());
      launch.cpus_size = cpu_bits.size() * sizeof(unsigned long);
    }
    for (size_t i = 0; i < streams.size(); ++i) launch.streams[i] = streams[i].get();
    launch.inherit_fds = options.inherit_fds.data();
    launch.inherit_count = options.inherit_fds.size();
    launch.orphan_grace_ms = to_grace_ms(options.orphan_grace);
    return launch;
  }
};

/// CPU numbers as the bit array that sched_setaffinity takes.
std::vector<unsigned long> cpu_bits(const std::vector<int>& cpus) {
  constexpr size_t kBits = 8 * sizeof(unsigned long);
  std::vector<unsigned long> bits;
  for (int cpu : cpus) {
    CORUN_CHECK(cpu >= 0, "a negative CPU number");
    const size_t word = static_cast<size_t>(cpu) / kBits;
    if (bits.size() <= word) bits.resize(word + 1, 0);
    bits[word] |= 1UL << (static_cast<size_t>(cpu) % kBits);
  }
  return bits;
}

Result<Prepared> prepare(const ProcessOptions& options, Fd* out, Fd* err) {
  if (options.argv.empty() || options.argv.front().empty()) {
    return usage_error("an empty command", "give a program and its arguments");
  }
  const auto env = child_environment(options);
  const auto search = env.find("PATH");
  Prepared prepared;
  CORUN_ASSIGN(prepared.path,
               program_path(options, search == env.end() ? kDefaultPath : search->second));
  prepared.directory = options.cwd.string();
  prepared.words = options.argv;
  for (const auto& [name, value] : env) {
    prepared.variables.push_back(name);
    prepared.variables.back().append("=").append(value);
  }
  prepared.cpu_bits = cpu_bits(options.cpus);
  CORUN_ASSIGN(prepared.streams[0], open_input(options.input));
  CORUN_ASSIGN(prepared.streams[1], open_stream(options.out, out));
  CORUN_ASSIGN(prepared.streams[2], open_stream(options.err, err));
  return prepared;
}

Error launch_error(const ProcessOptions& options, const keeper::Report& report) {
  const std::string command = "'" + options.argv.front() + "'";
  switch (report.step) {
    case keeper::Step::kDirectory:
      return usage_error("cannot run " + command + " in " + options.cwd.string() + ": " +
                         reason(report.value));
    case keeper::Step::kCpus:
      return failed("cannot pin " + command + " to its CPUs: " + reason(report.value));
    case keeper::Step::kProgram:
      return usage_error("cannot run " + command + ": " + reason(report.value));
    case keeper::Step::kNone:
    case keeper::Step::kFork:
    case keeper::Step::kStreams:
      break;
  }
  return failed("cannot start " + command + ": " + reason(report.value));
}

/// fork() with all signals blocked, so that no handler of this program runs in the child.
pid_t fork_blocked() {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t pid = fork();
  const int code = errno;
  if (pid != 0) pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = code;
  return pid;
}

ExitStatus to_exit_status(int status) {
  if (WIFSIGNALED(status)) return {std::nullopt, WTERMSIG(status)};
  return {WEXITSTATUS(status), std::nullopt};
}

/// Waits for one child of this process; returns its wait status.
int reap(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

}  // namespace

std::string ExitStatus::text() const {
  return signal ? "killed by " + signal_name(*signal)
                : "exit code " + std::to_string(code.value_or(-1));
}

std::optional<fs::path> find_program(const std::string& program, const std::string& search_path) {
  for (size_t begin = 0; begin <= search_path.size();) {
    const size_t end = std::min(search_path.find(':', begin), search_path.size());
    const fs::path candidate = fs::path(search_path.substr(begin, end - begin)) / program;
    if (is_program(candidate)) return candidate;
    begin = end + 1;
  }
  return std::nullopt;
}

Result<Process> Process::start(const ProcessOptions& options) {
  Process process;
  CORUN_ASSIGN(Prepared prepared, prepare(options, &process.out_, &process.err_));
  for (int fd : options.inherit_fds) CORUN_CHECK(fd > STDERR_FILENO, "a standard stream");
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    return failed("cannot make a socket pair: " + reason(errno));
  }
  process.channel_ = Fd(ends[0]);
  CORUN_ASSIGN(Fd keeper_end, above_streams(Fd(ends[1])));
  const keeper::Launch launch = prepared.launch(options);
  process.keeper_ = fork_blocked();
  if (process.keeper_ == 0) keeper::run(keeper_end.get(), launch);
  if (process.keeper_ < 0) return failed("cannot start a process: " + reason(errno));
  keeper_end.reset();
  keeper::Report report;
  ssize_t n = 0;
  do {
    n = recv(process.channel_.get(), &report, sizeof report, 0);
  } while (n < 0 && errno == EINTR);
  if (n == static_cast<ssize_t>(sizeof report) && report.kind == keeper::Report::Kind::kStarted) {
    process.pid_ = report.value;
    return process;
  }
  reap(process.keeper_);
  process.keeper_ = -1;
  if (n != static_cast<ssize_t>(sizeof report)) {
    return failed("the keeper of '" + options.argv.front() + "' died");
  }
  return launch_error(options, report);
}

Process::Process(Process&& other) noexcept
    : keeper_(std::exchange(other.keeper_, -1)),
      pid_(other.pid_),
      channel_(std::move(other.channel_)),
      out_(std::move(other.out_)),
      err_(std::move(other.err_)),
      status_(other.status_),
      all_gone_(other.all_gone_) {}

Process& Process::operator=(Process&& other) noexcept {
  std::swap(keeper_, other.keeper_);
  std::swap(pid_, other.pid_);
  std::swap(channel_, other.channel_);
  std::swap(out_, other.out_);
  std::swap(err_, other.err_);
  std::swap(status_, other.status_);
  std::swap(all_gone_, other.all_gone_);
  return *this;
}

Process::~Process() {
  if (keeper_ > 0) terminate(Nanos(0));
}

void Process::receive() {
  while (!all_gone_) {
    keeper::Report report;
    const ssize_t n = recv(channel_.get(), &report, sizeof report, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n == static_cast<ssize_t>(sizeof report)) {
      if (report.kind == keeper::Report::Kind::kExited) status_ = to_exit_status(report.value);
      continue;
    }
    const int keeper_status = reap(keeper_);
    all_gone_ = true;
    if (WIFEXITED(keeper_status) && status_) return;
    // Somebody killed the keeper; the kernel killed the command with it, its group may be left.
    kill(-pid_, SIGKILL);
    if (!status_) status_ = ExitStatus{std::nullopt, SIGKILL};
  }
}

std::optional<ExitStatus> Process::poll() {
  receive();
  return status_;
}

bool Process::wait_until(Instant deadline, bool for_all) {
  while (true) {
    receive();
    if (all_gone_ || (status_ && !for_all)) return true;
    if (monotonic_now() >= deadline) return false;
    const int fd = channel_.get();
    wait_readable({&fd, 1}, deadline);
  }
}

std::optional<ExitStatus> Process::wait(Nanos timeout) {
  wait_until(monotonic_now() + std::min<Nanos>(timeout, kLongest), false);
  return status_;
}

void Process::signal(int signal_number) {
  const keeper::Order order{keeper::Order::Kind::kSignal, signal_number};
  send(channel_.get(), &order, sizeof order, MSG_NOSIGNAL);
}

void Process::begin_terminate(Nanos grace) {
  if (all_gone_) return;
  const keeper::Order order{keeper::Order::Kind::kTerminate, to_grace_ms(grace)};
  send(channel_.get(), &order, sizeof order, MSG_NOSIGNAL);
}

ExitStatus Process::terminate(Nanos grace) {
  CORUN_CHECK(keeper_ > 0, "terminate() of a moved-from Process");
  begin_terminate(grace);
  if (!wait_until(monotonic_now() + grace + kKillPatience, true)) {
    log::warn("process {} cannot be killed yet; its keeper goes on trying", pid_);
    channel_.reset();
    all_gone_ = true;
    if (!status_) status_ = ExitStatus{std::nullopt, SIGKILL};
  }
  return *status_;
}

std::vector<pid_t> Process::pids() const {
  return all_gone_ ? std::vector<pid_t>{} : descendants_of(keeper_);
}

namespace {

/// Appends what is there; false at the end of the stream.
bool collect(int fd, std::string* text) {
  char buffer[16 * 1024];
  while (true) {
    const ssize_t n = read(fd, buffer, sizeof buffer);
    if (n == 0) return false;
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    const size_t room = kMaxOutput - text->size();
    text->append(buffer, std::min(room, static_cast<size_t>(n)));
  }
}

}  // namespace

Result<CommandOutput> run_command(ProcessOptions options, Nanos timeout) {
  options.out = Stream::pipe();
  options.err = Stream::pipe();
  const Instant deadline = monotonic_now() + timeout;
  CORUN_ASSIGN(Process process, Process::start(options));
  CommandOutput output;
  std::array<int, 3> fds{process.event_fd(), process.out_fd(), process.err_fd()};
  while (!process.poll()) {
    if (monotonic_now() >= deadline) {
      process.terminate(Nanos(0));
      return failed("'" + options.argv.front() + "' did not end within " +
                    std::to_string(to_seconds(timeout)).substr(0, 5) + " s");
    }
    wait_readable(fds, deadline);
    if (fds[1] >= 0 && !collect(fds[1], &output.out)) fds[1] = -1;
    if (fds[2] >= 0 && !collect(fds[2], &output.err)) fds[2] = -1;
  }
  // Only what the command itself wrote: a daemon it left behind may hold the pipes for ever.
  if (fds[1] >= 0) collect(fds[1], &output.out);
  if (fds[2] >= 0) collect(fds[2], &output.err);
  output.status = *process.poll();
  return output;
}

}  // namespace corun
