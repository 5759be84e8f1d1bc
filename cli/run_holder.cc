#include "cli/run_holder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "core/environment.h"
#include "core/json_values.h"
#include "core/log.h"
#include "core/signals.h"
#include "core/wait.h"
#include "modes/mode.h"
#include "modes/restarts.h"

namespace corun::cli {

namespace fs = std::filesystem;

namespace {

constexpr Nanos kLook = std::chrono::milliseconds(200);
/// A script's next run finds everything still there.
constexpr Nanos kLinger = std::chrono::seconds(2);
constexpr Nanos kHolderStartPatience = std::chrono::seconds(60);

std::string node_text(const NodeChoice& choice) {
  return choice.kind == NodeChoice::Kind::kReal ? "real" : "simulated:" + choice.profile;
}

Json to_json(const HolderOptions& options, int ready) {
  return {{"place", options.place.folder().string()},
          {"ready", ready},
          {"node", node_text(options.node)},
          {"device", options.device},
          {"mode", options.mode},
          {"policy", or_null(options.choice.policy)},
          {"linger_us", or_null(options.choice.linger_us)},
          {"quantum_ms", or_null(options.choice.quantum_ms)},
          {"slices", or_null(options.choice.slices)}};
}

template <typename T>
void read_optional(const Json& value, const char* key, std::optional<T>& out) {
  if (!value.at(key).is_null()) out = value.at(key).get<T>();
}

struct Order {
  HolderOptions options;
  Fd ready;
};

Result<Order> order_from_json(const std::string& text) {
  CORUN_ASSIGN(const Json value, parse_json(text, kHoldOption));
  try {
    CORUN_ASSIGN(const NodeChoice node, parse_node_choice(value.at("node").get<std::string>()));
    Order order{{modes::Place(value.at("place").get<std::string>()),
                 node,
                 value.at("device").get<int>(),
                 value.at("mode").get<std::string>(),
                 {}},
                Fd(value.at("ready").get<int>())};
    read_optional(value, "policy", order.options.choice.policy);
    read_optional(value, "linger_us", order.options.choice.linger_us);
    read_optional(value, "quantum_ms", order.options.choice.quantum_ms);
    read_optional(value, "slices", order.options.choice.slices);
    return order;
  } catch (const Json::exception&) {
    return usage_error(std::string(kHoldOption) + " is corun's own option");
  }
}

/// Marks what this program has inherited: a pipe whose end somebody waits for, the users' lock of a
/// run around this one. The holder outlives all of them.
void close_inherited_on_exec() {
  constexpr unsigned kCloseOnExec = 1U << 2;  // CLOSE_RANGE_CLOEXEC
  constexpr int kFallbackMaxFd = 65536;       // before Linux 5.11
  if (syscall(SYS_close_range, STDERR_FILENO + 1U, ~0U, kCloseOnExec) == 0) return;
  for (int fd = STDERR_FILENO + 1; fd < kFallbackMaxFd; ++fd) fcntl(fd, F_SETFD, FD_CLOEXEC);
}

/// Between fork and exec: only system calls.
[[noreturn]] void become_holder(char* const* argv, int log, int ready) {
  setsid();
  if (fork() != 0) _exit(0);  // an orphan from here on: nobody has to wait for it
  const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
  dup2(null, STDIN_FILENO);
  dup2(log, STDOUT_FILENO);
  dup2(log, STDERR_FILENO);
  close_inherited_on_exec();
  fcntl(ready, F_SETFD, 0);
  execv("/proc/self/exe", argv);
  _exit(127);
}

/// Everything that the other end writes until it closes.
std::string read_all(int fd, Instant deadline) {
  std::string text;
  char buffer[512];
  while (wait_readable({&fd, 1}, deadline)[0]) {
    const ssize_t n = read(fd, buffer, sizeof buffer);
    if (n <= 0) return text;
    text.append(buffer, static_cast<size_t>(n));
  }
  return text;
}

Error error_from(const std::string& text, const modes::Place& place) {
  const auto value = parse_json(text, "the holder");
  const std::string see = "see " + place.log().string();
  if (!value || !value->is_object() || !value->contains("what")) {
    return failed("the mode could not be brought into force", see);
  }
  return Error{static_cast<ErrorKind>(value->value("kind", 0)), value->value("what", ""),
               value->value("todo", "")};
}

/// Starts the mode's daemon again when it has crashed.
class Reviver {
 public:
  Reviver(modes::Mode& mode, const modes::Plan& plan) : mode_(mode), plan_(plan) {}

  void look(Instant now) {
    const auto crashed = mode_.crashed(plan_);
    if (!crashed || given_up_) return;
    if (!due_) {
      due_ = restarts_.after_end(started_, now);
      if (!due_) return give_up(*crashed);
      log::warn("corund: {}; it is started again", *crashed);
    }
    if (now < *due_) return;
    due_.reset();
    const Status up = mode_.restart(plan_);
    started_ = monotonic_now();
    if (!up) log::error("{}", up.error().text());
  }

 private:
  void give_up(const std::string& crashed) {
    given_up_ = true;
    log::error(
        "corund: {}; it ended {} times and is not started again: workloads run as if corun "
        "were absent",
        crashed, restarts_.ends());
  }

  modes::Mode& mode_;
  const modes::Plan& plan_;
  modes::Restarts restarts_;
  Instant started_ = monotonic_now();
  std::optional<Instant> due_;  ///< of the next start
  bool given_up_ = false;
};

/// Waits until nobody has used the place for a moment, or until the holder is told to end; returns
/// the start lock, so that nobody begins while everything is undone.
Result<Fd> wait_for_the_last(const modes::Place& place, const InterruptGuard& guard,
                             Reviver& reviver) {
  Instant busy = monotonic_now();
  while (true) {
    const int fd = guard.fd();
    wait_readable({&fd, 1}, monotonic_now() + kLook);
    reviver.look(monotonic_now());
    CORUN_ASSIGN(const Fd users, lock(place.users_lock(), LOCK_EX | LOCK_NB));
    if (!users && !guard.requested()) busy = monotonic_now();
    if (monotonic_now() - busy < kLinger && !guard.requested()) continue;
    CORUN_ASSIGN(Fd start, lock(place.start_lock(), LOCK_EX | LOCK_NB));
    if (start) return start;
    if (guard.count() > 1) return failed("ended at once");
  }
}

Status hold_until_the_end(const Order& order, Fd& ready) {
  const InterruptGuard guard;
  const HolderOptions& options = order.options;
  if (const auto undone = modes::undo_leftovers()) {
    for (const std::string& line : *undone) log::warn("{}", line);
  }
  CORUN_ASSIGN(const Node node, Node::open(options.node));
  CORUN_ASSIGN(const GpuInfo gpu, node.gpu(options.device));
  CORUN_ASSIGN(const auto mode, modes::find_mode(options.mode, options.choice));
  CORUN_TRY(mode->can(gpu));
  Share anybody;
  anybody.workload = "corun-run";
  CORUN_ASSIGN(modes::Plan plan, mode->plan(gpu, {&anybody, 1}));
  CORUN_ASSIGN(modes::AppliedPlan applied, modes::AppliedPlan::apply(*mode, std::move(plan)));
  const auto self = identify(getpid());
  CORUN_CHECK(self.has_value(), "this process is not in /proc");
  CORUN_TRY(options.place.write({*self, applied.plan(), environment(kEnvSimNode).value_or(""),
                                 environment(kEnvDriverDir).value_or("")}));
  ready.reset();  // without a word: everything is in force
  Reviver reviver(*mode, applied.plan());
  auto start = wait_for_the_last(options.place, guard, reviver);
  options.place.clear();
  return applied.undo();
}

}  // namespace

Result<Fd> lock(const fs::path& file, int operation) {
  Fd fd(open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd) return failed("cannot open " + file.string() + ": " + std::strerror(errno));
  while (flock(fd.get(), operation) != 0) {
    if (errno == EINTR) continue;
    if (errno == EWOULDBLOCK) return Fd();
    return failed("cannot lock " + file.string() + ": " + std::strerror(errno));
  }
  return fd;
}

Status start_holder(const HolderOptions& options) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return failed("cannot make a pipe");
  const Fd reader(ends[0]);
  Fd writer(ends[1]);
  const Fd log(open(options.place.log().c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!log) return failed("cannot write " + options.place.log().string());
  std::string words[] = {"corun", "run", kHoldOption, to_line(to_json(options, writer.get()))};
  char* const argv[] = {words[0].data(), words[1].data(), words[2].data(), words[3].data(),
                        nullptr};
  const pid_t pid = fork();
  if (pid < 0) return failed(std::string("cannot start a process: ") + std::strerror(errno));
  if (pid == 0) become_holder(argv, log.get(), writer.get());
  waitpid(pid, nullptr, 0);
  writer.reset();
  const std::string said = read_all(reader.get(), monotonic_now() + kHolderStartPatience);
  if (said.empty() && options.place.held()) return {};
  return error_from(said, options.place);
}

Result<ExitCode> hold(const std::string& text) {
  CORUN_ASSIGN(Order order, order_from_json(text));
  const Status held = hold_until_the_end(order, order.ready);
  if (held) return ExitCode::kOk;
  const Error& error = held.error();
  const std::string line =
      to_line({{"kind", static_cast<int>(error.kind)}, {"what", error.what}, {"todo", error.todo}});
  if (order.ready && write(order.ready.get(), line.data(), line.size()) < 0) {
    log::debug("nobody listens");
  }
  return error;
}

}  // namespace corun::cli
