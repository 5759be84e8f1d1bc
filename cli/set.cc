// corun set: what a workload gets, while it runs.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/daemons.h"
#include "cli/share_options.h"
#include "cli/verb.h"
#include "core/units.h"

namespace corun::cli {

namespace {

constexpr char kSetHelp[] =
    "Usage: corun set NAME [options]\n"
    "\n"
    "Changes what a workload gets, at once and for all its later runs under this corund (it is "
    "kept\n"
    "in corund's state file). What is not named stays; it counts more than what 'corun run' asks "
    "for.\n"
    "\n"
    "  NAME                   the workload, or UID/NAME of another user\n"
    "  --class CLASS          latency-critical, normal or best-effort\n"
    "  --weight W             relative share, 0.001 to 1000\n"
    "  --min-share SHARE      of the GPU's time, 0 to 1: kept by policy quota\n"
    "  --max-share SHARE      0.001 to 1: a cap, under every policy but rotate\n"
    "  --memory SIZE          GPU memory limit, as 20GiB; none: no limit\n"
    "  --latency-target TIME  p99 of a burst, as 5ms, for policy deadline; none: no target\n"
    "  --json                 what is in force then: the workload, as in 'corun status --json'\n"
    "  --run-dir DIR          the daemon of this folder\n"
    "\n"
    "Only root and corund's own user may. Exit code: 0; 1 corund refused; 2 no such workload, or "
    "a\n"
    "value out of range; 3 no corund runs.\n"
    "\n"
    "Example: corun set train --class best-effort --weight 3 --max-share 0.5\n";

constexpr char kNone[] = "none";

struct Options {
  client::WorkloadChange change;
  std::string run_dir;
  bool json = false;
};

/// Takes "none" out of an option: whether it was that.
bool take_none(std::optional<std::string>& text) {
  if (text != kNone) return false;
  text.reset();
  return true;
}

Status read_shares(const client::WorkloadChange& change) {
  const auto check = [](const char* option, const std::optional<double>& share, double low) {
    if (!share || (*share >= low && *share <= 1)) return Status();
    return Status(usage_error(fmt::format("{} {} is out of range", option, *share),
                              fmt::format("use {} to 1", low)));
  };
  CORUN_TRY(check("--min-share", change.min_share, 0));
  CORUN_TRY(check("--max-share", change.max_share, 0.001));
  if (change.min_share && change.max_share && *change.min_share > *change.max_share) {
    return usage_error(fmt::format("--min-share {} is above --max-share {}", *change.min_share,
                                   *change.max_share));
  }
  return {};
}

Result<Options> parse(std::span<const std::string> arguments) {
  Options options;
  client::WorkloadChange& change = options.change;
  ShareTexts texts;
  CLI::App app;
  app.add_option("name", change.workload);
  texts.add_to(app);
  app.add_option("--min-share", change.min_share);
  app.add_option("--max-share", change.max_share);
  app.add_flag("--json", options.json);
  app.add_option("--run-dir", options.run_dir);
  CORUN_TRY(parse_arguments(app, "set", arguments));
  if (change.workload.empty()) return usage_error("which workload?", "write 'corun set NAME ...'");
  const bool no_limit = take_none(texts.memory);
  const bool no_target = take_none(texts.latency_target);
  CORUN_ASSIGN(const ShareValues values, read_share(texts));
  CORUN_TRY(read_shares(change));
  change.service_class = values.service_class;
  change.weight = values.weight;
  change.memory_limit_bytes = no_limit ? std::optional<uint64_t>(0) : values.memory_bytes;
  if (values.latency_target) change.latency_target_us = to_micros(*values.latency_target);
  if (no_target) change.latency_target_us = 0;
  const bool any = change.service_class || change.weight || change.min_share || change.max_share ||
                   change.memory_limit_bytes || change.latency_target_us;
  if (!any) return usage_error("nothing to change", "give --weight, --class, ...; see --help");
  return options;
}

std::string text_of(const client::WorkloadStatus& workload) {
  std::string text = fmt::format("{}: {}, weight {:g}, shares {:g} to {:g}", workload.name,
                                 to_string(workload.service_class), workload.weight,
                                 workload.min_share, workload.max_share);
  text += workload.memory_limit_bytes
              ? fmt::format(", memory {}", format_bytes(*workload.memory_limit_bytes))
              : ", no memory limit";
  text += workload.latency_target_us
              ? fmt::format(", p99 {}", format_duration(from_micros(*workload.latency_target_us)))
              : ", no latency target";
  return text;
}

Result<ExitCode> run_set(std::span<const std::string> arguments, Console& console) {
  CORUN_ASSIGN(const Options options, parse(arguments));
  CORUN_ASSIGN(const modes::RunningDaemon running,
               daemon_of(options.change.workload, options.run_dir));
  CORUN_ASSIGN(client::Client daemon, connect_to(running));
  CORUN_TRY(daemon.set(options.change));
  CORUN_ASSIGN(const client::DaemonStatus status, daemon.status());
  for (const client::WorkloadStatus& workload : status.workloads) {
    if (!is_named(workload, options.change.workload)) continue;
    if (options.json) {
      console.out << to_line(client::to_json(workload)) << "\n";
    } else {
      console.out << text_of(workload)
                  << (workload.state == "absent" ? " (from its next run on)" : "") << "\n";
    }
  }
  return ExitCode::kOk;
}

}  // namespace

const Verb kSetVerb{"set", "what a workload gets, while it runs", kSetHelp, run_set};

}  // namespace corun::cli
