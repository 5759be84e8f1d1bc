#include "engine/daemon/corund.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "core/log.h"
#include "core/process.h"
#include "core/resources.h"
#include "core/signals.h"
#include "engine/daemon/lock.h"
#include "engine/daemon/parking.h"
#include "engine/daemon/server.h"
#include "engine/daemon/slices_test.h"
#include "engine/daemon/state_file.h"
#include "engine/daemon/switch_reader.h"
#include "gpu/inventory.h"
#include "gpu/processes.h"
#include "gpu/switch_buffer.h"

namespace corun::daemon {

namespace fs = std::filesystem;

namespace {

constexpr int kPriority = -10;
constexpr Nanos kSelfTestPatience = std::chrono::seconds(12);

/// Descriptors for many sessions, turns that are accurate to less than a millisecond.
void ask_for_resources() {
  allow_many_descriptors();
  prctl(PR_SET_TIMERSLACK, 1UL);
  if (setpriority(PRIO_PROCESS, 0, kPriority) != 0) {
    log::debug("no priority: {}", std::strerror(errno));
  }
}

Result<GpuInfo> find_gpu(const Options& options) {
  CORUN_ASSIGN(const auto gpus, gpu::list_gpus());
  return gpu::find_gpu(gpus, options.gpu);
}

/// The system's daemon is for all users; a folder that was made narrower stays so, and is told.
void warn_if_private(const fs::path& folder) {
  struct stat info = {};
  if (stat(folder.c_str(), &info) != 0 || (info.st_mode & S_IXOTH) != 0) return;
  log::warn("{} is closed to other users: their workloads cannot join (chmod 755 lets them)",
            folder.string());
}

Result<client::DaemonFiles> make_folders(const Options& options, const GpuInfo& gpu) {
  CORUN_TRY(client::make_run_dir(options.run_dir));
  const client::DaemonFiles files = client::daemon_files(options.run_dir, gpu.uuid);
  CORUN_TRY(client::make_run_dir(files.folder));
  if (options.run_dir == client::kSystemRunDir) warn_if_private(options.run_dir);
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
  if (options.linger_us) settings.learn_linger = false;
  settings.quantum = options.quantum.value_or(settings.quantum);
  settings.backend.mps = options.mps;
  settings.park_idle = options.park_idle.value_or(settings.park_idle);
  settings.memory_wait = options.memory_wait.value_or(settings.memory_wait);
  settings.memory_reserve_bytes = options.memory_reserve.value_or(settings.memory_reserve_bytes);
  settings.memory_capacity_bytes = options.memory_capacity.value_or(settings.memory_capacity_bytes);
  state.max_burst = options.max_burst.value_or(state.max_burst);
  CORUN_TRY(policy::validate(settings, {}));
  return state;
}

/// What is known about time slices here; measured now if it was not before. The test runs in a
/// process of its own and before anybody can join, so that it disturbs no workload.
SlicesVerdict look_at_slices(const GpuInfo& gpu) {
  if (const auto known = cached_slices(gpu)) return *known;
  log::info("measuring whether time slices act on GPU {}", gpu.uuid);
  ProcessOptions options;
  options.argv = {"/proc/self/exe", "--self-test", "--gpu", gpu.uuid};
  const auto test = run_command(options, kSelfTestPatience);
  if (const auto measured = cached_slices(gpu)) return *measured;
  const std::string said = test ? test->out.substr(0, test->out.find('\n')) : test.error().text();
  return {client::SlicesState::kUnproven, said.empty() ? "the self-test failed" : said};
}

void decide_slices(const Options& options, const GpuInfo& gpu, SharingOptions& sharing) {
  SlicesVerdict verdict;
  if (options.mps) {
    verdict.why = "clients of MPS share one channel group";
  } else if (options.slices == SlicesChoice::kAuto) {
    verdict = look_at_slices(gpu);
  } else {
    verdict = cached_slices(gpu).value_or(
        SlicesVerdict{client::SlicesState::kUnproven, "not measured here"});
    verdict.why += options.slices == SlicesChoice::kYes ? "; used because of --slices yes"
                                                        : "; not used because of --slices no";
  }
  sharing.slices = verdict.state;
  sharing.slices_why = std::move(verdict.why);
  sharing.use_slices =
      options.slices == SlicesChoice::kYes ||
      (options.slices == SlicesChoice::kAuto && sharing.slices == client::SlicesState::kProven);
}

/// The driver's record of context switches, if it can be read here; `sharing` learns why not.
std::unique_ptr<SwitchReader> open_switches(const Options& options, const GpuInfo& gpu,
                                            SharingOptions& sharing) {
  const auto none = [&](std::string why) -> std::unique_ptr<SwitchReader> {
    log::debug("GPU time is estimated: {}", why);
    sharing.switches_why = std::move(why);
    return nullptr;
  };
  if (!options.context_switches) return none("--context-switches no");
  if (options.mps) return none("clients of MPS share one context on the GPU");
  auto buffer = gpu::SwitchBuffer::open(gpu);
  if (!buffer) return none(buffer.error().what);
  sharing.switches = true;
  sharing.switches_name_all = geteuid() == 0 && gpu::PidView::of_this_process().host_namespace;
  return std::make_unique<SwitchReader>(std::move(*buffer));
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
  CORUN_ASSIGN(Rescue rescue, Rescue::create());
  CORUN_ASSIGN(Watchdog watchdog, Watchdog::start(gates.all(), &rescue));
  const InterruptGuard interrupts;
  CORUN_ASSIGN(const GpuInfo gpu, find_gpu(options));
  CORUN_ASSIGN(const client::DaemonFiles files, make_folders(options, gpu));
  if (options.replace) CORUN_TRY(end_lock_holder(options.run_dir, gpu.uuid));
  CORUN_ASSIGN(const DaemonLock lock, DaemonLock::take(files.lock(), gpu.uuid));
  const fs::path state_file = options.state_file.empty() ? files.state() : options.state_file;

  SharingOptions sharing_options;
  sharing_options.gpu = gpu_status(gpu);
  CORUN_ASSIGN(sharing_options.persistent, settings_of(options, state_file));
  sharing_options.decider = {policy::decide, policy::next_turn};
  const ParkingFacts parking_facts{.program = beside_this_program("corun-park"),
                                   .gpu_uuid = gpu.uuid,
                                   .driver = gpu.driver,
                                   .mps = options.mps,
                                   .mig = gpu.mig_mode == "enabled"};
  sharing_options.persistent.settings.backend.parking = can_park(parking_facts).has_value();
  sharing_options.parks_shared_memory = parks_shared_memory(parking_facts);
  rescue.set_place(parking_facts.program, gpu.uuid, files.control_socket());
  decide_slices(options, gpu, sharing_options);
  const auto switches = open_switches(options, gpu, sharing_options);
  CORUN_ASSIGN(Poller poller, Poller::create());
  Sharing sharing(std::move(sharing_options), gates, monotonic_now());
  if (!lock.crashed().empty()) {
    sharing.note("restart", "the former " + lock.crashed() + ", did not end properly",
                 monotonic_now());
  }
  Parking parking(poller, sharing, rescue, parking_facts);
  Control control(sharing, parking, {.state_file = state_file, .user = geteuid()});
  Utilization utilization(gpu.uuid, gpu.memory_bytes);
  Server server(poller, sharing, control, watchdog, gates,
                {.files = files,
                 .stop_fd = interrupts.fd(),
                 .idle_exit = options.idle_exit,
                 .user = geteuid(),
                 .utilization = &utilization,
                 .switches = switches.get(),
                 .parking = &parking,
                 .rescue = &rescue});
  CORUN_TRY(server.listen());
  CORUN_TRY(tell_ready(options.ready_fd));
  Status served = server.serve();
  parking.resume_all();
  server.end();
  return served;
}

Status run_self_test(const Options& options) {
  CORUN_ASSIGN(const GpuInfo gpu, find_gpu(options));
  const SlicesVerdict verdict = measure_slices(gpu);
  fmt::print("{}\n", verdict.why);
  CORUN_TRY(cache_slices(gpu, verdict));
  switch (verdict.state) {
    case client::SlicesState::kProven:
      return {};
    case client::SlicesState::kRefuted:
      return unsupported("time slices do not act on GPU " + gpu.uuid, "the gate works without");
    case client::SlicesState::kUnproven:
      break;
  }
  return failed("whether time slices act on GPU " + gpu.uuid + " is not known: " + verdict.why);
}

}  // namespace corun::daemon
