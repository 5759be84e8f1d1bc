#include "benchmarking/tenant.h"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>

#include "containers/container_command.h"
#include "core/environment.h"
#include "core/files.h"

namespace corun::benchmarking {

namespace {

/// For an engine to kill a container, and for its command to end then.
constexpr Nanos kEnginePatience = std::chrono::seconds(10);

// corun's own workloads lie beside `corun` and need not be in PATH.
std::vector<std::string> resolved(std::vector<std::string> command,
                                  const std::filesystem::path& program_dir) {
  if (command.front().find('/') != std::string::npos) return command;
  std::filesystem::path own = program_dir / command.front();
  std::error_code error;
  if (!program_dir.empty() && std::filesystem::exists(own, error)) command.front() = own.string();
  return command;
}

/// Brings the changes of node and mode to the command, or into the container that it runs, which is
/// returned then.
Result<std::optional<TenantContainer>> prepare(const WorkloadSpec& workload,
                                               const TenantPlace& place, ProcessOptions& options) {
  const auto options_at = containers::container_options_at(options.argv);
  if (!options_at) {
    for (const auto& [key, value] : place.prepend_env) {
      prepend_variable(options.set_env, key, value);
    }
    return std::optional<TenantContainer>();
  }
  if (containers::leaves_container_behind(options.argv)) {
    return usage_error("its command ends before its container",
                       "use 'run' without --detach: the container is measured while it runs");
  }
  const std::filesystem::path id_file = place.channel_dir / (workload.name + ".cid");
  const auto verb = options.argv.begin() + static_cast<std::ptrdiff_t>(*options_at) - 1;
  TenantContainer container({options.argv.begin(), verb}, workload.env, id_file);
  Edits edits = place.container;
  edits.env.merge(options.set_env);
  edits.prepend_env = place.prepend_env;
  edits.mounts.push_back({place.channel_dir.string(), place.channel_dir.string()});
  options.argv.insert(verb + 1, {"--cidfile", id_file.string()});
  options.argv = containers::with_container_edits(std::move(options.argv), edits);
  options.set_env = workload.env;
  return std::optional(std::move(container));
}

template <class... Ts>
struct overloaded : Ts... {
  using Ts::operator()...;
};
template <class... Ts>
overloaded(Ts...) -> overloaded<Ts...>;

template <typename T>
void append(std::vector<T>& to, const std::vector<T>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

}  // namespace

Tenant::Tenant(TenantSpec spec, std::filesystem::path log_file, RowChannel channel, Process process,
               Instant started)
    : spec_(std::move(spec)),
      log_file_(std::move(log_file)),
      channel_(std::move(channel)),
      process_(std::move(process)),
      started_(started) {}

Result<Tenant> Tenant::start(const TenantSpec& spec, const TenantPlace& place, Instant now) {
  const WorkloadSpec& workload = spec.workload;
  CORUN_ASSIGN(RowChannel channel, RowChannel::create(place.channel_dir, workload.name, now));
  ProcessOptions options;
  options.argv = resolved(workload.command, place.program_dir);
  options.set_env = place.env;
  for (const auto& [key, value] : workload.env) options.set_env[key] = value;
  for (const auto& [key, value] : channel.environment()) options.set_env[key] = value;
  CORUN_ASSIGN(auto container, prepare(workload, place, options));
  options.cpus = place.cpus;
  options.out = Stream::file(place.log_file);
  options.err = Stream::file(place.log_file);
  CORUN_ASSIGN(Process process, Process::start(options));
  Tenant tenant(spec, place.log_file, std::move(channel), std::move(process), now);
  tenant.container_ = std::move(container);
  return tenant;
}

std::vector<int> Tenant::fds() const {
  std::vector<int> fds;
  if (channel_.fd() >= 0) fds.push_back(channel_.fd());
  if (!exit_) fds.push_back(process_.event_fd());
  return fds;
}

void Tenant::pump(Instant now) {
  // The exit is looked at first: what it wrote before it ended is then complete below.
  bool just_ended = false;
  if (!exit_) {
    exit_ = process_.poll();
    just_ended = exit_.has_value();
  }
  if (channel_.fd() >= 0) {
    auto messages = just_ended ? channel_.drain(now) : channel_.read(now);
    if (messages) {
      for (Message& message : *messages) take(message);
    } else {
      fail(Failure::kProtocol, messages.error().what);
    }
  }
  if (just_ended && !stopping_) {
    fail(Failure::kEarlyExit, fmt::format("{} after {:.1f} s{}", exit_->text(),
                                          to_seconds(now - started_), last_words()));
  }
}

void Tenant::take(Message& message) {
  if (phase_ == Phase::kFailed) return;
  if (taken_for_silent_ && !std::holds_alternative<NoteMessage>(message)) {
    fail(Failure::kProtocol,
         "it speaks the row protocol, but only after it was taken for a silent command; put it "
         "into a mix file with 'speaks: rows'");
    return;
  }
  spoke_ = true;
  std::visit(overloaded{
                 [&](const InitialisedMessage&) {
                   if (phase_ == Phase::kStarting) {
                     phase_ = Phase::kInitialised;
                   } else {
                     fail(Failure::kProtocol, "a second `initialised`");
                   }
                 },
                 [&](const ReadyMessage& m) { take_ready(m); },
                 [&](const ProgressMessage& m) { take_progress(m); },
                 [&](RequestsMessage& m) { take_requests(m); },
                 [&](const DoneMessage& m) { take_done(m); },
                 [&](const NoteMessage& m) { record_.notes.push_back(m.text); },
                 [&](const ErrorMessage& m) { fail(Failure::kOwnError, m.text); },
             },
             message);
}

void Tenant::take_ready(const ReadyMessage& message) {
  if (phase_ != Phase::kWarming) {
    fail(Failure::kProtocol, "`ready` without having been told to warm up");
    return;
  }
  record_.ready = message;
  phase_ = Phase::kReady;
}

bool Tenant::expect_window(int window, const char* what) {
  if (phase_ == Phase::kRunning && window == window_) return true;
  fail(Failure::kProtocol,
       fmt::format("`{}` for window {} while {}", what, window,
                   phase_ == Phase::kRunning ? fmt::format("window {} is running", window_)
                                             : std::string("no window is running")));
  return false;
}

void Tenant::take_progress(const ProgressMessage& message) {
  if (!expect_window(message.window, "progress")) return;
  bool falls = !record_.progress_t_us.empty() && !message.t_us.empty() &&
               (message.t_us.front() < record_.progress_t_us.back() ||
                message.items.front() < record_.progress_items.back());
  if (falls) {
    fail(Failure::kProtocol, "`progress` went backwards");
    return;
  }
  append(record_.progress_t_us, message.t_us);
  append(record_.progress_items, message.items);
}

void Tenant::take_requests(RequestsMessage& message) {
  if (!expect_window(message.window, "requests")) return;
  append(record_.requests.scheduled_us, message.scheduled_us);
  append(record_.requests.start_us, message.start_us);
  append(record_.requests.end_us, message.end_us);
}

void Tenant::take_done(const DoneMessage& message) {
  if (!expect_window(message.window, "done")) return;
  record_.done = message;
  phase_ = Phase::kDone;
}

void Tenant::send(const Command& command) {
  if (Status sent = channel_.send(command); !sent) fail(Failure::kProtocol, sent.error().what);
}

void Tenant::warm(const WarmCommand& command) {
  phase_ = Phase::kWarming;
  send(command);
}

void Tenant::begin_window(const StartCommand& command) {
  window_ = command.window;
  phase_ = Phase::kRunning;
  if (speaks()) send(command);
}

void Tenant::end_silent_window() {
  if (phase_ == Phase::kRunning) phase_ = Phase::kDone;
}

void Tenant::take_for_ready() {
  taken_for_silent_ = true;
  phase_ = Phase::kReady;
}

void Tenant::fail(Failure failure, std::string text) {
  if (phase_ == Phase::kFailed) return;
  phase_ = Phase::kFailed;
  failure_ = failure;
  failure_text_ = std::move(text);
}

void Tenant::stop() {
  stopping_ = true;
  if (exit_) return;
  // A tenant that does not read any more is killed later; its failure is known already, or it is
  // of no consequence after its window.
  if (speaks() && channel_.send(StopCommand{})) return;
  process_.signal(SIGTERM);
}

std::vector<int> Tenant::pids() const {
  std::vector<int> pids = process_.pids();
  if (!container_) return pids;
  for (const int pid : container_->pids()) {
    if (std::find(pids.begin(), pids.end(), pid) == pids.end()) pids.push_back(pid);
  }
  return pids;
}

void Tenant::kill(Nanos grace) {
  stopping_ = true;
  // Its engine clears up behind it, until its command ends.
  if (container_ && container_->kill(kEnginePatience)) process_.wait(kEnginePatience);
  exit_ = process_.terminate(grace);
}

// The last line that the workload printed: most programs say there why they end.
std::string Tenant::last_words() const {
  auto log = read_file(log_file_);
  if (!log) return "";
  std::string_view text = *log;
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  size_t line = text.rfind('\n');
  if (line != std::string_view::npos) text.remove_prefix(line + 1);
  std::string words;
  for (char c : text.substr(0, 200)) words += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  return words.empty() ? "" : fmt::format(", its last line: {}", words);
}

double longest_silence_s(const TenantRecord& record, double window_s) {
  double longest = 0;
  double last = 0;
  auto mark = [&](double t_s) {
    double t = std::clamp(t_s, 0.0, window_s);
    longest = std::max(longest, t - last);
    last = t;
  };
  for (double t_us : record.progress_t_us) mark(t_us * 1e-6);
  if (record.done) mark(record.done->t_us * 1e-6);
  mark(window_s);
  return longest;
}

}  // namespace corun::benchmarking
