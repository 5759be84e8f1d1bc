#include "modes/daemon.h"

#include <fmt/format.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "core/environment.h"
#include "core/fd.h"
#include "core/files.h"
#include "core/log.h"
#include "core/process_tree.h"
#include "core/wait.h"
#include "core/wire/join.h"
#include "gpu/driver_files.h"
#include "modes/applied.h"
#include "modes/place.h"

namespace corun::modes {

namespace fs = std::filesystem;

namespace {

constexpr Nanos kStartPatience = std::chrono::seconds(20);
constexpr Nanos kBetweenTries = std::chrono::milliseconds(10);
constexpr Nanos kQuitPatience = std::chrono::seconds(5);
constexpr Nanos kKillPatience = std::chrono::seconds(10);
/// Should its starter be killed: long enough to open all gates and give the default slices back,
/// and for its watchdog to end after it.
constexpr Nanos kOrphanGrace = std::chrono::seconds(5);
constexpr char kProcessName[] = "corund";

/// The last line that the daemon wrote: why it ended.
std::string last_line(const fs::path& log) {
  auto text = read_file(log);
  if (!text) return "it wrote nothing";
  while (!text->empty() && text->back() == '\n') text->pop_back();
  const size_t line = text->rfind('\n');
  return line == std::string::npos ? *text : text->substr(line + 1);
}

/// Waits until the process is gone; true then.
bool wait_for_end(pid_t pid, Instant deadline) {
  const Fd handle(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!handle) return true;
  const int fd = handle.get();
  return wait_readable({&fd, 1}, deadline)[0];
}

/// Run folders in which a daemon may be, best first, each once.
std::vector<fs::path> daemon_dirs() {
  std::vector<fs::path> dirs;
  const auto add = [&dirs](const fs::path& dir) {
    if (std::find(dirs.begin(), dirs.end(), dir) == dirs.end()) dirs.push_back(dir);
  };
  if (const auto named = environment(wire::kEnvRunDir)) add(*named);
  for (const Place& place : Place::all()) {
    if (const auto held = place.held()) add(held->daemon_dir());
  }
  if (environment(kEnvSimNode)) return dirs;
  for (const Plan& plan : plans_in_force()) add(fs::path(plan.run_dir) / "corun");
  add(client::default_run_dir());
  add(client::kSystemRunDir);
  return dirs;
}

Status give_settings(client::Client& daemon, const DaemonChoice& choice) {
  if (!choice.policy && !choice.linger_us && !choice.quantum_ms) return {};
  client::SettingsChange change;
  change.policy = choice.policy;
  change.linger_us = choice.linger_us;
  if (choice.linger_us) change.learn_linger = false;
  change.quantum_ms = choice.quantum_ms;
  const auto settings = daemon.change_settings(change);
  return settings ? Status() : Status(settings.error());
}

}  // namespace

std::vector<RunningDaemon> running_daemons() {
  std::vector<RunningDaemon> daemons;
  for (const fs::path& dir : daemon_dirs()) {
    for (const std::string& uuid : client::gpus_with_daemon(dir)) {
      auto daemon = client::Client::connect(dir, uuid);
      if (!daemon) continue;  // a socket that a killed one left
      auto status = daemon->status();
      if (status) {
        daemons.push_back({dir, std::move(*status)});
      } else {
        log::debug("{}", status.error().text());
      }
    }
  }
  return daemons;
}

std::optional<RunningDaemon> find_daemon(const GpuInfo& gpu) {
  for (RunningDaemon& daemon : running_daemons()) {
    const client::GpuStatus& its = daemon.status.gpu;
    // All simulated nodes may have the same UUID: only the named one's daemon is this GPU's.
    const bool same_node =
        its.simulated == gpu.simulated && (!gpu.simulated || environment(kEnvSimNode).has_value());
    if (its.uuid == gpu.uuid && same_node) return std::move(daemon);
  }
  return std::nullopt;
}

Status check_choice(const RunningDaemon& daemon, const DaemonChoice& choice) {
  const client::DaemonSettings& there = daemon.status.settings;
  const auto differs = [&](std::string_view what, const auto& wanted, const auto& has) -> Status {
    if (!wanted || *wanted == has) return {};
    return failed(fmt::format("corund (PID {}) governs the GPU with {} {}, not {}",
                              daemon.status.pid, what, has, *wanted),
                  "leave the option out, or end that daemon");
  };
  CORUN_TRY(differs("policy", choice.policy, there.policy));
  CORUN_TRY(differs("linger (us)", choice.linger_us, there.linger_us));
  return differs("quantum (ms)", choice.quantum_ms, there.quantum_ms);
}

ProcessOptions daemon_process(const EngineFiles& files, const GpuInfo& gpu,
                              const DaemonStart& start) {
  ProcessOptions options;
  options.argv = {files.daemon.string(),  "--gpu",       gpu.uuid, "--run-dir",
                  start.run_dir.string(), "--foreground"};
  if (start.slices) options.argv.insert(options.argv.end(), {"--slices", *start.slices});
  if (start.mps) options.argv.insert(options.argv.end(), {"--backend", "mps"});
  options.set_env = start.env;
  options.set_env[wire::kEnvRunDir] = start.run_dir.string();  // stop_daemon() finds it by this
  if (const auto devices = gpu::DriverFiles::from_environment().device_library()) {
    prepend_variable(options.set_env, "LD_PRELOAD", devices->string());
  }
  options.out = Stream::file(start.log);
  options.err = Stream::file(start.log);
  options.orphan_grace = kOrphanGrace;
  return options;
}

Status wait_for_daemon(const GpuInfo& gpu, const DaemonStart& start, const DaemonChoice& choice,
                       const std::function<bool()>& ended) {
  const Instant deadline = monotonic_now() + kStartPatience;
  while (true) {
    const bool gone = ended();
    auto daemon = client::Client::connect(start.run_dir, gpu.uuid);
    if (daemon && daemon->status()) return give_settings(*daemon, choice);
    if (gone) return failed("corund does not start: " + last_line(start.log));
    if (monotonic_now() >= deadline) {
      return failed("corund does not answer in " + start.run_dir.string(),
                    "see " + start.log.string());
    }
    sleep_until(monotonic_now() + kBetweenTries);
  }
}

Status stop_daemon(const fs::path& run_dir, const std::string& gpu_uuid) {
  auto daemon = client::Client::connect(run_dir, gpu_uuid);
  if (daemon) {
    const auto status = daemon->status();
    const Status asked = daemon->shutdown();
    if (!asked) log::debug("{}", asked.error().text());
    if (asked && status) wait_for_end(status->pid, monotonic_now() + kQuitPatience);
  }
  const Instant deadline = monotonic_now() + kKillPatience;
  for (pid_t pid : processes_with(kProcessName, wire::kEnvRunDir, run_dir.string())) {
    if (pid == getpid()) continue;
    kill(pid, SIGKILL);
    if (!wait_for_end(pid, deadline)) {
      return failed(fmt::format("corund (PID {}) of {} cannot be killed", pid, run_dir.string()));
    }
  }
  return {};
}

}  // namespace corun::modes
