// A CUDA process runs without MPS, silently, when no daemon answers: hence check(). A killed client
// can upset its server: hence a fresh daemon per plan, and clients are terminated through it before
// the end.
#include "modes/mps_server.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>

#include "core/environment.h"
#include "core/fd.h"
#include "core/log.h"
#include "core/process_tree.h"
#include "core/units.h"
#include "core/wait.h"
#include "gpu/mps_control.h"
#include "modes/common.h"
#include "modes/mps.h"

namespace corun::modes {

namespace fs = std::filesystem;

namespace {

constexpr Nanos kMpsStartPatience = std::chrono::seconds(20);
constexpr Nanos kMpsQuitPatience = std::chrono::seconds(3);
constexpr Nanos kMpsKillPatience = std::chrono::seconds(10);
constexpr int kFirstComputeMajor = 7;  // before Volta clients share one address space
constexpr char kMpsProcessName[] = "nvidia-cuda-mps";

fs::path pipe_dir(const Plan& plan) { return fs::path(plan.run_dir) / "pipe"; }
fs::path log_dir(const Plan& plan) { return fs::path(plan.run_dir) / "log"; }

Result<gpu::MpsControl> control_of(const Plan& plan) {
  CORUN_ASSIGN(const fs::path program, gpu::MpsControl::find());
  return gpu::MpsControl(program, pipe_dir(plan), log_dir(plan));
}

/// Daemon and servers of this pipe folder, whoever started them: killed, and waited for.
Status kill_all(const Plan& plan) {
  const Instant deadline = monotonic_now() + kMpsKillPatience;
  for (pid_t pid : processes_with(kMpsProcessName, gpu::kEnvMpsPipe, pipe_dir(plan).string())) {
    Fd handle(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
    if (!handle) continue;
    kill(pid, SIGKILL);
    const int fd = handle.get();
    if (!wait_readable({&fd, 1}, deadline)[0]) {
      return failed(fmt::format("the MPS process {} of {} cannot be killed", pid, plan.run_dir));
    }
  }
  return {};
}

/// The polite way; what it does not reach is killed afterwards.
void quit(const Plan& plan) {
  if (!fs::exists(pipe_dir(plan))) return;
  const auto control = control_of(plan);
  if (!control || !control->alive()) return;
  if (const auto clients = control->clients()) {
    for (const auto& client : *clients) {
      if (const auto done = control->terminate_client(client); !done) {
        log::debug("{}", done.error().text());
      }
    }
  }
  if (const auto done = control->quit(kMpsQuitPatience); !done) {
    log::debug("{}", done.error().text());
  }
}

}  // namespace

Edits mps_client_edits(const fs::path& pipe) {
  Edits edits;
  edits.env = {{gpu::kEnvMpsPipe, pipe.string()}};
  edits.mounts = {{pipe.string(), pipe.string(), false}, {"/dev/shm", "/dev/shm", false}};
  return edits;
}

Result<fs::path> node_mps_pipe() {
  const fs::path pipe = environment(gpu::kEnvMpsPipe).value_or("/tmp/nvidia-mps");
  const fs::path log = environment(gpu::kEnvMpsLog).value_or("/var/log/nvidia-mps");
  CORUN_ASSIGN(const fs::path program, gpu::MpsControl::find());
  std::error_code error;
  const fs::path real = fs::canonical(pipe, error);
  if (!error && gpu::MpsControl(program, real, log).alive()) return real;
  return unsupported(fmt::format("no MPS daemon answers in {}", pipe.string()),
                     "start 'nvidia-cuda-mps-control -d', or name its folder");
}

Status MpsServer::possible(const GpuInfo& gpu) {
  CORUN_TRY(check_shareable(gpu, true));
  if (gpu.compute_major < kFirstComputeMajor) {
    return unsupported(fmt::format("{} (compute capability {}.{}) is older than Volta", gpu.name,
                                   gpu.compute_major, gpu.compute_minor));
  }
  const auto program = gpu::MpsControl::find();
  return program ? Status() : Status(program.error());
}

Edits MpsServer::edits(const Plan& plan, const Share& share) {
  Edits edits;
  edits.env = gpu_environment(plan.gpu, pipe_dir(plan).string());
  edits.env[gpu::kEnvMpsLog] = log_dir(plan).string();
  if (share.thread_percentage) {
    edits.env[gpu::kEnvMpsThreads] = std::to_string(*share.thread_percentage);
  }
  if (share.memory_limit_bytes) {
    edits.env[gpu::kEnvMpsMemory] = fmt::format("0={}M", *share.memory_limit_bytes / kMiB);
  }
  edits.mounts = mps_client_edits(pipe_dir(plan)).mounts;
  return edits;
}

Status MpsServer::check(const Plan& plan, std::span<const Tenant> tenants) {
  CORUN_ASSIGN(const gpu::MpsControl control, control_of(plan));
  CORUN_TRY(control.alive());
  CORUN_ASSIGN(const auto clients, control.clients());
  std::string missing;
  for (const Tenant& tenant : tenants) {
    const bool is_client = std::any_of(clients.begin(), clients.end(), [&](const auto& client) {
      return std::find(tenant.pids.begin(), tenant.pids.end(), client.pid) != tenant.pids.end();
    });
    if (!is_client) missing += (missing.empty() ? "" : ", ") + tenant.workload;
  }
  if (missing.empty()) return {};
  return failed("not a client of the MPS daemon: " + missing,
                "a workload must keep CUDA_MPS_PIPE_DIRECTORY and the user of corun");
}

Status MpsServer::start(const Plan& plan) {
  CORUN_ASSIGN(const gpu::MpsControl control, control_of(plan));
  CORUN_TRY(make_private_folder(pipe_dir(plan).string()));
  CORUN_TRY(make_private_folder(log_dir(plan).string()));
  CORUN_ASSIGN(
      Process daemon,
      control.start_daemon(gpu_environment(plan.gpu, pipe_dir(plan).string()), kMpsStartPatience));
  daemons_.emplace(plan.run_dir, std::move(daemon));
  return {};
}

Status MpsServer::stop(const Plan& plan) {
  quit(plan);
  daemons_.erase(plan.run_dir);
  return kill_all(plan);
}

}  // namespace corun::modes
