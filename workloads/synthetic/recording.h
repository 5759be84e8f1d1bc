// A model's kernels as workloads/reference/record_profile.py recorded them (docs/profiles.md).
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/workload.h"
#include "core/result.h"

namespace corun::synthetic {

/// A kernel's name and what bounds how many of its blocks an SM holds.
struct RecordedShape {
  std::string name;
  uint64_t grid_blocks = 1;
  uint32_t block_threads = 1;
  uint32_t shared_bytes = 0;
  uint32_t registers = 0;  ///< of a thread; 0: not known
};

enum class OpKind { kKernel, kCopyIn, kCopyOut, kCopyOnDevice, kSet };

/// One piece of the GPU's work. Times are microseconds after the recording's begin.
struct RecordedOp {
  OpKind kind = OpKind::kKernel;
  uint32_t shape = 0;  ///< of a kernel
  uint64_t bytes = 0;  ///< of the others
  double start_us = 0;
  double duration_us = 0;
  double launch_us = 0;  ///< when the host called the driver; where not known, `start_us`
};

struct RecordedStep {
  double host_begin_us = 0;
  double host_us = 0;  ///< how long the host was in the step
  std::vector<RecordedOp> ops;
};

/// The GPU that was recorded; without its own figures those of compute capability 9.0.
struct RecordedGpu {
  std::string name;
  uint32_t sm_count = 1;
  uint32_t threads_per_sm = 2048;
  uint32_t registers_per_sm = 65536;
  uint32_t shared_bytes_per_sm = 228 * 1024;
};

struct Recording {
  std::string name;
  WorkloadKind kind = WorkloadKind::kInference;  ///< or kTraining
  bool graph = false;
  uint32_t batch = 1;
  double step_us = 0;  ///< a step without the profiler
  RecordedGpu gpu;
  std::vector<RecordedShape> shapes;
  std::vector<RecordedStep> steps;  ///< not empty; each has at least one kernel
};

/// Takes any bytes. Errors (usage): `ORIGIN: what`, for another format, what is missing and values
/// that no GPU has.
Result<Recording> parse_recording(std::string_view text, std::string_view origin);

/// The file of `name`: itself where it is a path (a '/' or .json in it), else NAME.json in
/// `folder`. Errors (usage): not there, naming the profiles that are.
Result<std::filesystem::path> find_recording(std::string_view name,
                                             const std::filesystem::path& folder);

/// Reads and parses.
Result<Recording> load_recording(std::string_view name, const std::filesystem::path& folder);

}  // namespace corun::synthetic
