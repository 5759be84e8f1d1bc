#include "tests/shim/workload.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>

#include "core/clock.h"

namespace corun::shim::testing {

namespace {

constexpr auto kPatience = std::chrono::seconds(10);

std::string preloads(const Workload::Options& options) {
  std::string list;
  for (const std::string& library :
       {options.before, options.preloaded ? std::string(SHIM_LIBRARY) : "", options.behind}) {
    if (!library.empty()) {
      list.append(list.empty() ? "" : ":").append(library);
    }
  }
  return list;
}

}  // namespace

std::string counting_library() { return SHIM_FILES "/libshim_test_counting.so"; }

Workload::Workload(const Options& options) {
  const std::string program =
      !options.program.empty()
          ? options.program
          : std::string(SHIM_FILES) + (options.linked ? "/shim_app_linked" : "/shim_app");
  const std::string driver = SHIM_FILES "/libcuda.so.1";
  std::vector<std::string> variables = {"LD_PRELOAD=" + preloads(options)};
  for (const auto& [name, value] : options.environment) {
    variables.push_back(std::string(name).append("=").append(value));
  }
  std::vector<char*> environment;
  environment.reserve(variables.size() + 1);
  for (std::string& variable : variables) {
    environment.push_back(variable.data());
  }
  environment.push_back(nullptr);
  const char* const arguments[] = {program.c_str(), options.via.c_str(), driver.c_str(), nullptr};
  int in[2];
  int out[2];
  if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0) {
    return;
  }
  pid_ = fork();
  if (pid_ == 0) {
    dup2(in[0], 0);
    dup2(out[1], 1);
    execve(program.c_str(), const_cast<char* const*>(arguments), environment.data());
    _exit(127);
  }
  close(in[0]);
  close(out[1]);
  to_ = in[1];
  from_ = out[0];
  signal(SIGPIPE, SIG_IGN);
}

Workload::~Workload() {
  close(to_);
  const auto until = monotonic_now() + kPatience;
  while (waitpid(pid_, nullptr, WNOHANG) == 0) {
    if (monotonic_now() > until) {
      kill(pid_, SIGKILL);
    }
    sleep_until(monotonic_now() + std::chrono::milliseconds(1));
  }
  close(from_);
}

std::string Workload::ask(const std::string& command) {
  const std::string line = command + "\n";
  if (write(to_, line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
    return "";
  }
  std::string answer;
  const auto until = monotonic_now() + kPatience;
  while (monotonic_now() < until) {
    pollfd poll_fd = {.fd = from_, .events = POLLIN, .revents = 0};
    if (poll(&poll_fd, 1, 100) <= 0) {
      continue;
    }
    char byte = 0;
    if (read(from_, &byte, 1) != 1) {
      return "";
    }
    if (byte == '\n') {
      return answer;
    }
    answer += byte;
  }
  return "";
}

bool Workload::becomes(const std::string& command, const std::string& answer) {
  return eventually([&] { return ask(command) == answer; });
}

bool eventually(const std::function<bool()>& condition) {
  const auto until = monotonic_now() + kPatience;
  while (!condition()) {
    if (monotonic_now() > until) {
      return false;
    }
    sleep_until(monotonic_now() + std::chrono::milliseconds(2));
  }
  return true;
}

}  // namespace corun::shim::testing
