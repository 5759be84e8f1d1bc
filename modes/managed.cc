// A private daemon for each plan, in the plan's own run folder, unless one governs the GPU already:
// there is one per GPU, so the plan's workloads then join that one. A process runs without corun,
// at once, when it does not reach its daemon: hence check().
#include "modes/managed.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "core/files.h"
#include "core/log.h"
#include "core/wire/join.h"
#include "gpu/mps_control.h"
#include "modes/applied.h"
#include "modes/common.h"
#include "modes/managed_check.h"
#include "modes/mps_server.h"

namespace corun::modes {

namespace fs = std::filesystem;

namespace {

constexpr Nanos kSettlePatience = std::chrono::seconds(2);
constexpr Nanos kBetweenLooks = std::chrono::milliseconds(20);
constexpr double kOldestCuda = 11.8;  // what libcorun.so's tables of the driver go back to

class Managed final : public Mode {
 public:
  Managed(std::string_view name, std::string_view summary, bool mps, DaemonChoice choice)
      : name_(name), summary_(summary), mps_(mps), choice_(std::move(choice)) {}

  std::string_view name() const override { return name_; }
  std::string_view summary() const override { return summary_; }

  Status can(const GpuInfo& gpu) const override {
    CORUN_TRY(mps_ ? MpsServer::possible(gpu) : check_shareable(gpu, false));
    return check_managed_driver(gpu);
  }

  Result<Plan> plan(const GpuInfo& gpu, std::span<const Share> shares) const override {
    CORUN_TRY(check_shares(gpu, shares));
    CORUN_ASSIGN(const auto run_dir, new_run_dir(name_));
    return Plan{std::string(name_), gpu, {shares.begin(), shares.end()}, run_dir.string()};
  }

  Status apply(const Plan& plan) override {
    CORUN_ASSIGN(const EngineFiles files, find_engine_files());
    CORUN_TRY(make_private_folder(empty_pipe_dir(plan)));
    if (const auto daemon = find_daemon(plan.gpu)) return join(plan, *daemon);
    if (mps_) CORUN_TRY(server_.start(plan));
    return start(plan, files);
  }

  Edits edits(const Plan& plan, const Share& share) const override {
    const auto files = find_engine_files();
    CORUN_CHECK(files.has_value(), "edits() of a mode that is not in force");
    Edits edits = workload_edits(*files, daemon_dir(plan), share);
    Edits base;
    if (mps_) {
      // The limit is libcorun.so's: one for all processes of the workload.
      Share without_limit = share;
      without_limit.memory_limit_bytes.reset();
      base = MpsServer::edits(plan, without_limit);
      base.env[gpu::kEnvMpsPriority] = mps_priority(share.service_class);
    } else {
      base.env = gpu_environment(plan.gpu, empty_pipe_dir(plan));
      base.mounts.push_back({empty_pipe_dir(plan), empty_pipe_dir(plan), true});
    }
    edits.env.merge(base.env);
    std::move(base.mounts.begin(), base.mounts.end(), std::back_inserter(edits.mounts));
    return edits;
  }

  Status check(const Plan& plan, std::span<const Tenant> tenants) const override {
    if (mps_) {
      CORUN_TRY(MpsServer::check(plan, tenants));
    } else {
      CORUN_TRY(check_without_mps(empty_pipe_dir(plan), tenants));
    }
    // An order is carried out some tenths of a second after its session joined.
    const Instant deadline = monotonic_now() + kSettlePatience;
    while (true) {
      CORUN_ASSIGN(const client::DaemonStatus status, status_of(plan));
      Status in_force = check_sessions(status, tenants);
      if (in_force || monotonic_now() >= deadline) return in_force;
      sleep_until(monotonic_now() + kBetweenLooks);
    }
  }

  Result<std::map<std::string, ManagedFigures>> observe(
      const Plan& plan, std::span<const Tenant> tenants) const override {
    CORUN_ASSIGN(const client::DaemonStatus status, status_of(plan));
    return figures_of(status, tenants);
  }

  std::optional<std::string> crashed(const Plan& plan) override {
    const auto own = daemons_.find(plan.run_dir);
    if (own == daemons_.end()) return std::nullopt;
    if (own->second.processes.empty()) return "it could not be started";
    const auto ended = own->second.processes.back().poll();
    return ended && !ended->ok() ? std::optional(ended->text()) : std::nullopt;
  }

  Status restart(const Plan& plan) override {
    CORUN_ASSIGN(const EngineFiles files, find_engine_files());
    Daemons& own = daemons_.at(plan.run_dir);
    // What was chosen is in its state file, with what operators have changed since.
    return launch(plan, files, own, DaemonChoice());
  }

  Status undo(const Plan& plan) override {
    CORUN_TRY(stop_daemon(own_dir(plan), plan.gpu.uuid));
    daemons_.erase(plan.run_dir);
    joined_.erase(plan.run_dir);
    if (mps_) CORUN_TRY(server_.stop(plan));
    return remove_run_dir(plan);
  }

 private:
  static fs::path own_dir(const Plan& plan) { return fs::path(plan.run_dir) / "corun"; }

  fs::path daemon_dir(const Plan& plan) const {
    const auto joined = joined_.find(plan.run_dir);
    return joined == joined_.end() ? own_dir(plan) : joined->second;
  }

  Result<client::DaemonStatus> status_of(const Plan& plan) const {
    CORUN_ASSIGN(client::Client daemon, client::Client::connect(daemon_dir(plan), plan.gpu.uuid));
    return daemon.status();
  }

  /// corund measures whether slices act; on a simulated GPU they do, and the test there depends on
  /// the machine's processors.
  std::optional<std::string> slices_on(const GpuInfo& gpu) const {
    if (choice_.slices || !gpu.simulated) return choice_.slices;
    return "yes";
  }

  Status join(const Plan& plan, const RunningDaemon& daemon) {
    if (mps_ || daemon.status.backend == "mps") {
      return failed(fmt::format("corund (PID {}) governs GPU {} with backend {} already",
                                daemon.status.pid, plan.gpu.index, daemon.status.backend),
                    "end it: 'corun run' ends its own with its last workload");
    }
    CORUN_TRY(check_choice(daemon, choice_));
    log::info("{}: the workloads join corund (PID {}), which governs GPU {}", name_,
              daemon.status.pid, plan.gpu.index);
    joined_[plan.run_dir] = daemon.run_dir;
    return {};
  }

  Status start(const Plan& plan, const EngineFiles& files) {
    DaemonStart start{.run_dir = own_dir(plan),
                      .log = fs::path(plan.run_dir) / "corund.log",
                      .mps = mps_,
                      .slices = mps_ ? std::nullopt : slices_on(plan.gpu),
                      .env = {}};
    CORUN_TRY(make_private_folder(start.run_dir.string()));
    start.env = mps_ ? MpsServer::edits(plan, Share()).env
                     : gpu_environment(plan.gpu, empty_pipe_dir(plan));
    auto [entry, added] = daemons_.emplace(plan.run_dir, Daemons{std::move(start), {}});
    CORUN_CHECK(added, "a plan that is in force already");
    return launch(plan, files, entry->second, choice_);
  }

  /// The daemon of a plan, and those that crashed before it: their watchdogs are still at work for
  /// a moment, and would end with their Process.
  struct Daemons {
    DaemonStart start;
    std::vector<Process> processes;
  };

  static Status launch(const Plan& plan, const EngineFiles& files, Daemons& own,
                       const DaemonChoice& choice) {
    CORUN_ASSIGN(Process process, Process::start(daemon_process(files, plan.gpu, own.start)));
    Process& daemon = own.processes.emplace_back(std::move(process));
    return wait_for_daemon(plan.gpu, own.start, choice,
                           [&daemon] { return daemon.poll().has_value(); });
  }

  const std::string_view name_;
  const std::string_view summary_;
  const bool mps_;
  const DaemonChoice choice_;
  MpsServer server_;
  std::map<std::string, Daemons> daemons_;  ///< by run_dir
  std::map<std::string, fs::path> joined_;  ///< run folder of a daemon that was there, by run_dir
};

}  // namespace

std::string mps_priority(ServiceClass service_class) {
  return service_class == ServiceClass::kBestEffort ? "1" : "0";
}

Edits workload_edits(const EngineFiles& files, const fs::path& folder, const Share& share) {
  const fs::path run_dir =
      fs::absolute(folder);  // the command may change its own, a container does
  Edits edits;
  edits.env[wire::kEnvRunDir] = run_dir.string();
  edits.env[wire::kEnvName] = share.workload;
  edits.env[wire::kEnvClass] = to_string(share.service_class);
  edits.env[wire::kEnvWeight] = fmt::format("{}", share.weight);
  if (share.memory_limit_bytes) {
    edits.env[wire::kEnvMemory] = std::to_string(*share.memory_limit_bytes);
  }
  if (share.latency_target_ms) {
    edits.env[wire::kEnvLatencyTarget] = fmt::format("{:.0f}", *share.latency_target_ms * 1000);
  }
  edits.prepend_env["LD_PRELOAD"] = files.library.string();
  edits.mounts.push_back({files.library.string(), files.library.string(), true});
  // A socket of a folder that is mounted read-only can be connected to.
  edits.mounts.push_back({run_dir.string(), run_dir.string(), true});
  return edits;
}

Edits class_edits(const EngineFiles& files, const fs::path& run_dir, ServiceClass service_class) {
  Share share;
  share.service_class = service_class;
  Edits edits = workload_edits(files, run_dir, share);
  edits.env.erase(wire::kEnvName);
  edits.env.erase(wire::kEnvWeight);
  edits.env[wire::kEnvNameHost] = "1";
  return edits;
}

Edits joined_edits(const EngineFiles& files, const GpuInfo& gpu, const RunningDaemon& daemon,
                   const Share& share, const fs::path& pipe) {
  Edits edits = workload_edits(files, daemon.run_dir, share);
  const fs::path empty_pipe = fs::absolute(pipe);
  std::error_code ignored;
  fs::create_directories(empty_pipe, ignored);
  auto env = gpu_environment(gpu, empty_pipe.string());
  // Which MPS daemon belongs to a corund with that backend, only its user knows.
  if (daemon.status.backend == "mps") {
    env.erase(gpu::kEnvMpsPipe);
  } else {
    edits.mounts.push_back({empty_pipe.string(), empty_pipe.string(), true});
  }
  edits.env.merge(env);
  return edits;
}

Status check_managed_driver(const GpuInfo& gpu) {
  double cuda = 0;
  const auto [end, error] =
      std::from_chars(gpu.cuda.data(), gpu.cuda.data() + gpu.cuda.size(), cuda);
  if (error == std::errc() && cuda < kOldestCuda) {
    return unsupported(fmt::format("the driver's CUDA {} is older than {}", gpu.cuda, kOldestCuda),
                       "install the NVIDIA driver R520 or newer");
  }
  const auto files = find_engine_files();
  return files ? Status() : Status(files.error());
}

std::unique_ptr<Mode> make_managed(const DaemonChoice& choice) {
  return std::make_unique<Managed>("managed", "all at once, time slices and gates set by corund",
                                   false, choice);
}

std::unique_ptr<Mode> make_managed_mps(const DaemonChoice& choice) {
  return std::make_unique<Managed>("managed-mps", "MPS, best-effort work gated by corund", true,
                                   choice);
}

}  // namespace corun::modes
