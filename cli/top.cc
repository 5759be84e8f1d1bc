// corun top: GPUs, workloads and processes of this node in a terminal.
#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <condition_variable>
#include <cstring>
#include <ctime>
#include <mutex>
#include <nlohmann/json.hpp>

#include "cli/arguments.h"
#include "cli/node.h"
#include "cli/verb.h"
#include "cli/version.h"
#include "cli/watched_node.h"
#include "core/environment.h"
#include "core/json.h"
#include "core/signals.h"
#include "core/units.h"
#include "modes/daemon.h"
#include "monitoring/board.h"
#include "monitoring/collector.h"
#include "monitoring/term/terminal.h"

namespace corun::cli {

namespace {

using monitoring::Action;
using monitoring::Snapshot;
using monitoring::ViewState;

constexpr char kTopHelp[] =
    "Usage: corun top [--once | --json] [options]\n"
    "\n"
    "Shows GPUs, workloads (class, share, waits, p99, memory, the last seconds of time slices) "
    "and\n"
    "processes with their containers and pods, and goes on doing so. It changes nothing; key k "
    "asks\n"
    "before it sends a signal. Keys: ? lists them.\n"
    "\n"
    "  --once         prints one frame as text, after a second of watching\n"
    "  --json         prints one snapshot as JSON (docs/live-api.md)\n"
    "  --every TIME   how often the screen changes, 100ms to 60s; default 1s\n"
    "  --sort BY      memory, gpu, wait, name, user or pid; default memory\n"
    "  --flat         processes in one list instead of below their containers\n"
    "  --filter WORD  only what has this word: command, user, container, pod, workload\n"
    "  --gpu NODE     auto, real or simulated[:PROFILE]; default auto\n"
    "\n"
    "NO_COLOR in the environment: no colours. Exit code: 0; 3 when this node has no GPU.\n"
    "\n"
    "Example: corun top --once --sort wait\n";

constexpr double kTapeSeconds = 5;
constexpr size_t kColumnsWithoutTerminal = 120;
constexpr auto kWatchBeforeOnce = std::chrono::milliseconds(1200);
constexpr auto kOnceGivesUp = std::chrono::seconds(15);
constexpr auto kScreenWaits = std::chrono::seconds(1);

struct TopOptions {
  bool once = false;
  bool json = false;
  Nanos every = std::chrono::seconds(1);
  std::string node = "auto";
  ViewState view;
};

/// The newest news of a collector, for one reader.
class Mailbox {
 public:
  explicit Mailbox(monitoring::Board& board) : board_(board) {
    id_ = board.subscribe([this](const auto& news) { put(*news); });
  }
  ~Mailbox() { board_.unsubscribe(id_); }
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  std::shared_ptr<const Snapshot> newest() const {
    const std::lock_guard lock(mutex_);
    return snapshot_;
  }
  monitoring::SliceTape tape() const {
    const std::lock_guard lock(mutex_);
    return tape_;
  }
  /// Waits until there is a snapshot and `watch` has passed, so that rates are known; for
  /// `patience` at most.
  std::shared_ptr<const Snapshot> after(Nanos watch, Nanos patience) const {
    std::unique_lock lock(mutex_);
    const auto rates = [&] { return snapshot_ && last_ - first_ >= watch; };
    arrived_.wait_for(lock, patience, rates);
    return snapshot_;
  }

 private:
  void put(const monitoring::News& news) {
    const std::lock_guard lock(mutex_);
    last_ = monotonic_now();
    if (!snapshot_) first_ = last_;
    snapshot_ = news.snapshot;
    for (const auto& block : news.blocks) tape_.add(block);
    arrived_.notify_all();
  }

  monitoring::Board& board_;
  int id_ = 0;
  mutable std::mutex mutex_;
  mutable std::condition_variable arrived_;
  std::shared_ptr<const Snapshot> snapshot_;
  Instant first_{}, last_{};
  monitoring::SliceTape tape_{kTapeSeconds};
};

Result<monitoring::SortKey> parse_sort(const std::string& text) {
  using enum monitoring::SortKey;
  for (const auto key : {kMemory, kGpu, kWait, kName, kUser, kPid}) {
    if (to_string(key) == text) return key;
  }
  return usage_error("--sort: '" + text + "' is nothing to sort by",
                     "use memory, gpu, wait, name, user or pid");
}

Result<TopOptions> top_options(std::span<const std::string> arguments) {
  TopOptions options;
  std::string every = "1s", sort = "memory";
  bool flat = false;
  CLI::App app;
  app.add_flag("--once", options.once);
  app.add_flag("--json", options.json);
  app.add_option("--every", every);
  app.add_option("--sort", sort);
  app.add_flag("--flat", flat);
  app.add_option("--filter", options.view.filter);
  app.add_option("--gpu", options.node);
  CORUN_TRY(parse_arguments(app, "top", arguments));
  if (options.once && options.json) {
    return usage_error("--once prints text and --json prints JSON", "use one of them");
  }
  CORUN_ASSIGN(options.every, parse_duration(every));
  if (options.every < std::chrono::milliseconds(100) || options.every > std::chrono::minutes(1)) {
    return usage_error("--every: " + every + " is not from 100ms to 60s");
  }
  CORUN_ASSIGN(options.view.sort, parse_sort(sort));
  options.view.tree = !flat;
  return options;
}

/// "01:24:33" in the time zone of this process.
std::string clock_text(double at) {
  const auto seconds = static_cast<time_t>(at);
  std::tm local{};
  ::localtime_r(&seconds, &local);
  return fmt::format("{:02}:{:02}:{:02}", local.tm_hour, local.tm_min, local.tm_sec);
}

bool wants_color() { return environment("NO_COLOR").value_or("").empty(); }

size_t columns_without_terminal() {
  size_t columns = kColumnsWithoutTerminal;
  const std::string text = environment("COLUMNS").value_or("");
  std::from_chars(text.data(), text.data() + text.size(), columns);
  return std::clamp<size_t>(columns, 40, 400);
}

void print_listing(const Snapshot& snapshot, const Mailbox& mailbox, ViewState view,
                   Console& console) {
  view.clock = clock_text(snapshot.at);
  const bool color = console.out_is_terminal && wants_color();
  const auto lines =
      monitoring::listing(snapshot, mailbox.tape(), view, columns_without_terminal());
  for (const auto& line : lines) {
    console.out << (console.out_is_terminal ? line.ansi(color) : line.text()) << "\n";
  }
}

Result<ExitCode> print_once(const TopOptions& options, const Mailbox& mailbox, Console& console) {
  const auto snapshot = mailbox.after(kWatchBeforeOnce, kOnceGivesUp);
  if (!snapshot) return failed("the GPUs of this node tell nothing", "see corun doctor");
  if (options.json) {
    console.out << to_line(monitoring::to_json(*snapshot)) << "\n";
  } else {
    print_listing(*snapshot, mailbox, options.view, console);
  }
  return ExitCode::kOk;
}

/// Sends SIGTERM if the process still is the one that was asked about; what to tell.
std::string terminate(const Snapshot& newest, const monitoring::Question& target) {
  if (!is_still_there(newest, target)) return fmt::format("{} is gone", target.pid);
  if (::kill(target.pid, SIGTERM) == 0) return fmt::format("SIGTERM sent to {}", target.pid);
  return fmt::format("{}: {}", target.pid, std::strerror(errno));
}

/// The screen until somebody ends it.
Result<ExitCode> watch(const TopOptions& options, const Mailbox& mailbox) {
  const InterruptGuard guard;
  mailbox.after(Nanos(0), kScreenWaits);
  CORUN_ASSIGN(auto terminal, monitoring::Terminal::open());
  const bool color = wants_color();
  ViewState view = options.view;
  auto shown = mailbox.newest();
  monitoring::SliceTape tape = mailbox.tape();
  Instant due = monotonic_now();
  const Snapshot nothing;
  while (!guard.requested() && !terminal.hung_up()) {
    if (monotonic_now() >= due) {
      if (!view.paused) {
        shown = mailbox.newest();
        tape = mailbox.tape();
      }
      due = monotonic_now() + options.every;
    }
    const Snapshot& snapshot = shown ? *shown : nothing;
    view.clock = clock_text(snapshot.at);
    terminal.show(monitoring::screen(snapshot, tape, view, terminal.size()), color);
    for (const auto& key : terminal.keys(due, guard.fd())) {
      const Action action = press(view, key, snapshot);
      if (action.kind == Action::Kind::kQuit) return ExitCode::kOk;
      if (action.kind == Action::Kind::kSuspend) terminal.suspend();
      if (action.kind != Action::Kind::kTerminate) continue;
      const auto newest = mailbox.newest();
      view.message = terminate(newest ? *newest : snapshot, action.target);
    }
  }
  return ExitCode::kOk;
}

Result<ExitCode> run_top(std::span<const std::string> arguments, Console& console) {
  CORUN_ASSIGN(const TopOptions options, top_options(arguments));
  CORUN_ASSIGN(const NodeChoice choice, parse_node_choice(options.node));
  CORUN_ASSIGN(const Node node, open_watched_node(choice, console));
  std::shared_ptr<const gpu::Nvml> nvml;
  CORUN_ASSIGN(nvml, gpu::Nvml::load());
  monitoring::CollectorOptions collecting;
  collecting.version = kVersion;
  collecting.find_daemon = [](const GpuInfo& gpu) -> std::optional<std::filesystem::path> {
    const auto daemon = modes::find_daemon(gpu);
    if (!daemon) return std::nullopt;
    return daemon->run_dir;
  };
  monitoring::Board board;
  const Mailbox mailbox(board);
  const auto collector =
      monitoring::Collector::start(nvml, node.gpus(), std::move(collecting), board);
  if (options.once || options.json) return print_once(options, mailbox, console);
  return watch(options, mailbox);
}

}  // namespace

const Verb kTopVerb{"top", "GPUs, workloads and processes in a terminal, live", kTopHelp, run_top};

}  // namespace corun::cli
