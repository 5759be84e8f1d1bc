// corun trace: what the daemon decided about a workload, and why.
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
    "\n"
    "Prints the decisions about a workload that corund still remembers, oldest first: what\n"
    "changed (time slice, gate, turn, limit) and why, with the figures that led to it.\n"
    "\n"
    "  NAME           the workload, or UID/NAME of another user\n"
    "  --follow       goes on until Ctrl-C, or until the daemon ends\n"
    "  --json         one JSON object a line per decision (docs/control-api.md)\n"
    "  --run-dir DIR  the daemon of this folder\n"
    "\n"
    "Exit code: 0; 3 when no corund runs.\n"
    "\n"
    "Example: corun trace serve --follow\n";

constexpr Nanos kBetweenLooks = std::chrono::milliseconds(250);

void print(const client::Trace& trace, bool json, Console& console) {
  if (trace.missed) console.err << "corun: older decisions are forgotten\n";
  if (!json) {
    console.out << trace_text(trace.entries, monotonic_now());
  } else {
    const Json all = client::to_json(trace);
    for (const Json& entry : all.at("entries")) console.out << to_line(entry) << "\n";
  }
  console.out.flush();
}

Status follow(client::Client& daemon, const std::string& workload, uint64_t next, bool json,
              Console& console) {
  const InterruptGuard guard;
  while (console.out.good()) {
    const int fd = guard.fd();
    wait_readable({&fd, 1}, monotonic_now() + kBetweenLooks);
    if (guard.requested()) return {};
    CORUN_ASSIGN(const client::Trace trace, daemon.trace(workload, next));
    next = trace.next;
    print(trace, json, console);
  }
  return {};
}

Result<ExitCode> run_trace(std::span<const std::string> arguments, Console& console) {
  std::string name;
  std::string run_dir;
  bool json = false;
  bool following = false;
  CLI::App app;
  app.add_option("name", name);
  app.add_flag("--follow", following);
  app.add_flag("--json", json);
  app.add_option("--run-dir", run_dir);
  CORUN_TRY(parse_arguments(app, "trace", arguments));
  if (name.empty()) return usage_error("which workload?", "write 'corun trace NAME'");
  CORUN_ASSIGN(const modes::RunningDaemon running, daemon_of(name, run_dir));
  CORUN_ASSIGN(client::Client daemon, connect_to(running));
  CORUN_ASSIGN(const client::Trace trace, daemon.trace(name));
  print(trace, json, console);
  if (following) CORUN_TRY(follow(daemon, name, trace.next, json, console));
  return ExitCode::kOk;
}

}  // namespace

const Verb kTraceVerb{"trace", "what corund decided about a workload, and why", kTraceHelp,
                      run_trace};

}  // namespace corun::cli
