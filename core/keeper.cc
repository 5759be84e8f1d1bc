#include "core/keeper.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstring>
#include <ctime>
#include <string_view>

namespace corun::keeper {

namespace {

constexpr int kFirstFd = 3;
constexpr int kFallbackMaxFd = 65536;  // where close_range is missing (before Linux 5.11)
constexpr int kKillRoundMs = 20;       // between two searches for what a kill has left

int64_t now_ms() {
  timespec ts{};
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return static_cast<int64_t>(ts.tv_sec) * 1000 + ts.tv_nsec / 1'000'000;
}

// --- The process table --------------------------------------------------------------------------

struct Entry {
  pid_t pid;
  pid_t parent;
  bool ours;
};

/// All living processes, in memory of its own (mmap, since the heap may be locked).
class ProcessTable {
 public:
  ~ProcessTable() {
    if (entries_ != nullptr) munmap(entries_, capacity_ * sizeof(Entry));
  }
  ProcessTable() = default;
  ProcessTable(const ProcessTable&) = delete;
  ProcessTable& operator=(const ProcessTable&) = delete;

  void read();
  void mark_descendants(pid_t root);
  const Entry* begin() const { return entries_; }
  const Entry* end() const { return entries_ + count_; }

 private:
  bool add(pid_t pid, pid_t parent);

  Entry* entries_ = nullptr;
  size_t count_ = 0;
  size_t capacity_ = 0;
};

bool ProcessTable::add(pid_t pid, pid_t parent) {
  if (count_ == capacity_) {
    const size_t wanted = capacity_ == 0 ? 8192 : capacity_ * 2;
    void* memory =
        entries_ == nullptr
            ? mmap(nullptr, wanted * sizeof(Entry), PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
            : mremap(entries_, capacity_ * sizeof(Entry), wanted * sizeof(Entry), MREMAP_MAYMOVE);
    if (memory == MAP_FAILED) return false;
    entries_ = static_cast<Entry*>(memory);
    capacity_ = wanted;
  }
  entries_[count_++] = {pid, parent, false};
  return true;
}

/// The parent of a living process from /proc/PID/stat: `PID (NAME) STATE PARENT ...`, where NAME
/// may hold anything.
bool read_parent(int proc, const char* pid_text, pid_t* parent) {
  constexpr std::string_view kFile = "/stat";
  char path[32] = {};
  const std::string_view pid(pid_text);
  if (pid.size() + kFile.size() >= sizeof path) return false;
  pid.copy(path, pid.size());
  kFile.copy(path + pid.size(), kFile.size());
  const int fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  char text[512];
  const ssize_t n = ::read(fd, text, sizeof text - 1);
  close(fd);
  if (n <= 0) return false;
  text[n] = '\0';
  const char* p = strrchr(text, ')');
  if (p == nullptr || p[1] != ' ' || p[2] == '\0' || p[2] == 'Z' || p[2] == 'X') return false;
  pid_t value = 0;
  for (p += 4; *p >= '0' && *p <= '9'; ++p) value = value * 10 + (*p - '0');
  *parent = value;
  return true;
}

struct DirectoryEntry {  // as getdents64 writes it
  uint64_t inode;
  int64_t offset;
  uint16_t length;
  uint8_t type;
  char name[1];
};

void ProcessTable::read() {
  count_ = 0;
  const int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (proc < 0) return;
  alignas(DirectoryEntry) char buffer[16 * 1024];
  while (true) {
    const long n = syscall(SYS_getdents64, proc, buffer, sizeof buffer);
    if (n <= 0) break;
    for (long at = 0; at < n;) {
      const auto* entry = reinterpret_cast<const DirectoryEntry*>(buffer + at);
      at += entry->length;
      pid_t pid = 0;
      const char* p = entry->name;
      for (; *p >= '0' && *p <= '9'; ++p) pid = pid * 10 + (*p - '0');
      if (*p != '\0' || pid == 0) continue;
      pid_t parent = 0;
      if (read_parent(proc, entry->name, &parent) && !add(pid, parent)) break;
    }
  }
  close(proc);
}

void ProcessTable::mark_descendants(pid_t root) {
  const auto before = [](const Entry& a, const Entry& b) { return a.pid < b.pid; };
  std::sort(entries_, entries_ + count_, before);
  for (bool more = true; more;) {  // one pass, unless PIDs have wrapped around
    more = false;
    for (size_t i = 0; i < count_; ++i) {
      Entry& entry = entries_[i];
      if (entry.ours) continue;
      const Entry wanted{entry.parent, 0, false};
      const Entry* parent = std::lower_bound(entries_, entries_ + count_, wanted, before);
      const bool listed = parent != end() && parent->pid == entry.parent;
      entry.ours = entry.parent == root || (listed && parent->ours);
      more |= entry.ours;
    }
  }
}

/// Sends a signal to every living descendant of this process.
void signal_descendants(int number) {
  ProcessTable table;
  table.read();
  table.mark_descendants(getpid());
  for (const Entry& entry : table) {
    if (entry.ours) kill(entry.pid, number);
  }
}

// --- The command --------------------------------------------------------------------------------

void close_from(unsigned first, unsigned last) {
  if (first > last || syscall(SYS_close_range, first, last, 0) == 0) return;
  const int end = static_cast<int>(std::min<unsigned>(last, kFallbackMaxFd));
  for (int fd = static_cast<int>(first); fd <= end; ++fd) close(fd);
}

/// Closes all descriptors from 3 on but these two.
void keep_only(int a, int b) {
  const auto low = static_cast<unsigned>(std::min(a, b));
  const auto high = static_cast<unsigned>(std::max(a, b));
  close_from(kFirstFd, low - 1);
  close_from(low + 1, high - 1);
  close_from(high + 1, ~0U);
}

void close_on_exec_from(int first) {
  constexpr unsigned kCloseOnExec = 1U << 2;  // CLOSE_RANGE_CLOEXEC
  if (syscall(SYS_close_range, static_cast<unsigned>(first), ~0U, kCloseOnExec) == 0) return;
  for (int fd = first; fd <= kFallbackMaxFd; ++fd) fcntl(fd, F_SETFD, FD_CLOEXEC);
}

void default_signals() {
  struct sigaction action = {};
  action.sa_handler = SIG_DFL;
  sigemptyset(&action.sa_mask);
  for (int number = 1; number < NSIG; ++number) sigaction(number, &action, nullptr);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

bool place_streams(const Launch& launch) {
  for (int i = 0; i < 3; ++i) {
    if (launch.streams[i] >= 0 && dup2(launch.streams[i], i) < 0) return false;
  }
  close_on_exec_from(kFirstFd);
  for (size_t i = 0; i < launch.inherit_count; ++i) {
    if (fcntl(launch.inherit_fds[i], F_SETFD, 0) != 0) return false;
  }
  return true;
}

/// In the command's process: becomes the command, or returns the step that failed (see errno).
Step become(const Launch& launch, pid_t keeper) {
  setsid();
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != keeper) _exit(127);  // the keeper died before the line above
  if (launch.directory != nullptr && chdir(launch.directory) != 0) return Step::kDirectory;
  if (launch.cpus != nullptr && sched_setaffinity(0, launch.cpus_size, launch.cpus) != 0) {
    return Step::kCpus;
  }
  if (!place_streams(launch)) return Step::kStreams;
  default_signals();
  execve(launch.path, launch.argv, launch.environment);
  return Step::kProgram;
}

/// The command's PID, or -1 with `failure` filled.
pid_t start(const Launch& launch, int channel, Report* failure) {
  failure->kind = Report::Kind::kFailed;
  failure->step = Step::kFork;
  int news[2];  // closed by a successful exec
  if (pipe2(news, O_CLOEXEC) != 0) {
    failure->value = errno;
    return -1;
  }
  const pid_t keeper = getpid();
  const pid_t pid = fork();
  if (pid < 0) {
    failure->value = errno;
    return -1;
  }
  if (pid == 0) {
    Report report{Report::Kind::kFailed, 0, Step::kNone};
    report.step = become(launch, keeper);
    report.value = errno;
    [[maybe_unused]] const ssize_t n = write(news[1], &report, sizeof report);
    _exit(127);
  }
  keep_only(channel, news[0]);
  const ssize_t n = read(news[0], failure, sizeof *failure);
  close(news[0]);
  if (n != static_cast<ssize_t>(sizeof *failure)) return pid;
  waitpid(pid, nullptr, 0);
  return -1;
}

// --- The watch ----------------------------------------------------------------------------------

class Watch {
 public:
  Watch(int channel, int children, pid_t command, int32_t orphan_grace_ms)
      : channel_(channel),
        children_(children),
        command_(command),
        orphan_grace_ms_(orphan_grace_ms) {}
  /// Returns when no descendant is left.
  void run();

 private:
  enum class Phase { kWatching, kTerminating, kKilling };

  bool reap();
  void obey();
  void terminate(int32_t grace_ms);
  int timeout_ms() const;
  void report(Report::Kind kind, int32_t value) const {
    const Report r{kind, value, Step::kNone};
    send(channel_, &r, sizeof r, MSG_NOSIGNAL | MSG_DONTWAIT);
  }

  const int channel_;
  const int children_;  // signalfd of SIGCHLD
  const pid_t command_;
  const int32_t orphan_grace_ms_;
  bool command_ended_ = false;
  bool parent_gone_ = false;
  Phase phase_ = Phase::kWatching;
  int64_t kill_at_ms_ = 0;
};

/// Reaps what has ended; false when no child is left.
bool Watch::reap() {
  while (true) {
    int status = 0;
    const pid_t pid = waitpid(-1, &status, WNOHANG);
    if (pid == 0) return true;
    if (pid < 0) return errno != ECHILD;
    if (pid == command_) {
      command_ended_ = true;
      report(Report::Kind::kExited, status);
    }
  }
}

void Watch::obey() {
  Order order;
  const ssize_t n = recv(channel_, &order, sizeof order, MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n != static_cast<ssize_t>(sizeof order)) {  // the parent has let go, or is dead
    parent_gone_ = true;
    terminate(orphan_grace_ms_);
    return;
  }
  switch (order.kind) {
    case Order::Kind::kSignal:
      if (!command_ended_) {
        kill(-command_, order.value);
      } else {
        signal_descendants(order.value);  // its group number may belong to others by now
      }
      return;
    case Order::Kind::kTerminate:
      terminate(order.value);
      return;
  }
}

void Watch::terminate(int32_t grace_ms) {
  if (grace_ms <= 0) {
    phase_ = Phase::kKilling;
  } else if (phase_ == Phase::kWatching) {
    phase_ = Phase::kTerminating;
    kill_at_ms_ = now_ms() + grace_ms;
    signal_descendants(SIGTERM);
  }
}

int Watch::timeout_ms() const {
  switch (phase_) {
    case Phase::kWatching:
      return -1;
    case Phase::kTerminating:
      return static_cast<int>(std::clamp<int64_t>(kill_at_ms_ - now_ms(), 0, INT_MAX));
    case Phase::kKilling:
      return kKillRoundMs;
  }
  return -1;
}

void Watch::run() {
  while (reap()) {
    if (phase_ == Phase::kTerminating && now_ms() >= kill_at_ms_) phase_ = Phase::kKilling;
    if (phase_ == Phase::kKilling) signal_descendants(SIGKILL);
    pollfd fds[2] = {{children_, POLLIN, 0}, {parent_gone_ ? -1 : channel_, POLLIN, 0}};
    if (poll(fds, 2, timeout_ms()) < 0) continue;
    if (fds[0].revents != 0) {
      signalfd_siginfo ignored;
      [[maybe_unused]] const ssize_t n = read(children_, &ignored, sizeof ignored);
    }
    if (fds[1].revents != 0) obey();
  }
}

void let_go_of_streams() {
  const int null = open("/dev/null", O_RDWR);
  for (int fd = 0; fd < kFirstFd; ++fd) {
    if (null < 0 || dup2(null, fd) < 0) close(fd);
  }
  if (null >= kFirstFd) close(null);
}

}  // namespace

void run(int channel, const Launch& launch) {
  setsid();
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  prctl(PR_SET_NAME, "corun-keeper");
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, nullptr);
  // The launching program may ignore SIGCHLD, which would make waitpid lose the statuses.
  struct sigaction as_usual = {};
  as_usual.sa_handler = SIG_DFL;
  sigaction(SIGCHLD, &as_usual, nullptr);
  Report failure;
  const pid_t command = start(launch, channel, &failure);
  let_go_of_streams();
  if (command < 0) {
    send(channel, &failure, sizeof failure, MSG_NOSIGNAL);
    _exit(1);
  }
  const Report started{Report::Kind::kStarted, command, Step::kNone};
  send(channel, &started, sizeof started, MSG_NOSIGNAL);
  sigset_t children;
  sigemptyset(&children);
  sigaddset(&children, SIGCHLD);
  Watch(channel, signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK), command,
        launch.orphan_grace_ms)
      .run();
  _exit(0);
}

}  // namespace corun::keeper
