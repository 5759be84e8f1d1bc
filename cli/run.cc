// corun run: one workload under the GPU's managed mode.
#include <fmt/format.h>

#include "cli/foreground.h"
#include "cli/run_holder.h"
#include "cli/run_options.h"
#include "cli/run_place.h"
#include "cli/verb.h"
#include "containers/container_command.h"
#include "core/environment.h"

namespace corun::cli {

namespace {

constexpr char kRunHelp[] =
    "Usage: corun run [options] -- COMMAND [ARGUMENT...]\n"
    "\n"
    "Runs a command as a workload of the GPU's corund: it joins the one that runs, or starts one\n"
    "that ends with the last 'corun run'. Terminal, signals and exit code are the command's.\n"
    "\n"
    "  --name NAME            for status, trace, park; processes of one name share a budget\n"
    "  --class CLASS          latency-critical, normal (default) or best-effort\n"
    "  --weight W             relative share, 0.001 to 1000 (1)\n"
    "  --memory SIZE          GPU memory limit of the workload, as 20GiB\n"
    "  --latency-target TIME  p99 of a burst, as 5ms, for policy deadline\n"
    "  --gpu NODE             auto (default), real, simulated or simulated:PROFILE\n"
    "  --device N             which GPU of the node (0)\n"
    "  --start-daemon yes|no  whether to start a corund if none governs the GPU (yes)\n"
    "  --mode MODE            of a corund that is started: managed (default) or managed-mps\n"
    "  --policy P             of that corund: priority, fair, quota, deadline, rotate, none\n"
    "  --linger-us N, --quantum TIME, --slices auto|yes|no   of that corund (docs/managed.md)\n"
    "\n"
    "Exit code: the command's; 128+N when signal N ended it. 1 to 3: corun's own, with a message.\n"
    "\n"
    "Example: corun run --name serve --class latency-critical -- python3 serve.py\n";

/// The program's path: as given, beside corun (its own workloads), or in PATH.
Result<std::string> path_of(const std::string& program) {
  std::error_code error;
  if (program.find('/') != std::string::npos) {
    if (std::filesystem::exists(program, error)) return program;
  } else {
    const auto own = program_dir() / program;
    if (std::filesystem::exists(own, error)) return own.string();
    if (auto found = find_program(program, environment("PATH").value_or(""))) {
      return found->string();
    }
  }
  return usage_error(fmt::format("no program '{}'", program), "give a path, or a program in PATH");
}

std::string mechanism_text(const client::DaemonStatus& status) {
  if (status.backend == "mps") return "gate";
  if (status.slices == client::SlicesState::kProven) return "time slices and gate";
  return fmt::format("gate; time slices {}{}{}", to_string(status.slices),
                     status.slices_why.empty() ? "" : ": ", status.slices_why);
}

void announce(const RunOptions& options, const RunPlace& place, Console& console) {
  const client::DaemonStatus& status = place.daemon.status;
  const bool container = containers::container_options_at(options.command).has_value();
  console.err << fmt::format(
      "corun: {} ({}{}) runs under {} ({}; policy {}) on {}GPU {}, {}\n", options.share.workload,
      to_string(options.share.service_class), container ? ", in a container" : "", place.mode,
      mechanism_text(status), status.settings.policy, place.gpu.simulated ? "SIMULATED " : "",
      place.gpu.index, place.gpu.name);
  console.err.flush();
}

/// What is changed for the workload, if its command runs a container.
Edits edits_of_container(const RunPlace& place) {
  Edits edits = place.edits;
  edits.env.insert(place.container.env.begin(), place.container.env.end());
  edits.mounts.insert(edits.mounts.end(), place.container.mounts.begin(),
                      place.container.mounts.end());
  for (const auto& [name, value] : place.node_prepend_env) {
    std::string& before = edits.prepend_env[name];
    before = before.empty() ? value : fmt::format("{}:{}", before, value);
  }
  return edits;
}

Foreground command_of(const RunOptions& options, const RunPlace& place, std::string program) {
  Foreground command;
  command.argv = options.command;
  command.argv.front() = std::move(program);
  // Should corun be killed, the daemon stays for the command all the same.
  if (place.user) command.inherit_fds = {place.user.get()};
  if (containers::container_options_at(command.argv)) {
    command.argv =
        containers::with_container_edits(std::move(command.argv), edits_of_container(place));
    return command;
  }
  command.set_env = place.edits.env;
  for (const auto& [name, value] : place.node_prepend_env) {
    prepend_variable(command.set_env, name, value);
  }
  for (const auto& [name, value] : place.edits.prepend_env) {
    prepend_variable(command.set_env, name, value);
  }
  return command;
}

Result<ExitCode> run_run(std::span<const std::string> arguments, Console& console) {
  if (arguments.size() == 2 && arguments[0] == kHoldOption) return hold(arguments[1]);
  CORUN_ASSIGN(const RunOptions options, parse_run_options(arguments));
  CORUN_ASSIGN(const std::string program, path_of(options.command.front()));
  CORUN_ASSIGN(const RunPlace place, enter_place(options));
  if (place.user && containers::leaves_container_behind(options.command)) {
    return usage_error("the container outlives its command, and the corund of this run does not",
                       "leave --detach out, or start a corund for the node first");
  }
  announce(options, place, console);
  CORUN_ASSIGN(const ExitStatus status, run_in_foreground(command_of(options, place, program)));
  return static_cast<ExitCode>(shell_code(status));
}

}  // namespace

const Verb kRunVerb{"run", "one command as a workload of the GPU's corund", kRunHelp, run_run};

}  // namespace corun::cli
