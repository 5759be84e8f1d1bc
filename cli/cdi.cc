// corun cdi: devices with which engines make a container a workload.
#include "containers/cdi.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/daemons.h"
#include "cli/node.h"
#include "cli/share_options.h"
#include "cli/verb.h"
#include "core/environment.h"
#include "core/files.h"
#include "gpu/mps_control.h"
#include "modes/managed.h"
#include "modes/mps.h"
#include "modes/place.h"

namespace corun::cli {

namespace fs = std::filesystem;

namespace {

constexpr char kCdiHelp[] =
    "Usage: corun cdi generate [--name NAME | --mps] [options]\n"
    "\n"
    "Prints a CDI specification: 'podman run --device corun.dev/class=best-effort ...' then makes\n"
    "the container a workload of the node's corund (docs/containers.md). Its GPU comes from\n"
    "another device, as nvidia.com/gpu=0. Without --name there is one device for each class.\n"
    "\n"
    "  --name NAME            the device corun.dev/workload=NAME: containers of it are one "
    "workload\n"
    "  --mps                  the device corun.dev/mps=client instead: clients of the node's MPS\n"
    "                         daemon, without corund\n"
    "  --mps-pipe DIR         its CUDA_MPS_PIPE_DIRECTORY, if no daemon answers yet\n"
    "  --class CLASS          latency-critical, normal (default) or best-effort\n"
    "  --weight W             relative share, 0.001 to 1000 (1)\n"
    "  --memory SIZE          GPU memory limit of the workload, as 20GiB\n"
    "  --latency-target TIME  p99 of a burst, as 5ms, for policy deadline\n"
    "  --output FILE          writes it there (.json), for engines below /etc/cdi\n"
    "  --run-dir DIR          of the corund in this folder; default: the one that runs\n"
    "\n"
    "Exit code: 0; 2 wrong input; 3 when no corund (or MPS daemon) runs, or one that containers\n"
    "cannot join.\n"
    "\n"
    "Example: corun cdi generate --output /etc/cdi/corun.json\n";

constexpr char kClassKind[] = "corun.dev/class";
constexpr char kWorkloadKind[] = "corun.dev/workload";
constexpr char kMpsKind[] = "corun.dev/mps";
constexpr char kMpsDevice[] = "client";

struct CdiOptions {
  std::string name, output, run_dir, mps_pipe;
  bool mps = false;  ///< without corund
  ShareValues share;
};

Result<CdiOptions> parse_cdi(std::span<const std::string> arguments) {
  CdiOptions options;
  std::string action;
  ShareTexts texts;
  CLI::App app;
  app.add_option("action", action);
  app.add_option("--name", options.name);
  app.add_flag("--mps", options.mps);
  app.add_option("--mps-pipe", options.mps_pipe);
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
  if (options.mps && (!options.name.empty() || !options.run_dir.empty())) {
    return usage_error("--mps is for clients of MPS without corund",
                       "leave --name and --run-dir out");
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
Result<Edits> edits_of_node(bool simulated) {
  if (!simulated) return Edits{};
  CORUN_ASSIGN(const Node node, Node::open({NodeChoice::Kind::kAuto, kDefaultProfile}));
  Edits edits = node.container_edits();
  const auto env = node.tenant_prepend_env();
  if (const auto devices = env.find("LD_PRELOAD"); devices != env.end()) {
    edits.env.insert(*devices);
  }
  return edits;
}

/// The pipe folder of the MPS daemon: a stated one may have its daemon later.
Result<fs::path> mps_pipe_of(const CdiOptions& options) {
  if (options.mps_pipe.empty()) return modes::node_mps_pipe();
  std::error_code error;
  fs::path pipe = fs::canonical(options.mps_pipe, error);
  if (!error && fs::is_directory(pipe, error)) return pipe;
  return usage_error(fmt::format("--mps-pipe {} is not a folder", options.mps_pipe),
                     "give CUDA_MPS_PIPE_DIRECTORY of nvidia-cuda-mps-control");
}

/// What containers of this class need besides where the daemon's workloads are clients of MPS.
Result<Edits> edits_of_backend(const CdiOptions& options, const modes::RunningDaemon& daemon) {
  if (daemon.status.backend == "mps") {
    CORUN_ASSIGN(const fs::path pipe, mps_pipe_of(options));
    return modes::mps_client_edits(pipe);
  }
  if (options.mps_pipe.empty()) return Edits{};
  return usage_error("--mps-pipe: this corund's backend is slices", "leave it out, or add --mps");
}

void append(Edits& edits, const Edits& more) {
  edits.env.insert(more.env.begin(), more.env.end());
  edits.mounts.insert(edits.mounts.end(), more.mounts.begin(), more.mounts.end());
}

/// `node`: of the node and of the daemon's backend.
containers::CdiDevice device_of(std::string name, ServiceClass service_class, Edits edits,
                                const Edits& node) {
  append(edits, node);
  if (node.env.contains(gpu::kEnvMpsPipe)) {
    edits.env[gpu::kEnvMpsPriority] = modes::mps_priority(service_class);
  }
  return {std::move(name), std::move(edits)};
}

Result<containers::CdiSpec> mps_spec(const CdiOptions& options) {
  CORUN_ASSIGN(const fs::path pipe, mps_pipe_of(options));
  CORUN_ASSIGN(const Edits node, edits_of_node(environment(kEnvSimNode).has_value()));
  Edits edits = modes::mps_client_edits(pipe);
  append(edits, node);
  return containers::CdiSpec{kMpsKind, {{kMpsDevice, std::move(edits)}}};
}

Result<containers::CdiSpec> spec_of(const CdiOptions& options) {
  if (options.mps) return mps_spec(options);
  CORUN_ASSIGN(const modes::RunningDaemon daemon, lasting_daemon(options.run_dir));
  CORUN_ASSIGN(const modes::EngineFiles files, modes::find_engine_files());
  CORUN_ASSIGN(Edits node, edits_of_node(daemon.status.gpu.simulated));
  CORUN_ASSIGN(const Edits backend, edits_of_backend(options, daemon));
  append(node, backend);
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
    return containers::CdiSpec{
        kWorkloadKind, {device_of(share.workload, share.service_class, std::move(edits), node)}};
  }
  containers::CdiSpec spec{kClassKind, {}};
  for (const ServiceClass one :
       {ServiceClass::kLatencyCritical, ServiceClass::kNormal, ServiceClass::kBestEffort}) {
    Edits edits = modes::class_edits(files, daemon.run_dir, one);
    spec.devices.push_back(device_of(std::string(to_string(one)), one, std::move(edits), node));
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
