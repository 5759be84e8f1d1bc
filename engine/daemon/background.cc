// start_daemon(): the daemon in a process of its own that outlives its starter.
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>

#include "core/exit_code.h"
#include "core/fd.h"
#include "core/log.h"
#include "engine/client/run_dir.h"
#include "engine/daemon/corund.h"

namespace corun::daemon {

namespace {

bool send_text(int socket, const std::string& text) {
  return send(socket, text.data(), text.size(), MSG_NOSIGNAL) >= 0;
}

/// The daemon's side: a session of its own, its log in the run dir, "ready" or the error's kind and
/// text to the starter.
[[noreturn]] void run_in_background(Options options, Fd to_starter) {
  setsid();
  const Status made = client::make_run_dir(options.run_dir);
  Status status = made;
  if (made) {
    const auto log_file = options.run_dir / "corund.log";
    const Fd out(
        open(log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
    const Fd in(open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (in) dup2(in.get(), 0);
    if (out) dup2(out.get(), 1);
    if (out) dup2(out.get(), 2);
    options.ready_fd = fcntl(to_starter.get(), F_DUPFD_CLOEXEC, 0);
    status = run_daemon(options);
  }
  if (status) _exit(0);
  const std::string text =
      std::to_string(static_cast<int>(status.error().kind)) + status.error().text();
  // Once it was ready the starter is gone, and the log is the place.
  if (send_text(to_starter.get(), text)) _exit(0);
  log::error("{}", status.error().text());
  _exit(static_cast<int>(exit_code(status.error().kind)));
}

std::string read_all(int fd) {
  std::string text;
  std::array<char, 1024> bytes{};
  while (true) {
    const ssize_t n = read(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return text;
    text.append(bytes.data(), static_cast<size_t>(n));
    if (text.find('\n') != std::string::npos) return text;
  }
}

}  // namespace

Status start_daemon(const Options& options) {
  if (options.foreground) return run_daemon(options);
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    return failed(std::string("socketpair: ") + std::strerror(errno));
  }
  const Fd from_daemon(ends[0]);
  Fd to_starter(ends[1]);
  const pid_t pid = fork();
  if (pid < 0) return failed(std::string("fork: ") + std::strerror(errno));
  if (pid == 0) run_in_background(options, std::move(to_starter));
  to_starter.reset();
  const std::string said = read_all(from_daemon.get());
  if (said == "ready\n") {
    fmt::print("corund runs in the background, pid {}; its log is {}\n", pid,
               (options.run_dir / "corund.log").string());
    return {};
  }
  if (said.empty()) return failed("corund ended before it was ready", "try --foreground");
  return Error{static_cast<ErrorKind>(said[0] - '0'), said.substr(1), {}};
}

}  // namespace corun::daemon
