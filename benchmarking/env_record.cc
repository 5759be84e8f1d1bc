#include "benchmarking/env_record.h"

#include <sys/utsname.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/files.h"
#include "core/json_values.h"

namespace corun::benchmarking {

namespace {

std::string kernel() {
  utsname name{};
  if (uname(&name) != 0) return "";
  return std::string(name.sysname) + " " + name.release + " " + name.machine;
}

std::string processor() {
  auto info = read_file("/proc/cpuinfo");
  if (!info) return "";
  std::istringstream lines(*info);
  for (std::string line; std::getline(lines, line);) {
    size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) {
      return line.substr(colon + 2);
    }
  }
  return "";
}

// Who shares processors in the largest mix; "own processors each" when nobody does.
std::string placement(const EnvRecord& env, const Matrix& matrix) {
  CpuPlan plan = partition_cpus(env.cpus, matrix.largest_n());
  return plan.note.empty() ? "own processors each" : plan.note;
}

Json gpu_json(const GpuInfo& gpu) {
  return {{"index", gpu.index},
          {"uuid", gpu.uuid},
          {"name", gpu.name},
          {"driver", gpu.driver},
          {"cuda", gpu.cuda},
          {"pci_bus_id", gpu.pci_bus_id},
          {"compute_capability",
           std::to_string(gpu.compute_major) + "." + std::to_string(gpu.compute_minor)},
          {"sm_count", gpu.sm_count},
          {"memory_bytes", gpu.memory_bytes},
          {"max_sm_clock_mhz", gpu.max_sm_clock_mhz},
          {"power_limit_w", or_null(gpu.power_limit_w)},
          {"compute_mode", gpu.compute_mode},
          {"mig_mode", gpu.mig_mode},
          {"simulated", gpu.simulated}};
}

}  // namespace

Json to_json(const EnvRecord& env, const Matrix& matrix) {
  Json waived = Json::array();
  for (const WaivedMode& mode : env.waived) {
    waived.push_back({{"mode", mode.mode}, {"reason", mode.reason}});
  }
  const VoidLimits& limits = env.limits;
  return {{"schema", 1},
          {"run", env.run},
          {"simulated", env.gpu.simulated},
          {"corun", {{"version", env.version}, {"commit", env.commit}}},
          {"command_line", env.command_line},
          {"arguments", env.arguments},
          {"started", env.started},
          {"finished", or_null(env.finished)},
          {"seed", matrix.options.seed},
          {"gpu", gpu_json(env.gpu)},
          {"machine",
           {{"kernel", kernel()},
            {"processor", processor()},
            {"cpus", env.cpus.cpu_count()},
            {"cpu_quota", or_null(env.cpus.quota)},
            {"cpu_placement", placement(env, matrix)}}},
          {"void_limits",
           {{"generator_lag_us", limits.lag_us},
            {"generator_lag_of_solo_p99", limits.lag_of_solo_p99},
            {"bracket_drift", limits.bracket_drift},
            {"p50_drift_us", limits.p50_drift_us},
            {"min_clock_share", limits.min_clock_share},
            {"max_silence_s", limits.max_silence_s},
            {"timing_voids", limits.timing_voids}}},
          {"waived", waived},
          {"plan", plan_to_json(matrix)}};
}

std::optional<std::string> first_difference(const Json& plan, const Json& other) {
  for (const auto& [key, value] : plan.items()) {
    if (!other.is_object() || !other.contains(key) || other.at(key) != value) return key;
  }
  return std::nullopt;
}

}  // namespace corun::benchmarking
