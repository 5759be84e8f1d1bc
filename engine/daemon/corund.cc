#include "engine/daemon/corund.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/log.h"
#include "core/signals.h"
#include "engine/daemon/lock.h"
#include "engine/daemon/parking.h"
#include "engine/daemon/server.h"
#include "engine/daemon/state_file.h"
#include "gpu/inventory.h"

namespace corun::daemon {

namespace fs = std::filesystem;

namespace {

constexpr int kPriority = -10;

/// Descriptors for many sessions, turns that are accurate to less than a millisecond.
void ask_for_resources() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
  }
  prctl(PR_SET_TIMERSLACK, 1UL);
  if (setpriority(PRIO_PROCESS, 0, kPriority) != 0) {
    log::debug("no priority: {}", std::strerror(errno));
  }
}

Result<GpuInfo> find_gpu(const Options& options) {
  CORUN_ASSIGN(const auto gpus, gpu::list_gpus());
  return gpu::find_gpu(gpus, options.gpu);
}

Result<client::DaemonFiles> make_folders(const Options& options, const GpuInfo& gpu) {
  CORUN_TRY(client::make_run_dir(options.run_dir));
  const client::DaemonFiles files = client::daemon_files(options.run_dir, gpu.uuid);
  CORUN_TRY(client::make_run_dir(files.folder));
  return files;
}

client::GpuStatus gpu_status(const GpuInfo& gpu) {
  return {.uuid = gpu.uuid,
          .index = gpu.index,
          .name = gpu.name,
          .driver = gpu.driver,
          .simulated = gpu.simulated,
          .memory_bytes = gpu.memory_bytes};
}

/// The state file, with what the command line says on top of it.
Result<Persistent> settings_of(const Options& options, const fs::path& state_file) {
  Persistent base;
  base.settings = policy::default_settings();
  CORUN_ASSIGN(Persistent state, load_state(state_file, base));
  policy::Settings& settings = state.settings;
  settings.kind = options.policy.value_or(settings.kind);
  settings.linger_us = options.linger_us.value_or(settings.linger_us);
  settings.quantum = options.quantum.value_or(settings.quantum);
  settings.backend.mps = options.mps;
  state.max_burst = options.max_burst.value_or(state.max_burst);
  CORUN_TRY(policy::validate(settings, {}));
  return state;
}

void decide_slices(const Options& options, SharingOptions& sharing) {
  sharing.slices = client::SlicesState::kUnproven;
  switch (options.slices) {
    case SlicesChoice::kYes:
      sharing.use_slices = !options.mps;
      sharing.slices_why = "used because of --slices yes; not measured here";
      break;
    case SlicesChoice::kNo:
      sharing.slices_why = "not used because of --slices no";
      break;
    case SlicesChoice::kAuto:
      sharing.slices_why = "not measured here";
      break;
  }
  if (options.mps) sharing.slices_why = "clients of MPS share one channel group";
}

fs::path beside_this_program(const char* name) {
  std::error_code error;
  return fs::read_symlink("/proc/self/exe", error).parent_path() / name;
}

Status tell_ready(int ready_fd) {
  if (ready_fd < 0) return {};
  const Fd pipe(ready_fd);
  constexpr std::string_view kReady = "ready\n";
  if (write(pipe.get(), kReady.data(), kReady.size()) > 0) return {};
  return failed("cannot write to --ready-fd");
}

}  // namespace

Status run_daemon(const Options& options) {
  ask_for_resources();
  // The watchdog is forked first: no threads, no lock, no sockets to inherit.
  CORUN_ASSIGN(GatePages gates, GatePages::create());
  CORUN_ASSIGN(Watchdog watchdog, Watchdog::start(gates.all()));
  const InterruptGuard interrupts;
  CORUN_ASSIGN(const GpuInfo gpu, find_gpu(options));
  CORUN_ASSIGN(const client::DaemonFiles files, make_folders(options, gpu));
  CORUN_ASSIGN(const Fd lock, take_lock(files.lock(), gpu.uuid));
  const fs::path state_file = options.state_file.empty() ? files.state() : options.state_file;

  SharingOptions sharing_options;
  sharing_options.gpu = gpu_status(gpu);
  CORUN_ASSIGN(sharing_options.persistent, settings_of(options, state_file));
  sharing_options.decider = {policy::decide, policy::next_turn};
  decide_slices(options, sharing_options);
  CORUN_ASSIGN(Poller poller, Poller::create());
  Sharing sharing(std::move(sharing_options), gates, monotonic_now());
  Parking parking(poller, sharing,
                  {.program = beside_this_program("corun-park"),
                   .driver = gpu.driver,
                   .mps = options.mps,
                   .mig = gpu.mig_mode == "enabled"});
  Control control(sharing, parking, {.state_file = state_file, .user = geteuid()});
  Server server(poller, sharing, control, watchdog, gates,
                {.files = files,
                 .stop_fd = interrupts.fd(),
                 .idle_exit = options.idle_exit,
                 .user = geteuid()});
  CORUN_TRY(server.listen());
  CORUN_TRY(tell_ready(options.ready_fd));
  Status served = server.serve();
  parking.resume_all();
  server.end();
  return served;
}

}  // namespace corun::daemon
