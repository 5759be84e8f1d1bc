// corun park and corun resume: a workload's GPU memory to host memory, and back.
#include <fmt/format.h>

#include "cli/arguments.h"
#include "cli/daemons.h"
#include "cli/verb.h"
#include "core/units.h"

namespace corun::cli {

namespace {

constexpr char kParkHelp[] =
    "Usage: corun park NAME [--until-resume] [--run-dir DIR]\n"
    "\n"
    "Moves the whole GPU state of a workload to host memory, through the driver's checkpoint\n"
    "calls, so that its GPU memory is free for others. It comes back with its next GPU call, as\n"
    "soon as its memory fits, or by 'corun resume'. Submitted work is finished first.\n"
    "Not possible: memory shared between processes (before driver 610), managed memory, several\n"
    "GPUs, MIG, NCCL, MPS.\n"
    "\n"
    "  NAME            the workload, or UID/NAME of another user\n"
    "  --until-resume  its calls wait until 'corun resume'; without this one that uses the GPU\n"
    "                  while it is to be parked is not parked\n"
    "  --run-dir DIR   the daemon of this folder\n"
    "\n"
    "Exit code: 0 when it is parked, 1 when it failed (the workload goes on then), 3 when this\n"
    "driver cannot, or no corund runs.\n"
    "\n"
    "Example: corun park notebook && corun status\n";

constexpr char kResumeHelp[] =
    "Usage: corun resume NAME [--run-dir DIR]\n"
    "\n"
    "Brings a parked workload back to the GPU; it goes on where it was. Workloads that are idle\n"
    "are parked for it where that makes room.\n"
    "\n"
    "  NAME           the workload, or UID/NAME of another user\n"
    "  --run-dir DIR  the daemon of this folder\n"
    "\n"
    "Exit code: 0 when it runs again, 1 when it failed (its memory does not fit now: it comes\n"
    "back as soon as it does), 3 when no corund runs.\n"
    "\n"
    "Example: corun resume notebook\n";

struct Target {
  std::string name;
  bool until_resume = false;
  modes::RunningDaemon running;
};

Result<Target> target_of(std::string_view verb, std::span<const std::string> arguments) {
  Target target;
  std::string run_dir;
  CLI::App app;
  app.add_option("name", target.name);
  app.add_option("--run-dir", run_dir);
  if (verb == "park") app.add_flag("--until-resume", target.until_resume);
  CORUN_TRY(parse_arguments(app, verb, arguments));
  if (target.name.empty()) {
    return usage_error("which workload?", fmt::format("write 'corun {} NAME'", verb));
  }
  CORUN_ASSIGN(target.running, daemon_of(target.name, run_dir));
  return target;
}

Result<ExitCode> run_park(std::span<const std::string> arguments, Console& console) {
  CORUN_ASSIGN(const Target target, target_of("park", arguments));
  CORUN_ASSIGN(client::Client daemon, connect_to(target.running));
  const Instant begin = monotonic_now();
  CORUN_TRY(daemon.park(target.name, target.until_resume));
  console.out << fmt::format("parked {} in {}, until {}\n", target.name,
                             format_duration(monotonic_now() - begin),
                             target.until_resume ? "'corun resume'" : "its next GPU call");
  return ExitCode::kOk;
}

Result<ExitCode> run_resume(std::span<const std::string> arguments, Console& console) {
  CORUN_ASSIGN(const Target target, target_of("resume", arguments));
  CORUN_ASSIGN(client::Client daemon, connect_to(target.running));
  const Instant begin = monotonic_now();
  CORUN_TRY(daemon.resume(target.name));
  console.out << fmt::format("resumed {} in {}\n", target.name,
                             format_duration(monotonic_now() - begin));
  return ExitCode::kOk;
}

}  // namespace

const Verb kParkVerb{"park", "a workload's GPU memory to host memory", kParkHelp, run_park};
const Verb kResumeVerb{"resume", "a parked workload back to the GPU", kResumeHelp, run_resume};

}  // namespace corun::cli
