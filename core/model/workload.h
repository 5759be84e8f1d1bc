// What a user asks for: workloads, and the share of the GPU each of them wants.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace corun {

enum class WorkloadKind { kTraining, kInference, kInteractive, kSynthetic, kCommand };
enum class ServiceClass { kLatencyCritical, kNormal, kBestEffort };

std::string_view to_string(WorkloadKind kind);  // "training", ...
std::string_view to_string(ServiceClass cls);   // "latency-critical", "normal", "best-effort"
Result<WorkloadKind> parse_workload_kind(std::string_view text);
Result<ServiceClass> parse_service_class(std::string_view text);

/// One workload of a mix: any command, with what corun needs to know about it.
struct WorkloadSpec {
  std::string name;  ///< unique in its mix; [a-z0-9-]
  WorkloadKind kind = WorkloadKind::kCommand;
  ServiceClass service_class = ServiceClass::kNormal;
  double weight = 1.0;               ///< relative share, > 0
  std::vector<std::string> command;  ///< argv; command[0] is looked up in PATH
  std::map<std::string, std::string> env;
  std::optional<uint64_t> memory_limit_bytes;  ///< GPU memory
  std::optional<int> thread_percentage;        ///< MPS active threads, 1..100
  std::optional<double> latency_target_ms;     ///< p99 target
};

/// What a mode needs to know of a workload to give it its part of the GPU.
struct Share {
  std::string workload;
  ServiceClass service_class = ServiceClass::kNormal;
  double weight = 1.0;
  std::optional<uint64_t> memory_limit_bytes;
  std::optional<int> thread_percentage;
  std::optional<double> latency_target_ms;  ///< p99 target of a burst or request
};

/// What a mode changes in the environment a workload is started in (a process or a container).
struct Edits {
  struct Mount {
    std::string host_path;
    std::string container_path;
    bool read_only = false;
  };
  std::map<std::string, std::string> env;  ///< set (an empty value sets the empty string)
  /// Put in front of what the variable holds then: colon-separated lists such as LD_PRELOAD.
  std::map<std::string, std::string> prepend_env;
  std::vector<Mount> mounts;         ///< for containers; a plain process sees the host's files
  std::vector<std::string> devices;  ///< device nodes, e.g. /dev/nvidia0
};

}  // namespace corun
