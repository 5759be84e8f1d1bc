// nvidia-cuda-mps-control of a simulated node: `-d` starts a daemon, `-f` serves in the foreground,
// without options commands come on standard input. What it answers: docs/mps-control.md.
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "simgpu/tools/mps_daemon.h"

namespace corun::simgpu {
namespace {

int complain(const Error& error) {
  fmt::print(stderr, "nvidia-cuda-mps-control (simulated): {}\n", error.text());
  return 1;
}

int run_foreground() {
  Result<MpsDaemon> daemon = MpsDaemon::start(mps_folders());
  if (!daemon) return complain(daemon.error());
  daemon->run();
  return 0;
}

/// Starts the daemon in a session of its own and returns when it listens (or could not).
int start_daemon() {
  int ready[2];
  if (pipe(ready) != 0) return 1;
  const pid_t pid = fork();
  if (pid < 0) return 1;
  if (pid > 0) {
    close(ready[1]);
    char c = 1;
    const bool up = read(ready[0], &c, 1) == 1 && c == 0;
    if (!up) waitpid(pid, nullptr, 0);
    return up ? 0 : 1;
  }
  close(ready[0]);
  setsid();
  Result<MpsDaemon> daemon = MpsDaemon::start(mps_folders());
  if (!daemon) return complain(daemon.error());
  if (chdir("/") != 0 || freopen("/dev/null", "r", stdin) == nullptr ||
      freopen("/dev/null", "w", stdout) == nullptr ||
      freopen("/dev/null", "w", stderr) == nullptr) {
    return 1;
  }
  const char up = 0;
  if (write(ready[1], &up, 1) != 1) return 1;
  close(ready[1]);
  daemon->run();
  return 0;
}

int pass_commands() {
  const std::string pipe = mps_folders().pipe;
  char* line = nullptr;
  size_t room = 0;
  while (getline(&line, &room, stdin) > 0) {
    const std::string command(line, std::strcspn(line, "\n"));
    if (command.empty()) continue;
    const Result<std::string> reply = ask_mps_daemon(pipe, command);
    if (!reply) {
      free(line);
      fmt::print("Cannot find MPS control daemon process\n");
      return 1;
    }
    fmt::print("{}", *reply);
    std::fflush(stdout);
  }
  free(line);
  return 0;
}

}  // namespace
}  // namespace corun::simgpu

int main(int argc, char** argv) {
  using namespace corun::simgpu;
  const std::string_view option = argc > 1 ? argv[1] : "";
  if (argc == 1) return pass_commands();
  if (option == "-d") return start_daemon();
  if (option == "-f") return run_foreground();
  if (option == "--server") return run_mps_server(mps_folders());
  fmt::print(stderr,
             "usage: nvidia-cuda-mps-control [-d | -f]\n"
             "Controls MPS on a simulated node; without options, commands are read from "
             "standard input.\n");
  return option == "-h" || option == "--help" ? 0 : 2;
}
