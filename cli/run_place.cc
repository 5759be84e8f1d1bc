#include "cli/run_place.h"

#include <fmt/format.h>
#include <sys/file.h>

#include "cli/run_holder.h"
#include "core/environment.h"
#include "core/wait.h"
#include "modes/managed.h"
#include "modes/mode.h"

namespace corun::cli {

namespace fs = std::filesystem;

namespace {

constexpr char kDefaultMode[] = "managed";
constexpr Nanos kRestartPatience = std::chrono::seconds(5);
constexpr Nanos kBetweenTries = std::chrono::milliseconds(50);

/// Where the runs of this GPU meet. A simulated node that is not named is known only once its
/// holder runs: then `gpu` is nothing.
struct Meeting {
  modes::Place place;
  NodeChoice node;
  std::optional<Node> opened;
  std::optional<GpuInfo> gpu;
};

Result<Meeting> meeting_at(Node node, NodeChoice::Kind kind, int device) {
  CORUN_ASSIGN(const GpuInfo gpu, node.gpu(device));
  const auto named = environment(kEnvSimNode);
  if (node.simulated()) {
    return Meeting{modes::Place::of_node(*named), {kind, kDefaultProfile}, std::move(node), gpu};
  }
  CORUN_ASSIGN(modes::Place place, modes::Place::of_gpu(gpu.uuid));
  return Meeting{std::move(place), {kind, kDefaultProfile}, std::move(node), gpu};
}

Result<Meeting> find_meeting(const RunOptions& options) {
  using Kind = NodeChoice::Kind;
  const bool named = environment(kEnvSimNode).has_value();
  if (options.node.kind != Kind::kReal && named) {
    CORUN_ASSIGN(Node node, Node::open({Kind::kSimulated, options.node.profile}));
    return meeting_at(std::move(node), Kind::kSimulated, options.device);
  }
  if (options.node.kind != Kind::kSimulated) {
    auto node = Node::open({Kind::kReal, options.node.profile});
    if (node) return meeting_at(std::move(*node), Kind::kReal, options.device);
    if (options.node.kind == Kind::kReal) return node.error();
  }
  CORUN_ASSIGN(modes::Place place, modes::Place::of_profile(options.node.profile));
  return Meeting{std::move(place), {Kind::kSimulated, options.node.profile}, {}, {}};
}

std::string mode_of(const client::DaemonStatus& status) {
  return status.backend == "mps" ? "managed-mps" : "managed";
}

Status check_wishes(const RunOptions& options, const modes::RunningDaemon& daemon) {
  const std::string mode = mode_of(daemon.status);
  if (options.mode && *options.mode != mode) {
    return failed(fmt::format("GPU {} runs under {} (corund, PID {}), not {}",
                              daemon.status.gpu.index, mode, daemon.status.pid, *options.mode),
                  "wait until its workloads have ended, or leave --mode out");
  }
  return modes::check_choice(daemon, options.choice);
}

/// Of a daemon that somebody else keeps: the system's, or one that was started by hand.
Result<RunPlace> join_foreign(const RunOptions& options, Meeting& meeting,
                              modes::RunningDaemon daemon) {
  CORUN_TRY(check_wishes(options, daemon));
  CORUN_ASSIGN(const modes::EngineFiles files, modes::find_engine_files());
  RunPlace run;
  run.gpu = *meeting.gpu;
  run.mode = mode_of(daemon.status);
  run.edits =
      modes::joined_edits(files, run.gpu, daemon, options.share, meeting.place.folder() / "no-mps");
  run.node_prepend_env = meeting.opened->tenant_prepend_env();
  run.container = meeting.opened->container_edits();
  run.daemon = std::move(daemon);
  return run;
}

Result<client::DaemonStatus> status_of(const modes::Held& held, const GpuInfo& gpu) {
  CORUN_ASSIGN(client::Client daemon, client::Client::connect(held.daemon_dir(), gpu.uuid));
  return daemon.status();
}

/// Of a holder: this run's own, or another one's.
Result<RunPlace> join_held(const RunOptions& options, Meeting& meeting, const modes::Held& held) {
  if (!meeting.opened) {
    name_node(held.sim_node, held.driver_dir);
    CORUN_ASSIGN(meeting.opened, Node::open({NodeChoice::Kind::kSimulated, ""}));
    CORUN_ASSIGN(meeting.gpu, meeting.opened->gpu(options.device));
  }
  RunPlace run;
  run.gpu = *meeting.gpu;
  auto status = status_of(held, run.gpu);
  // A daemon that has crashed is started again by its holder.
  const Instant deadline = monotonic_now() + kRestartPatience;
  while (!status && monotonic_now() < deadline && meeting.place.held()) {
    sleep_until(monotonic_now() + kBetweenTries);
    status = status_of(held, run.gpu);
  }
  if (!status) return failed(status.error().what, "see " + meeting.place.log().string());
  run.daemon = {held.daemon_dir(), std::move(*status)};
  CORUN_TRY(check_wishes(options, run.daemon));
  run.mode = held.plan.mode;
  CORUN_ASSIGN(const auto mode, modes::find_mode(run.mode));
  modes::Plan plan = held.plan;
  plan.gpu = run.gpu;
  run.edits = mode->edits(plan, options.share);
  run.node_prepend_env = meeting.opened->tenant_prepend_env();
  run.container = meeting.opened->container_edits();
  return run;
}

}  // namespace

Result<RunPlace> enter_place(const RunOptions& options) {
  CORUN_ASSIGN(Meeting meeting, find_meeting(options));
  std::error_code error;
  fs::create_directories(meeting.place.folder(), error);
  if (error) return failed("cannot make " + meeting.place.folder().string());
  CORUN_ASSIGN(const auto start, lock(meeting.place.start_lock(), LOCK_EX));
  auto held = meeting.place.held();
  if (!held && meeting.gpu) {
    if (auto daemon = modes::find_daemon(*meeting.gpu)) {
      return join_foreign(options, meeting, std::move(*daemon));
    }
  }
  if (!held && !options.start_daemon) {
    return unsupported("no corund governs this GPU, and --start-daemon=no",
                       "start one with 'corund', or leave the option out");
  }
  if (!held) {
    CORUN_TRY(start_holder({meeting.place, meeting.node, options.device,
                            options.mode.value_or(kDefaultMode), options.choice}));
    held = meeting.place.held();
    if (!held) return failed("the holder ended", "see " + meeting.place.log().string());
  }
  CORUN_ASSIGN(Fd user, lock(meeting.place.users_lock(), LOCK_SH));
  CORUN_ASSIGN(RunPlace run, join_held(options, meeting, *held));
  run.user = std::move(user);
  return run;
}

}  // namespace corun::cli
