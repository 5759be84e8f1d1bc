// corun-simgpud: one simulated node (docs/simulated-gpu.md).
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "core/exit_code.h"
#include "core/files.h"
#include "core/log.h"
#include "core/resources.h"
#include "simgpu/server/loop.h"

namespace fs = std::filesystem;

namespace corun::simgpu {
namespace {

struct Options {
  std::string node;
  std::string profile = "h100";
  uint32_t gpus = 1;
  std::vector<std::string> costs;
  int ready_fd = -1;
  int lifeline_fd = -1;
  int owner_pid = 0;
};

fs::path program_folder() {
  std::error_code error;
  return fs::read_symlink("/proc/self/exe", error).parent_path();
}

Result<Profile> find_profile(const std::string& name) {
  if (name.find('/') != std::string::npos || name.ends_with(".json")) return read_profile(name);
  const fs::path path = program_folder() / "profiles" / (name + ".json");
  if (fs::exists(path)) return read_profile(path);
  return usage_error("unknown GPU profile " + name + " (no " + path.string() + ")",
                     "name a profile of that folder, or a JSON file");
}

Result<CostTable> read_costs(std::vector<std::string> folders) {
  if (folders.empty()) folders.push_back((program_folder() / "costs").string());
  CostTable table;
  for (const std::string& folder : folders) {
    std::error_code error;
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(folder, error)) {
      if (entry.path().extension() == ".json") files.push_back(entry.path());
    }
    if (error) return usage_error("cannot read the cost folder " + folder + ": " + error.message());
    std::sort(files.begin(), files.end());
    for (const fs::path& file : files) CORUN_TRY(table.add_file(file));
  }
  return table;
}

Result<Fd> signal_descriptor() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGHUP);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  Fd fd(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd) return failed(std::string("signalfd: ") + std::strerror(errno));
  return fd;
}

Result<std::vector<Fd>> stop_descriptors(const Options& options) {
  std::vector<Fd> stops;
  CORUN_ASSIGN(Fd signals, signal_descriptor());
  stops.push_back(std::move(signals));
  if (options.lifeline_fd >= 0) stops.emplace_back(options.lifeline_fd);
  if (options.owner_pid > 0) {
    Fd owner(static_cast<int>(syscall(SYS_pidfd_open, options.owner_pid, 0)));
    if (!owner) {
      return failed("cannot watch the owner, pid " + std::to_string(options.owner_pid) + ": " +
                    std::strerror(errno));
    }
    stops.push_back(std::move(owner));
  }
  return stops;
}

Status tell_ready(const Options& options) {
  CORUN_TRY(
      write_file_atomically(fs::path(options.node) / "ready", std::to_string(getpid()) + "\n"));
  if (options.ready_fd >= 0) {
    Fd pipe(options.ready_fd);
    if (write(pipe.get(), "ready\n", 6) != 6) return failed("cannot write to --ready-fd");
  }
  return {};
}

Status run(const Options& options) {
  CORUN_ASSIGN(Profile profile, find_profile(options.profile));
  CORUN_ASSIGN(CostTable costs, read_costs(options.costs));
  std::error_code error;
  const bool made = fs::create_directories(options.node, error);
  if (error) return failed("cannot make " + options.node + ": " + error.message());
  LoopOptions loop_options;
  CORUN_ASSIGN(loop_options.stop_on, stop_descriptors(options));
  CORUN_ASSIGN(loop_options.listener, listen_in_folder(options.node));
  prctl(PR_SET_TIMERSLACK, 1UL);
  allow_many_descriptors();
  // It stands for hardware: where the system allows it, it goes before the programs that it serves.
  if (setpriority(PRIO_PROCESS, 0, -15) != 0) log::debug("no priority: {}", std::strerror(errno));
  Loop loop(std::move(loop_options));
  Node node(std::move(profile), options.gpus, std::move(costs), monotonic_now(), loop);
  CORUN_TRY(tell_ready(options));
  Status served = loop.serve(node);
  fs::remove(fs::path(options.node) / "ready", error);
  fs::remove(fs::path(options.node) / "socket", error);
  if (made) fs::remove(options.node, error);  // only when nothing else is in it
  return served;
}

}  // namespace
}  // namespace corun::simgpu

int main(int argc, char** argv) {
  corun::simgpu::Options options;
  CLI::App app("corun-simgpud: serves a simulated node until SIGTERM or its owner's end");
  app.add_option("--node", options.node, "folder of the node; the socket is made in it")
      ->required();
  app.add_option("--profile", options.profile, "GPU profile: a name or a JSON file");
  app.add_option("--gpus", options.gpus, "number of GPUs")->check(CLI::Range(1, 32));
  app.add_option("--costs", options.costs, "folder of kernel cost files (default: costs/)");
  app.add_option("--ready-fd", options.ready_fd, "write \"ready\" to this descriptor, close it");
  app.add_option("--lifeline-fd", options.lifeline_fd, "end when this descriptor is readable");
  app.add_option("--owner-pid", options.owner_pid, "end when this process ends");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(corun::ExitCode::kUsage);
  }
  const corun::Status status = corun::simgpu::run(options);
  return corun::end_program(status);
}
