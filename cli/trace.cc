// corun trace: what the daemon decided about a workload, and why; and who had the GPU when.
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/arguments.h"
#include "cli/daemons.h"
#include "cli/status_text.h"
#include "cli/verb.h"
#include "core/signals.h"
#include "core/wait.h"

namespace corun::cli {

namespace {

constexpr char kTraceHelp[] =
    "Usage: corun trace NAME [--follow] [--json] [--run-dir DIR]\n"
    "       corun trace --slices [NAME] [--follow] [--json] [--run-dir DIR]\n"
    "\n"
    "Prints the decisions about a workload that corund still remembers, oldest first: what\n"
    "changed (time slice, gate, turn, limit) and why, with the figures that led to it.\n"
    "\n"
    "  NAME           the workload, or UID/NAME of another user\n"
    "  --slices       instead: who had the GPU when, of one workload or all. Measured where "
    "corund\n"
    "                 reads the driver's context switches; else what was granted and estimated\n"
    "  --follow       goes on until Ctrl-C, or until the daemon ends\n"
    "  --json         one JSON object a line per decision or slice (docs/control-api.md)\n"
    "  --run-dir DIR  the daemon of this folder\n"
    "\n"
    "Exit code: 0; 3 when no corund runs.\n"
    "\n"
    "Example: corun trace serve --follow\n";

constexpr Nanos kBetweenLooks = std::chrono::milliseconds(250);

/// Prints what a daemon remembers from one number on, and tells the next one.
class Log {
 public:
  virtual ~Log() = default;
  virtual Status print_new(client::Client& daemon, Console& console) = 0;
};

class Decisions final : public Log {
 public:
  Decisions(std::string workload, bool json) : workload_(std::move(workload)), json_(json) {}

  Status print_new(client::Client& daemon, Console& console) override {
    CORUN_ASSIGN(const client::Trace trace, daemon.trace(workload_, next_));
    next_ = trace.next;
    if (trace.missed) console.err << "corun: older decisions are forgotten\n";
    if (!json_) {
      console.out << trace_text(trace.entries, monotonic_now());
    } else {
      const Json all = client::to_json(trace);
      for (const Json& entry : all.at("entries")) console.out << to_line(entry) << "\n";
    }
    return {};
  }

 private:
  const std::string workload_;
  const bool json_;
  uint64_t next_ = 0;
};

class SliceLog final : public Log {
 public:
  SliceLog(std::string workload, uint32_t daemons_user, bool json)
      : workload_(std::move(workload)), daemons_user_(daemons_user), json_(json) {}

  Status print_new(client::Client& daemon, Console& console) override {
    while (true) {
      CORUN_ASSIGN(const client::Slices slices, daemon.slices(workload_, next_));
      next_ = slices.next;
      if (slices.missed) console.err << "corun: older slices are forgotten\n";
      if (!json_) {
        console.out << slices_text(slices.entries, daemons_user_, monotonic_now());
      } else {
        for (const auto& entry : slices.entries) {
          console.out << to_line(client::to_json(entry)) << "\n";
        }
      }
      if (!slices.more || !console.out.good()) return {};
    }
  }

 private:
  const std::string workload_;
  const uint32_t daemons_user_;
  const bool json_;
  uint64_t next_ = 0;
};

Status follow(Log& log, client::Client& daemon, Console& console) {
  const InterruptGuard guard;
  while (console.out.good()) {
    const int fd = guard.fd();
    wait_readable({&fd, 1}, monotonic_now() + kBetweenLooks);
    if (guard.requested()) return {};
    CORUN_TRY(log.print_new(daemon, console));
    console.out.flush();
  }
  return {};
}

Result<ExitCode> run_trace(std::span<const std::string> arguments, Console& console) {
  std::string name;
  std::string run_dir;
  bool slices = false;
  bool json = false;
  bool following = false;
  CLI::App app;
  app.add_option("name", name);
  app.add_flag("--slices", slices);
  app.add_flag("--follow", following);
  app.add_flag("--json", json);
  app.add_option("--run-dir", run_dir);
  CORUN_TRY(parse_arguments(app, "trace", arguments));
  if (name.empty() && !slices) return usage_error("which workload?", "write 'corun trace NAME'");
  CORUN_ASSIGN(const modes::RunningDaemon running,
               name.empty() ? only_daemon(run_dir) : daemon_of(name, run_dir));
  CORUN_ASSIGN(client::Client daemon, connect_to(running));
  std::unique_ptr<Log> log;
  if (slices) {
    log = std::make_unique<SliceLog>(name, running.status.user, json);
  } else {
    log = std::make_unique<Decisions>(name, json);
  }
  CORUN_TRY(log->print_new(daemon, console));
  console.out.flush();
  if (following) CORUN_TRY(follow(*log, daemon, console));
  return ExitCode::kOk;
}

}  // namespace

const Verb kTraceVerb{"trace", "what corund decided, and why; who had the GPU when", kTraceHelp,
                      run_trace};

}  // namespace corun::cli
