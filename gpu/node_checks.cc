#include "gpu/node_checks.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/abi/nvml.h"
#include "gpu/driver.h"

namespace corun::gpu {

namespace {

using Level = Finding::Level;
using Findings = std::vector<Finding>;

// Clock reasons that are part of normal work.
constexpr uint64_t kHarmlessClockReasons =
    nvml::kClocksGpuIdle | nvml::kClocksApplicationSetting | nvml::kClocksDisplaySetting;

struct ClockReason {
  uint64_t bit;
  const char* text;
};
constexpr ClockReason kClockReasons[] = {
    {nvml::kClocksSoftwarePowerCap, "power limit"},
    {nvml::kClocksHardwareSlowdown, "hardware slowdown"},
    {nvml::kClocksSyncBoost, "sync boost"},
    {nvml::kClocksSoftwareThermal, "temperature (software)"},
    {nvml::kClocksHardwareThermal, "temperature (hardware)"},
    {nvml::kClocksHardwarePowerBrake, "power brake"},
};

void add(Findings* out, std::string id, Level level, std::string text, std::string fix = {}) {
  out->push_back({std::move(id), level, std::move(text), std::move(fix)});
}

std::string_view yes_no(bool value) { return value ? "yes" : "no"; }

// --- driver ---

void check_driver(const NodeFacts& facts, Findings* out) {
  const DriverFacts& driver = facts.driver;
  if (driver.error) {
    add(out, "driver", Level::kProblem, driver.error->what, driver.error->todo);
  } else if (driver.version < kOldestCuda) {
    add(out, "driver", Level::kProblem,
        fmt::format("{} supports CUDA {}; corun's kernels need {}", driver.path,
                    cuda_version_text(driver.version), cuda_version_text(kOldestCuda)),
        "install the NVIDIA driver R520 or newer");
  } else if (driver.simulated_profile) {
    add(out, "driver", Level::kNote,
        fmt::format("SIMULATED: {} (profile {}), CUDA {}", driver.path, *driver.simulated_profile,
                    cuda_version_text(driver.version)));
  } else {
    add(out, "driver", Level::kOk,
        fmt::format("{} for CUDA {} ({})",
                    facts.driver_version.empty() ? "loaded" : facts.driver_version,
                    cuda_version_text(driver.version), driver.path));
  }
  if (facts.nvml_error) {
    add(out, "nvml", Level::kProblem, facts.nvml_error->what, facts.nvml_error->todo);
  } else {
    add(out, "nvml", Level::kOk, "telemetry and processes can be read");
  }
  if (driver.error) return;
  add(out, "driver-functions", driver.versioned_lookup ? Level::kOk : Level::kWarning,
      fmt::format("versioned lookup {}, stream memory operations {}, asynchronous allocation {}",
                  yes_no(driver.versioned_lookup), yes_no(driver.stream_memory_ops),
                  yes_no(driver.async_allocation)),
      driver.versioned_lookup ? "" : "install a driver with cuGetProcAddress (R465 or newer)");
  if (driver.checkpoint) {
    add(out, "checkpoint", Level::kOk, "the driver can park an idle process in host memory");
  } else {
    add(out, "checkpoint", Level::kNote,
        "the driver cannot park processes (cuCheckpointProcess... is missing)",
        driver.simulated_profile
            ? ""
            : "install the NVIDIA driver R570 or newer to use park and resume");
  }
}

// --- one GPU ---

void check_compute_mode(const GpuInfo& info, const std::string& id, Findings* out) {
  const std::string fix = fmt::format("sudo nvidia-smi -i {} -c DEFAULT", info.index);
  if (info.compute_mode == "exclusive-process") {
    add(out, id, Level::kProblem,
        "compute mode is EXCLUSIVE_PROCESS (often left behind by an MPS set-up): a second process "
        "cannot open the GPU without MPS",
        fix);
  } else if (info.compute_mode == "prohibited") {
    add(out, id, Level::kProblem, "compute mode is PROHIBITED: no process can open the GPU", fix);
  } else {
    add(out, id, Level::kOk, fmt::format("compute mode {}", info.compute_mode));
  }
}

void check_mig(const GpuInfo& info, const std::string& id, Findings* out) {
  if (info.mig_mode == "enabled") {
    add(out, id, Level::kWarning,
        "MIG is enabled: programs see one instance, and NVML tells no utilisation for it",
        fmt::format("sudo nvidia-smi -i {} -mig 0, while nothing uses the GPU", info.index));
  } else {
    add(out, id, Level::kOk,
        info.mig_mode == "disabled" ? "MIG is possible, and disabled" : "no MIG on this GPU");
  }
}

void check_processes(const GpuFacts& gpu, const std::string& id, Findings* out) {
  if (gpu.processes_error) {
    add(out, id, Level::kWarning,
        "its processes cannot be listed (" + gpu.processes_error->what +
            "): foreign work on the GPU will not be noticed");
    return;
  }
  if (gpu.processes.empty()) {
    add(out, id, Level::kOk, "nobody uses it now");
    return;
  }
  std::vector<int> pids;
  for (const GpuProcess& process : gpu.processes) pids.push_back(process.pid);
  add(out, id, Level::kWarning,
      fmt::format("in use by PID {}: measured cells will be void", fmt::join(pids, ", ")),
      "stop them before measuring");
}

void check_clocks(const GpuFacts& gpu, const std::string& id, Findings* out) {
  std::vector<std::string> reasons;
  for (const ClockReason& reason : kClockReasons) {
    if ((gpu.clock_reasons.value_or(0) & ~kHarmlessClockReasons & reason.bit) != 0) {
      reasons.emplace_back(reason.text);
    }
  }
  if (!reasons.empty()) {
    add(out, id, Level::kWarning,
        fmt::format("clocks are held down now by: {}", fmt::join(reasons, ", ")),
        "look at nvidia-smi -q -d PERFORMANCE");
    return;
  }
  const auto set = gpu.application_clock_mhz;
  const auto highest = static_cast<unsigned>(gpu.info.max_sm_clock_mhz);
  if (set && *set < highest) {
    add(out, id, Level::kNote,
        fmt::format("application clock is {} MHz, of at most {} MHz", *set, highest));
    return;
  }
  add(out, id, Level::kOk, fmt::format("clocks up to {} MHz, not held down", highest));
}

void check_persistence(const GpuFacts& gpu, const std::string& id, Findings* out) {
  if (!gpu.persistence) return;
  if (*gpu.persistence) {
    add(out, id, Level::kOk, "persistence mode is on");
  } else {
    add(out, id, Level::kWarning,
        "persistence mode is off: the driver unloads when idle, so that each first context is slow "
        "and settings are lost",
        fmt::format("sudo nvidia-smi -i {} -pm 1", gpu.info.index));
  }
}

void check_gpu(const GpuFacts& gpu, Findings* out) {
  const GpuInfo& info = gpu.info;
  const std::string id = fmt::format("gpu{}.", info.index);
  if (info.compute_major < kOldestComputeMajor) {
    add(out, id + "architecture", Level::kProblem,
        fmt::format("compute capability {}.{} is older than 7.0 (Volta): corun's kernels do not "
                    "load",
                    info.compute_major, info.compute_minor),
        "use a Volta or newer GPU");
  } else {
    add(out, id + "architecture", Level::kOk,
        fmt::format("compute capability {}.{}, {} SMs: corun's kernels load", info.compute_major,
                    info.compute_minor, info.sm_count));
  }
  check_compute_mode(info, id + "compute-mode", out);
  check_mig(info, id + "mig", out);
  check_processes(gpu, id + "processes", out);
  check_clocks(gpu, id + "clocks", out);
  check_persistence(gpu, id + "persistence", out);
  add(out, id + "telemetry", gpu.gpm ? Level::kOk : Level::kNote,
      fmt::format("SM activity (GPM) {}, energy counter {}, XID events {}", yes_no(gpu.gpm),
                  yes_no(gpu.energy), yes_no(gpu.events)),
      gpu.gpm ? "" : "GPM needs Hopper or newer; without it only NVML's utilisation is shown");
}

void check_device_nodes(const NodeFacts& facts, Findings* out) {
  if (facts.driver.path.empty()) return;  // without a driver they are not to be expected
  bool links_missing = false;
  for (const DeviceNode& node : facts.device_nodes) {
    if (!node.exists) {
      add(out, "device-nodes", Level::kWarning, node.path + " does not exist",
          "run nvidia-modprobe -u -c=0, or pass the device to the container");
    } else if (!node.usable) {
      add(out, "device-nodes", Level::kProblem,
          fmt::format("{} cannot be opened by this user ({})", node.path, node.access),
          "join the group that owns it, or correct its permissions");
    }
    links_missing = links_missing || (node.exists && !node.char_link);
  }
  if (links_missing && facts.systemd) {
    add(out, "dev-char", Level::kWarning,
        "/dev/char has no links to the NVIDIA devices: under systemd's cgroups, containers lose "
        "the GPU at the next daemon-reload",
        "sudo nvidia-ctk system create-dev-char-symlinks --create-all");
  }
}

// --- MPS ---

void check_mps(const NodeFacts& facts, Findings* out) {
  if (facts.mps_error) {
    add(out, "mps-control", Level::kWarning, facts.mps_error->what, facts.mps_error->todo);
  } else {
    add(out, "mps-control", Level::kOk, facts.mps_control);
  }
  if (facts.mps_daemons.empty()) {
    if (facts.mps_default_pipe_exists) {
      add(out, "mps-stray", Level::kNote,
          facts.mps_default_pipe + " is left of an MPS daemon that does not run");
    }
  } else if (facts.mps_default_pipe_exists) {
    add(out, "mps-stray", Level::kWarning,
        fmt::format("an MPS daemon (PID {}) serves {}: every CUDA program that names no other pipe "
                    "directory joins it silently; corun's own workloads do not",
                    fmt::join(facts.mps_daemons, ", "), facts.mps_default_pipe),
        "echo quit | nvidia-cuda-mps-control");
  } else {
    add(out, "mps-stray", Level::kNote,
        fmt::format("an MPS daemon runs (PID {}), not at {}", fmt::join(facts.mps_daemons, ", "),
                    facts.mps_default_pipe));
  }
  if (!facts.temporary_writable) {
    add(out, "temporary-folder", Level::kProblem,
        facts.temporary_folder + " is not writable: there is no place for pipes and sockets",
        "set TMPDIR to a writable folder");
  }
}

// --- system ---

void check_cpus(const NodeFacts& facts, Findings* out) {
  const double usable = facts.cpu_quota.value_or(facts.cpus);
  const std::string text =
      facts.cpu_quota
          ? fmt::format("{} processors, of which the cgroup allows {:.3g}", facts.cpus, usable)
          : fmt::format("{} processors", facts.cpus);
  if (usable < 4) {
    add(out, "cpus", Level::kWarning,
        text + ": workloads will wait for processors, and their cells will be marked CPU-bound",
        "allow about two processors a workload, and one for corun");
  } else {
    add(out, "cpus", Level::kOk, text);
  }
  if (facts.cpu_governor == "powersave") {
    add(out, "cpu-governor", Level::kNote, "the processors' governor is powersave",
        "sudo cpupower frequency-set -g performance, for steadier latencies");
  }
}

void check_containers(const NodeFacts& facts, Findings* out) {
  const auto found = [&facts](const char* name) {
    const auto program = facts.programs.find(name);
    return program == facts.programs.end() ? std::string("no") : program->second;
  };
  add(out, "containers", Level::kNote,
      fmt::format(
          "docker {}, podman {}, CDI files {}", found("docker"), found("podman"),
          facts.cdi_files.empty() ? "none" : fmt::format("{}", fmt::join(facts.cdi_files, ", "))));
  if (!facts.host_pids) {
    add(out, "pid-namespace", Level::kNote,
        "corun runs in a PID namespace of its own, where the driver's PIDs are as a rule the "
        "host's: figures by process may be missing",
        "start the container with --pid=host for figures by process");
  }
}

}  // namespace

std::string_view to_string(Finding::Level level) {
  switch (level) {
    case Level::kOk:
      return "ok";
    case Level::kNote:
      return "note";
    case Level::kWarning:
      return "warning";
    case Level::kProblem:
      return "problem";
  }
  return "unknown";
}

std::vector<Finding> check_node(const NodeFacts& facts) {
  Findings findings;
  check_driver(facts, &findings);
  for (const GpuFacts& gpu : facts.gpus) check_gpu(gpu, &findings);
  check_device_nodes(facts, &findings);
  check_mps(facts, &findings);
  check_cpus(facts, &findings);
  check_containers(facts, &findings);
  return findings;
}

}  // namespace corun::gpu
