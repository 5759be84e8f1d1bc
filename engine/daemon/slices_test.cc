#include "engine/daemon/slices_test.h"

#include <fmt/format.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <thread>
#include <variant>

#include "core/environment.h"
#include "core/files.h"
#include "core/process.h"
#include "core/row_channel.h"
#include "core/wait.h"
#include "engine/client/client.h"
#include "engine/daemon/server.h"
#include "gpu/driver_files.h"
#include "gpu/mps_control.h"
#include "gpu/nvml.h"
#include "gpu/processes.h"

namespace corun::daemon {

namespace fs = std::filesystem;

namespace {

constexpr Nanos kPatience = std::chrono::milliseconds(7500);
constexpr Nanos kWarmUp = std::chrono::milliseconds(3000);
constexpr double kWindowSeconds = 1;
constexpr int kWindows = 2;
constexpr double kExpectedShare = 0.75;
constexpr double kShareWithout = 0.5;
constexpr double kTolerance = 0.05;
constexpr uint32_t kHeavyUs = 6000;
constexpr uint32_t kLightUs = 2000;

/// Slices by name, and nothing else.
std::vector<policy::Action> give_slices(policy::State&, const policy::Event& event, Instant) {
  const auto* joined = std::get_if<policy::Joined>(&event);
  if (joined == nullptr) return {};
  const bool heavy = joined->workload.name == "heavy";
  return {{policy::SetSlice{joined->session, heavy ? kHeavyUs : kLightUs}, "self-test"}};
}

class NoParker final : public Parker {
 public:
  void park(const std::string&, bool, std::function<void(Status)> done) override { refuse(done); }
  void resume(const std::string&, std::function<void(Status)> done) override { refuse(done); }

 private:
  static void refuse(const std::function<void(Status)>& done) {
    done(unsupported("the daemon of a self-test does not park"));
  }
};

/// A daemon of its own on a thread, for the tenants of the test only.
class PrivateDaemon {
 public:
  static Result<std::unique_ptr<PrivateDaemon>> start(const GpuInfo& gpu, const fs::path& run_dir) {
    CORUN_ASSIGN(GatePages gates, GatePages::create());
    CORUN_ASSIGN(Watchdog watchdog, Watchdog::start(gates.all(), nullptr));
    CORUN_ASSIGN(Poller poller, Poller::create());
    std::unique_ptr<PrivateDaemon> daemon(
        new PrivateDaemon(gpu, run_dir, std::move(gates), std::move(watchdog), std::move(poller)));
    CORUN_TRY(client::make_run_dir(client::daemon_files(run_dir, gpu.uuid).folder));
    CORUN_TRY(daemon->server_.listen());
    daemon->thread_ = std::jthread([raw = daemon.get()] {
      // Its errors are those of descriptors; the tenants then tell that nobody serves them.
      if (raw->server_.serve()) raw->server_.end();
    });
    return daemon;
  }
  ~PrivateDaemon() {
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = write(stop_.get(), &one, sizeof one);
  }
  PrivateDaemon(const PrivateDaemon&) = delete;
  PrivateDaemon& operator=(const PrivateDaemon&) = delete;

 private:
  PrivateDaemon(const GpuInfo& gpu, const fs::path& run_dir, GatePages gates, Watchdog watchdog,
                Poller poller)
      : gates_(std::move(gates)),
        watchdog_(std::move(watchdog)),
        poller_(std::move(poller)),
        stop_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
        sharing_(options(gpu), gates_, monotonic_now()),
        control_(sharing_, parker_, {.state_file = {}, .user = geteuid()}),
        server_(poller_, sharing_, control_, watchdog_, gates_,
                {.files = client::daemon_files(run_dir, gpu.uuid),
                 .stop_fd = stop_.get(),
                 .idle_exit = {},
                 .user = geteuid(),
                 .utilization = nullptr,
                 .switches = nullptr,
                 .parking = nullptr,
                 .rescue = nullptr}) {}

  static SharingOptions options(const GpuInfo& gpu) {
    SharingOptions options;
    options.gpu.uuid = gpu.uuid;
    options.gpu.name = "self-test of time slices";
    options.gpu.memory_bytes = gpu.memory_bytes;
    options.persistent.settings = policy::default_settings();
    options.use_slices = true;
    options.decider = {give_slices, [](const policy::State&) { return std::optional<Instant>(); }};
    return options;
  }

  GatePages gates_;
  Watchdog watchdog_;
  Poller poller_;
  Fd stop_;
  Sharing sharing_;
  NoParker parker_;
  Control control_;
  Server server_;
  std::jthread thread_;  ///< the last: joined before the others go
};

struct Programs {
  fs::path tenant;
  fs::path library;
};

Result<Programs> find_programs() {
  std::error_code error;
  const fs::path folder = fs::read_symlink("/proc/self/exe", error).parent_path();
  const Programs programs{folder / "corun-synthetic", folder.parent_path() / "lib/libcorun.so"};
  for (const fs::path& path : {programs.tenant, programs.library}) {
    if (!fs::exists(path, error)) return unsupported(path.string() + " is missing");
  }
  return programs;
}

std::map<std::string, std::string> tenant_environment(const GpuInfo& gpu, const Programs& programs,
                                                      const fs::path& folder,
                                                      const std::string& name) {
  std::map<std::string, std::string> env = {{wire::kEnvRunDir, (folder / "run").string()},
                                            {wire::kEnvName, name},
                                            {gpu::kEnvMpsPipe, (folder / "no-mps").string()}};
  if (!gpu.simulated) env["CUDA_VISIBLE_DEVICES"] = gpu.uuid;
  // Behind libcorun.so comes what another driver's folder wants below its device calls.
  if (const auto devices = gpu::DriverFiles::from_environment().device_library()) {
    prepend_variable(env, "LD_PRELOAD", devices->string());
  }
  prepend_variable(env, "LD_PRELOAD", programs.library.string());
  return env;
}

/// A training job on the GPU under the row protocol.
class Tenant {
 public:
  static Result<Tenant> start(const GpuInfo& gpu, const Programs& programs, const fs::path& folder,
                              const std::string& name) {
    CORUN_ASSIGN(RowChannel channel, RowChannel::create(folder, name, monotonic_now()));
    ProcessOptions options;
    options.argv = {programs.tenant.string(), "train", "--kernel-us", "1000"};
    if (gpu.simulated)
      options.argv.insert(options.argv.end(), {"--gpu", std::to_string(gpu.index)});
    options.set_env = tenant_environment(gpu, programs, folder, name);
    options.set_env.merge(channel.environment());
    options.out = Stream::null();
    options.err = Stream::null();
    CORUN_ASSIGN(Process process, Process::start(options));
    return Tenant(std::move(channel), std::move(process));
  }

  Status send(const Command& command) { return channel_.send(command); }
  /// Waits for the first message of kind T.
  template <typename T>
  Result<T> wait_for(Instant deadline) {
    while (monotonic_now() < deadline) {
      const bool ended = process_.poll().has_value();
      CORUN_ASSIGN(const std::vector<Message> messages, channel_.read(monotonic_now()));
      for (const Message& message : messages) {
        if (const T* found = std::get_if<T>(&message)) return *found;
        if (const auto* error = std::get_if<ErrorMessage>(&message)) return failed(error->text);
      }
      if (ended && messages.empty()) return failed("a workload of the test ended early");
      const int fds[] = {channel_.fd(), process_.event_fd()};
      wait_readable(fds, deadline);
    }
    return failed("the test took too long");
  }

 private:
  Tenant(RowChannel channel, Process process)
      : channel_(std::move(channel)), process_(std::move(process)) {}

  RowChannel channel_;
  Process process_;
};

Status check_idle(const GpuInfo& gpu) {
  CORUN_ASSIGN(const auto nvml, gpu::Nvml::load());
  CORUN_ASSIGN(const auto device, nvml->device_by_uuid(gpu.uuid));
  gpu::ProcessList list(*nvml, device, gpu.memory_bytes);
  CORUN_ASSIGN(const auto processes, list.read());
  if (processes.empty()) return {};
  return failed(fmt::format("the GPU is busy ({} processes, the first is pid {})", processes.size(),
                            processes[0].pid));
}

/// Whether both tenants were sessions whose channel groups were seen and set.
Status check_sessions(const fs::path& run_dir, const std::string& uuid) {
  CORUN_ASSIGN(client::Client client, client::Client::connect(run_dir, uuid));
  CORUN_ASSIGN(const client::DaemonStatus status, client.status());
  if (status.workloads.size() != 2) return failed("the test's workloads did not join");
  for (const client::WorkloadStatus& workload : status.workloads) {
    const client::Figure* sets = workload.find("slice_sets");
    if (sets == nullptr || sets->value.value_or(0) < 1) {
      return failed("no channel group of the test's workloads could be set");
    }
  }
  return {};
}

/// What the heavy tenant did of all that both did in one window.
Result<double> heavy_share(Tenant& heavy, Tenant& light, int window, Instant deadline) {
  const StartCommand start{window, monotonic_now() + std::chrono::milliseconds(50), kWindowSeconds,
                           1};
  for (Tenant* tenant : {&heavy, &light}) CORUN_TRY(tenant->send(start));
  CORUN_ASSIGN(const DoneMessage more, heavy.wait_for<DoneMessage>(deadline));
  CORUN_ASSIGN(const DoneMessage less, light.wait_for<DoneMessage>(deadline));
  if (more.items == 0 || less.items == 0) return failed("a workload of the test did nothing");
  return static_cast<double>(more.items) / static_cast<double>(more.items + less.items);
}

Result<SlicesVerdict> measure(const GpuInfo& gpu, Instant deadline) {
  CORUN_ASSIGN(const Programs programs, find_programs());
  CORUN_TRY(check_idle(gpu));
  CORUN_ASSIGN(const TemporaryFolder folder, TemporaryFolder::create("corun-slices-"));
  const fs::path run_dir = folder.path() / "run";
  CORUN_TRY(client::make_run_dir(run_dir));
  CORUN_ASSIGN(const auto daemon, PrivateDaemon::start(gpu, run_dir));
  CORUN_ASSIGN(Tenant heavy, Tenant::start(gpu, programs, folder.path(), "heavy"));
  CORUN_ASSIGN(Tenant light, Tenant::start(gpu, programs, folder.path(), "light"));
  for (Tenant* tenant : {&heavy, &light}) {
    CORUN_TRY(tenant->wait_for<InitialisedMessage>(deadline));
  }
  // Three short windows, whatever their rates: shares are compared, not rates.
  const WarmCommand warm{.max_s = to_seconds(kWarmUp), .window_s = 0.1, .tolerance = 10};
  for (Tenant* tenant : {&heavy, &light}) CORUN_TRY(tenant->send(warm));
  for (Tenant* tenant : {&heavy, &light}) CORUN_TRY(tenant->wait_for<ReadyMessage>(deadline));
  std::vector<double> shares;
  for (int window = 1; window <= kWindows; ++window) {
    CORUN_ASSIGN(shares.emplace_back(), heavy_share(heavy, light, window, deadline));
  }
  CORUN_TRY(check_sessions(run_dir, gpu.uuid));
  return judge_slices(shares);
}

}  // namespace

SlicesVerdict judge_slices(std::span<const double> heavy_shares) {
  using client::SlicesState;
  const auto all_near = [&heavy_shares](double expected) {
    return std::all_of(heavy_shares.begin(), heavy_shares.end(), [expected](double share) {
      return std::abs(share - expected) <= kTolerance;
    });
  };
  std::string figures;
  for (const double share : heavy_shares) {
    figures += fmt::format("{}{:.1f} : {:.1f}", figures.empty() ? "" : ", ", 100 * share,
                           100 * (1 - share));
  }
  const std::string what =
      fmt::format("{} for slices of {} and {} us", figures, kHeavyUs, kLightUs);
  if (heavy_shares.empty()) return {SlicesState::kUnproven, "nothing was measured"};
  if (all_near(kExpectedShare)) return {SlicesState::kProven, "measured " + what};
  if (all_near(kShareWithout)) return {SlicesState::kRefuted, "measured " + what};
  return {SlicesState::kUnproven, "inconclusive: " + what};
}

SlicesVerdict measure_slices(const GpuInfo& gpu) {
  auto verdict = measure(gpu, monotonic_now() + kPatience);
  if (verdict) return *verdict;
  return {client::SlicesState::kUnproven, verdict.error().text()};
}

}  // namespace corun::daemon
