#include "modes/common.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <set>

#include "core/files.h"
#include "core/units.h"
#include "gpu/mps_control.h"

namespace corun::modes {

namespace fs = std::filesystem;

namespace {

/// A variable of a running process as it was at its start; nothing when unset or unreadable.
std::optional<std::string> variable_of(pid_t pid, const std::string& name) {
  const auto text = read_file(fmt::format("/proc/{}/environ", pid));
  if (!text) return std::nullopt;
  const std::string all = std::string(1, '\0') + *text;
  const std::string wanted = std::string(1, '\0') + name + "=";
  const size_t found = all.find(wanted);
  if (found == std::string::npos) return std::nullopt;
  const size_t begin = found + wanted.size();
  return all.substr(begin, all.find('\0', begin) - begin);
}

bool has_daemon(const std::string& pipe) {
  std::error_code error;
  return fs::exists(fs::path(pipe) / "control", error);
}

}  // namespace

Status check_shares(const GpuInfo& gpu, std::span<const Share> shares) {
  if (shares.empty()) return usage_error("a mode needs at least one workload");
  std::set<std::string> names;
  uint64_t memory = 0;
  for (const Share& share : shares) {
    const std::string who = "workload " + share.workload;
    if (!names.insert(share.workload).second) return usage_error(who + " is there twice");
    if (!(share.weight > 0)) return usage_error(who + ": the weight must be above 0");
    const int percentage = share.thread_percentage.value_or(100);
    if (percentage < 1 || percentage > 100) {
      return usage_error(fmt::format("{}: a thread percentage of {}", who, percentage),
                         "use 1 to 100");
    }
    if (share.memory_limit_bytes && *share.memory_limit_bytes < kMiB) {
      return usage_error(who + ": a memory limit below 1MiB");
    }
    memory += share.memory_limit_bytes.value_or(0);
  }
  if (gpu.memory_bytes > 0 && memory > gpu.memory_bytes) {
    return usage_error(fmt::format("memory limits of {} exceed the {} of {}", format_bytes(memory),
                                   format_bytes(gpu.memory_bytes), gpu.name));
  }
  return {};
}

Status check_shareable(const GpuInfo& gpu, bool through_server) {
  const std::string who = fmt::format("GPU {}", gpu.index);
  if (gpu.mig_mode == "enabled") {
    return unsupported(who + " is in MIG mode",
                       fmt::format("nvidia-smi -i {} -mig 0 turns it off", gpu.index));
  }
  if (gpu.compute_mode == "prohibited" ||
      (gpu.compute_mode == "exclusive-process" && !through_server)) {
    return unsupported(fmt::format("{} is in compute mode {}", who, gpu.compute_mode),
                       fmt::format("nvidia-smi -i {} -c DEFAULT changes it", gpu.index));
  }
  return {};
}

Status make_private_folder(const std::string& path) {
  std::error_code error;
  fs::create_directories(fs::path(path).parent_path(), error);
  if (error) return failed("cannot make " + path + ": " + error.message());
  if (mkdir(path.c_str(), 0700) != 0) {
    return failed("cannot make " + path + ": " + std::strerror(errno));
  }
  return {};
}

Status remove_run_dir(const Plan& plan) {
  std::error_code error;
  fs::remove_all(plan.run_dir, error);
  if (error) return failed("cannot remove " + plan.run_dir + ": " + error.message());
  return {};
}

std::map<std::string, std::string> gpu_environment(const GpuInfo& gpu, const std::string& pipe) {
  std::map<std::string, std::string> env{{gpu::kEnvMpsPipe, pipe}};
  // A simulated node has one GPU, and its driver reads no such variable.
  if (!gpu.simulated && !gpu.uuid.empty()) env["CUDA_VISIBLE_DEVICES"] = gpu.uuid;
  return env;
}

std::string empty_pipe_dir(const Plan& plan) { return plan.run_dir + "/no-mps"; }

Status check_without_mps(const std::string& pipe, std::span<const Tenant> tenants) {
  if (has_daemon(pipe)) return failed("an MPS daemon listens in " + pipe);
  for (const Tenant& tenant : tenants) {
    for (int pid : tenant.pids) {
      std::error_code error;
      if (!fs::exists(fmt::format("/proc/{}/environ", pid), error)) continue;
      const std::string used = variable_of(pid, gpu::kEnvMpsPipe).value_or("/tmp/nvidia-mps");
      if (used == pipe || !has_daemon(used)) continue;
      return failed(fmt::format("workload {} (PID {}) may be a client of the MPS daemon in {}",
                                tenant.workload, pid, used),
                    fmt::format("let it keep {}", gpu::kEnvMpsPipe));
    }
  }
  return {};
}

}  // namespace corun::modes
