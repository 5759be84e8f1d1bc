// What the drop-in driver needs of a PTX text: its version and its kernels with their parameters.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace corun::simgpu::driver {

struct PtxParameter {
  uint32_t offset = 0;  ///< in the parameter buffer of a launch
  uint32_t size = 0;
};

struct PtxModule {
  int version_major = 0;
  int version_minor = 0;
  std::map<std::string, std::vector<PtxParameter>, std::less<>> entries;
};

/// Reads the `.version` and every `.entry NAME (.param ...)`; bodies are skipped.
/// Syntax: https://docs.nvidia.com/cuda/parallel-thread-execution/ (kernel function directives).
/// Errors (failed): what is missing, with the line.
Result<PtxModule> parse_ptx(std::string_view text);

}  // namespace corun::simgpu::driver
