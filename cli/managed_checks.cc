#include "cli/managed_checks.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/environment.h"
#include "core/json_fields.h"
#include "core/process.h"
#include "gpu/switch_buffer.h"
#include "modes/engine_files.h"

namespace corun::cli {

namespace fs = std::filesystem;

using gpu::Finding;
using Level = gpu::Finding::Level;

namespace {

constexpr Nanos kPatience = std::chrono::seconds(10);

/// What the dynamic loader says when it cannot load the library; empty when it can.
std::string preload_error(const fs::path& library) {
  ProcessOptions options;
  options.argv = {"true"};
  prepend_variable(options.set_env, "LD_PRELOAD", library.string());
  const auto ran = run_command(options, kPatience);
  if (!ran) return ran.error().what;
  const std::string& said = ran->err;
  return said.find(library.filename().string()) == std::string::npos
             ? ""
             : said.substr(0, said.find('\n'));
}

/// The verdict that corund keeps per GPU and driver (docs/environment.md, XDG_CACHE_HOME).
std::optional<ManagedFacts::Slices> measured_slices(const GpuInfo& gpu) {
  const auto cache = environment("XDG_CACHE_HOME");
  const auto home = environment("HOME");
  if (!cache && !home) return std::nullopt;
  const fs::path folder = cache ? fs::path(*cache) : fs::path(*home) / ".cache";
  const auto value =
      read_json_file(folder / "corun" / fmt::format("slices-{}-{}.json", gpu.uuid, gpu.driver));
  if (!value) return std::nullopt;
  std::string state;
  ManagedFacts::Slices slices;
  JsonFields in(*value, "verdict");
  in.get("state", state);
  in.get("why", slices.why);
  const auto parsed = client::parse_slices_state(state);
  if (!in.status() || !parsed) return std::nullopt;
  slices.state = *parsed;
  return slices;
}

Finding library_finding(const ManagedFacts& facts) {
  Finding finding{"managed-library", Level::kOk, "", ""};
  if (facts.missing) {
    finding.level = Level::kNote;
    finding.text = facts.missing->what;
    finding.fix = facts.missing->todo;
  } else if (!facts.preload_error.empty()) {
    finding.level = Level::kWarning;
    finding.text = "libcorun.so cannot be preloaded: " + facts.preload_error;
    finding.fix = "use a libcorun.so for this C library and processor";
  } else {
    finding.text = "libcorun.so can be preloaded (" + facts.library + ")";
  }
  return finding;
}

Finding gate_finding(const gpu::NodeFacts& node, const gpu::GpuFacts& gpu) {
  Finding finding{fmt::format("gpu{}.gate", gpu.info.index), Level::kOk, "", ""};
  if (!node.driver.stream_memory_ops) {
    finding.level = Level::kWarning;
    finding.text = "the driver lacks cuStreamWaitValue32: no gates, so managed-mps orders nothing";
    finding.fix = "install the NVIDIA driver R520 or newer";
    return finding;
  }
  const char* registration = !gpu.read_only_registration   ? "not told"
                             : *gpu.read_only_registration ? "yes"
                                                           : "no, gate pages are mapped writable";
  finding.text =
      fmt::format("streams can wait for a gate; read-only registration: {}", registration);
  return finding;
}

Finding slices_finding(const gpu::GpuFacts& gpu, const ManagedFacts& facts) {
  Finding finding{fmt::format("gpu{}.slices", gpu.info.index), Level::kNote, "", ""};
  const auto measured = facts.slices.find(gpu.info.uuid);
  if (measured == facts.slices.end() || measured->second.state == client::SlicesState::kUnproven) {
    finding.text = "whether time slices act was not measured here; a new corund measures it";
    finding.fix = "corund --self-test, on an idle GPU (8 s)";
    return finding;
  }
  const bool proven = measured->second.state == client::SlicesState::kProven;
  finding.level = proven ? Level::kOk : Level::kNote;
  finding.text = fmt::format("time slices {}: {}", proven ? "act" : "do not act here, gates alone",
                             measured->second.why);
  return finding;
}

const modes::RunningDaemon* running_daemon(const gpu::GpuFacts& gpu, const ManagedFacts& facts) {
  const auto daemon = std::find_if(
      facts.daemons.begin(), facts.daemons.end(),
      [&](const auto& candidate) { return candidate.status.gpu.uuid == gpu.info.uuid; });
  return daemon == facts.daemons.end() ? nullptr : &*daemon;
}

/// A daemon that runs knows best: under MPS it does not read them.
Finding switches_finding(const gpu::GpuFacts& gpu, const ManagedFacts& facts) {
  Finding finding{fmt::format("gpu{}.switches", gpu.info.index), Level::kOk, "", ""};
  const modes::RunningDaemon* daemon = running_daemon(gpu, facts);
  const auto tried = facts.switches.find(gpu.info.uuid);
  std::string why = "was not looked at";
  if (daemon != nullptr) {
    if (daemon->status.gpu_time == client::Label::kMeasured) {
      finding.text = "corund measures GPU time by the driver's record of context switches";
      return finding;
    }
    why = daemon->status.gpu_time_why;
  } else if (tried != facts.switches.end()) {
    if (tried->second) {
      finding.text = "the driver tells its context switches, by which corund measures GPU time";
      if (!facts.root) finding.text += "; processes of other users have names for root only";
      return finding;
    }
    why = tried->second.error().what;
    finding.fix = tried->second.error().todo;
  }
  finding.level = Level::kNote;
  finding.text = "GPU time is estimated: " + why;
  return finding;
}

Finding daemon_finding(const gpu::GpuFacts& gpu, const ManagedFacts& facts) {
  Finding finding{fmt::format("gpu{}.corund", gpu.info.index), Level::kNote, "", ""};
  const modes::RunningDaemon* daemon = running_daemon(gpu, facts);
  if (daemon == nullptr) {
    finding.text = "no corund governs it; 'corun run' starts one for its own workloads";
    return finding;
  }
  const client::DaemonStatus& status = daemon->status;
  finding.level = Level::kOk;
  finding.text = fmt::format(
      "corund {} (PID {}) governs it, {}, policy {}, {} workloads", status.version, status.pid,
      status.user == 0 ? "for all users" : fmt::format("for user {} alone", status.user),
      status.settings.policy, status.workloads.size());
  return finding;
}

}  // namespace

ManagedFacts collect_managed_facts(const gpu::NodeFacts& node) {
  ManagedFacts facts;
  const auto files = modes::find_engine_files();
  if (files) {
    facts.library = files->library.string();
    facts.preload_error = preload_error(files->library);
  } else {
    facts.missing = files.error();
  }
  facts.daemons = modes::running_daemons();
  facts.root = geteuid() == 0;
  for (const gpu::GpuFacts& gpu : node.gpus) {
    if (auto slices = measured_slices(gpu.info)) facts.slices[gpu.info.uuid] = std::move(*slices);
    if (running_daemon(gpu, facts) != nullptr) continue;
    const auto buffer = gpu::SwitchBuffer::open(gpu.info);
    facts.switches[gpu.info.uuid] = buffer ? Status() : Status(buffer.error());
  }
  return facts;
}

Finding training_finding(bool built) {
  if (built)
    return {"training", Level::kOk, "corun-train and corun-infer-torch are here: real models", ""};
  return {"training", Level::kNote,
          "no corun-train, no corun-infer-torch: LibTorch was not found when this was built",
          "tools/install_deps.sh torch, then build again (docs/training.md)"};
}

std::vector<Finding> managed_findings(const gpu::NodeFacts& node, const ManagedFacts& facts) {
  std::vector<Finding> findings{library_finding(facts)};
  for (const gpu::GpuFacts& gpu : node.gpus) {
    findings.push_back(gate_finding(node, gpu));
    findings.push_back(slices_finding(gpu, facts));
    findings.push_back(switches_finding(gpu, facts));
    findings.push_back(daemon_finding(gpu, facts));
  }
  return findings;
}

}  // namespace corun::cli
