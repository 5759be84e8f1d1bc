// corun cdi: devices with which engines make a container a workload.
#include "containers/cdi.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/daemons.h"
#include "cli/node.h"
#include "cli/share_options.h"
#include "cli/verb.h"
#include "core/files.h"
#include "modes/managed.h"
#include "modes/place.h"

namespace corun::cli {

namespace fs = std::filesystem;

namespace {

constexpr char kCdiHelp[] =
    "Usage: corun cdi generate [--name NAME] [options]\n"
    "\n"
    "Prints a CDI specification: 'podman run --device corun.dev/class=best-effort ...' then makes\n"
    "the container a workload of the node's corund (docs/containers.md). Its GPU comes from\n"
    "another device, as nvidia.com/gpu=0. Without --name there is one device for each class.\n"
    "\n"
    "  --name NAME            the device corun.dev/workload=NAME: containers of it are one "
    "workload\n"
    "  --class CLASS          latency-critical, normal (default) or best-effort\n"
    "  --weight W             relative share, 0.001 to 1000 (1)\n"
    "  --memory SIZE          GPU memory limit of the workload, as 20GiB\n"
    "  --latency-target TIME  p99 of a burst, as 5ms, for policy deadline\n"
    "  --output FILE          writes it there (.json), for engines below /etc/cdi\n"
    "  --run-dir DIR          of the corund in this folder; default: the one that runs\n"
    "\n"
    "Exit code: 0; 2 wrong input; 3 when no corund runs, or one that containers cannot join.\n"
    "\n"
    "Example: corun cdi generate --output /etc/cdi/corun.json\n";

constexpr char kClassKind[] = "corun.dev/class";
constexpr char kWorkloadKind[] = "corun.dev/workload";

struct CdiOptions {
  std::string name, output, run_dir;
  ShareValues share;
};

Result<CdiOptions> parse_cdi(std::span<const std::string> arguments) {
  CdiOptions options;
  std::string action;
  ShareTexts texts;
  CLI::App app;
  app.add_option("action", action);
  app.add_option("--name", options.name);
  texts.add_to(app);
  app.add_option("--output", options.output);
  app.add_option("--run-dir", options.run_dir);
  CORUN_TRY(parse_arguments(app, "cdi", arguments));
  if (action != "generate") {
    return usage_error(
        action.empty() ? "cdi: what?" : fmt::format("cdi: unknown word '{}'", action),
        "write 'corun cdi generate'");
  }
  if (!options.name.empty()) CORUN_TRY(check_workload_name(options.name));
  CORUN_ASSIGN(options.share, read_share(texts));
  const bool shares = texts.service_class || texts.weight || texts.memory || texts.latency_target;
  if (options.name.empty() && shares) {
    return usage_error("a class, weight, limit or target is a workload's", "name it with --name");
  }
  if (!options.output.empty() && !options.output.ends_with(".json")) {
    return usage_error(fmt::format("--output {}: engines would not read it", options.output),
                       "let its name end in .json");
  }
  return options;
}

/// The folder of the node's corund, which stays when workloads end.
Result<modes::RunningDaemon> lasting_daemon(const std::string& run_dir) {
  CORUN_ASSIGN(const auto daemons, require_daemons(run_dir));
  for (const modes::RunningDaemon& one : daemons) {
    if (one.run_dir != daemons.front().run_dir) {
      return usage_error(fmt::format("corunds run in {} and in {}",
                                     daemons.front().run_dir.string(), one.run_dir.string()),
                         "name one with --run-dir");
    }
    if (one.status.backend == "mps") {
      return unsupported("containers cannot join a corund with backend mps by a CDI device",
                         "start it with --backend slices, or use 'corun run -- podman run ...'");
    }
  }
  for (const modes::Place& place : modes::Place::all()) {
    const auto held = place.held();
    if (held && held->daemon_dir() == daemons.front().run_dir) {
      return unsupported("the corund of 'corun run' ends with its last workload",
                         "start one for the node: corund --gpu 0");
    }
  }
  modes::RunningDaemon daemon = daemons.front();
  std::error_code error;
  daemon.run_dir = fs::canonical(daemon.run_dir, error);
  if (error) return failed("cannot use " + run_dir + ": " + error.message());
  return daemon;
}

/// A simulated node's driver and device files; nothing for a real one.
Result<Edits> edits_of_node(const modes::RunningDaemon& daemon) {
  if (!daemon.status.gpu.simulated) return Edits{};
  CORUN_ASSIGN(const Node node, Node::open({NodeChoice::Kind::kAuto, kDefaultProfile}));
  Edits edits = node.container_edits();
  const auto env = node.tenant_prepend_env();
  if (const auto devices = env.find("LD_PRELOAD"); devices != env.end()) {
    edits.env.insert(*devices);
  }
  return edits;
}

containers::CdiDevice device_of(std::string name, Edits edits, const Edits& node) {
  edits.env.insert(node.env.begin(), node.env.end());
  edits.mounts.insert(edits.mounts.end(), node.mounts.begin(), node.mounts.end());
  return {std::move(name), std::move(edits)};
}

Result<containers::CdiSpec> spec_of(const CdiOptions& options) {
  CORUN_ASSIGN(const modes::RunningDaemon daemon, lasting_daemon(options.run_dir));
  CORUN_ASSIGN(const modes::EngineFiles files, modes::find_engine_files());
  CORUN_ASSIGN(const Edits node, edits_of_node(daemon));
  if (!options.name.empty()) {
    Share share;
    share.workload = options.name;
    share.service_class = options.share.service_class.value_or(ServiceClass::kNormal);
    share.weight = options.share.weight.value_or(1);
    share.memory_limit_bytes = options.share.memory_bytes;
    if (options.share.latency_target) {
      share.latency_target_ms = to_millis(*options.share.latency_target);
    }
    Edits edits = modes::workload_edits(files, daemon.run_dir, share);
    return containers::CdiSpec{kWorkloadKind, {device_of(share.workload, std::move(edits), node)}};
  }
  containers::CdiSpec spec{kClassKind, {}};
  for (const ServiceClass one :
       {ServiceClass::kLatencyCritical, ServiceClass::kNormal, ServiceClass::kBestEffort}) {
    Edits edits = modes::class_edits(files, daemon.run_dir, one);
    spec.devices.push_back(device_of(std::string(to_string(one)), std::move(edits), node));
  }
  return spec;
}

Result<ExitCode> run_cdi(std::span<const std::string> arguments, Console& console) {
  CORUN_ASSIGN(const CdiOptions options, parse_cdi(arguments));
  CORUN_ASSIGN(const containers::CdiSpec spec, spec_of(options));
  CORUN_ASSIGN(const std::string text, containers::cdi_text(spec));
  if (options.output.empty()) {
    console.out << text;
    return ExitCode::kOk;
  }
  CORUN_TRY(write_file_atomically(options.output, text));
  for (const containers::CdiDevice& device : spec.devices) {
    console.out << spec.kind << "=" << device.name << "\n";
  }
  return ExitCode::kOk;
}

}  // namespace

const Verb kCdiVerb{"cdi", "devices that make a container a workload", kCdiHelp, run_cdi};

}  // namespace corun::cli
